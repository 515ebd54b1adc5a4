"""The whole dual bridge instead of its first-order step (sections 3.2 and 5 of arXiv 2406.09417)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from distill.guidance import predict_guided
from distill.prior import Prior
from distill.rules.learnt_source import LearntSource, LearntSourceState
from distill.rules.ode import denoise, invert
from distill.rules.rule import PromptBatch, checked

Source = Literal["described", "unconditional", "learnt"]


@dataclass(frozen=True)
class FullPath:
    """w (psi_0,src - psi_0,tgt): minus the displacement of equation 5, since an optimiser descends.

    x is inverted under the source up to t and sampled under the target down again (section 5). There x itself is
    psi_0,src; but a solver of few steps does not come back to x even under the source, and that error is larger than
    the displacement. So by default psi_0,src is solved down again like the target, and the error cancels;
    `exact_source` takes x (docs/decisions/full-path.md).

    The source is y_src ("described"), no prompt ("unconditional") or a LoRA that is trained beside ("learnt"); the
    target is guided by `guidance_scale`.
    """

    weight: float = 1.0
    source: Source = "described"
    path_steps: int = 10
    guidance_scale: float = 1.0
    exact_source: bool = False
    learnt: LearntSource = field(default_factory=LearntSource)
    name: str = "full-path"

    def init(self, prior: Prior, before: object = None) -> LearntSourceState | None:
        return self.learnt.start(prior, before) if self.source == "learnt" else None

    def step(
        self,
        state: LearntSourceState | None,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, LearntSourceState | None]:
        def towards_target(x_now: Tensor, now: Tensor) -> Tensor:
            return predict_guided(
                prior, x_now, now, prompts.target, prompts.unconditional, self.guidance_scale
            )

        def towards_source(x_now: Tensor, now: Tensor) -> Tensor:
            if state is not None:
                return state.adapter.predict_noise(x_now, now, prompts.target)
            described = self.source == "described"
            return prior.predict_noise(x_now, now, prompts.source if described else prompts.unconditional)

        schedule = prior.schedule
        x_t = invert(schedule, x, t, towards_source, self.path_steps)
        source = x if self.exact_source else denoise(schedule, x_t, t, towards_source, self.path_steps)
        target = denoise(schedule, x_t, t, towards_target, self.path_steps)
        gradient = checked(self.weight * (source - target), self.name, t)
        if state is not None:
            state.train(prior, x, prompts.target)
        return gradient, state
