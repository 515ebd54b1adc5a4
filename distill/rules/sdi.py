"""Score distillation via inversion (arXiv 2405.15891): the noise is what leads to x, not a draw."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill.guidance import predict_guided
from distill.prior import Prior
from distill.rules.ode import even_times, move
from distill.rules.rule import PromptBatch, checked


@dataclass
class Draws:
    """The state: where the random draws stand."""

    generator: torch.Generator

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.generator.set_state(state["generator"])


@dataclass(frozen=True)
class SDI:
    """x - x̂0(x_t, t, y_tgt): x_t by guided inversion of x, x̂0 by one guided prediction.

    Each inversion step adds `eta` of DDIM's own noise (its equation 16). t falls with the progress, from .98 to
    .25 (distill/rules/registry.py). The authors' public code writes e(y) + s (e(y) - e(∅)), whose scale is one less
    than the s here.
    """

    guidance_scale: float = 7.5
    inversion_scale: float = -7.5
    inversion_steps: int = 10
    eta: float = 0.3
    seed: int = 0
    name: str = "sdi"

    def init(self, prior: Prior, before: object = None) -> Draws:
        return Draws(torch.Generator().manual_seed(self.seed))

    def step(
        self,
        state: Draws,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, Draws]:
        x_t = self._invert(state, prior, x, t, prompts)
        guided = predict_guided(prior, x_t, t, prompts.target, prompts.unconditional, self.guidance_scale)
        return checked(x - prior.schedule.predict_x0(x_t, t, guided), self.name, t), state

    def _invert(self, state: Draws, prior: Prior, x: Tensor, t: Tensor, prompts: PromptBatch) -> Tensor:
        schedule = prior.schedule
        times = even_times(t, self.inversion_steps)
        for i, (now, following) in enumerate(itertools.pairwise(times)):
            predicted = predict_guided(
                prior, x, now, prompts.target, prompts.unconditional, self.inversion_scale
            )
            x = move(schedule, x, predicted, now if i else None, following)
            if self.eta:
                noise = torch.randn(x.shape, generator=state.generator).to(x)
                x = x + self.eta * _ddim_deviation(prior, now, following) * noise
        return x


def _ddim_deviation(prior: Prior, less: Tensor, more: Tensor) -> Tensor:
    """sigma of equation 16 of arXiv 2010.02502 at eta = 1, between two times [B]; as [B, 1, 1, 1]."""
    schedule = prior.schedule
    ratio = schedule.sigma(less) / schedule.sigma(more)
    return ratio * (1 - (schedule.alpha(more) / schedule.alpha(less)) ** 2).clamp(min=0).sqrt()
