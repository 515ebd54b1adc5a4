"""Counts what a rule asks of a prior: the number of function evaluations, for one picture a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from distill.prior import Adapter, Prior, PromptEmbeds
from distill.priors.gaussian import GaussianPrior
from distill.rules.rule import PromptBatch, Rule
from distill.schedule import NoiseSchedule

BACKWARD = 2  # what a backward pass costs beside a forward one


@dataclass
class Count:
    """`evaluations` of the network and `trainings` (forward and backward) in pictures; `largest` batch asked."""

    evaluations: int = 0
    trainings: int = 0
    largest: int = 0

    @property
    def cost(self) -> int:
        """In evaluations."""
        return self.evaluations + (1 + BACKWARD) * self.trainings

    def see(self, pictures: int) -> None:
        self.evaluations += pictures
        self.largest = max(self.largest, pictures)


class CountingPrior:
    """A prior that counts its evaluations in `count`; all else is the prior's own."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self.count = Count()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prior, name)

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        self.count.see(len(x_t))
        return self._prior.predict_noise(x_t, t, embeds)

    def adapter(self, rank: int, generator: torch.Generator) -> Adapter:
        return cast(Adapter, _CountingAdapter(self._prior.adapter(rank, generator), self.count))


class _CountingAdapter:
    def __init__(self, adapter: Adapter, count: Count) -> None:
        self._adapter, self._count = adapter, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        self._count.see(len(x_t))
        return self._adapter.predict_noise(x_t, t, embeds)

    def loss(self, x: Tensor, t: Tensor, noise: Tensor, embeds: PromptEmbeds) -> Tensor:
        self._count.trainings += len(x)
        return self._adapter.loss(x, t, noise, embeds)


def counting(prior: Prior) -> tuple[Prior, Count]:
    """The prior, counted, and its count."""
    counted = CountingPrior(prior)
    return cast(Prior, counted), counted.count


def count_step(rule: Rule[Any], shape: Sequence[int] = (3, 4, 4)) -> Count:
    """What one step of a rule, with its constants, asks of a prior for one picture x [C, h, w]: counted, not claimed,
    on a prior whose predictions are known in closed form."""
    schedule = NoiseSchedule.from_alphas_cumprod(torch.linspace(0.999, 0.001, 1000))
    plain = GaussianPrior(lambda prompt: torch.full(tuple(shape), float(len(prompt))), 0.5, schedule)
    prior, count = counting(plain)
    x = torch.zeros(1, *shape)
    prompts = PromptBatch(*(plain.embed([text]) for text in ("target", "source", "", "negative")))
    rule.step(rule.init(prior), prior, x, torch.tensor([500]), torch.ones_like(x), prompts)
    return count
