"""Noise-free score distillation (arXiv 2310.17590; section 3.3 of arXiv 2406.09417)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from distill.prior import Prior, predict_together
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting

LITTLE_NOISE = 0.2  # of the schedule; below it e(∅) itself is the direction to clean pictures


@dataclass(frozen=True)
class NFSD:
    """w(t) (d + s (e(y_tgt) - e(∅))), where d = e(∅) for t < 0.2, and e(∅) - e(y_neg) above.

    This is the rule of NFSD's own paper and of the bridge's authors' code; the bridge's paper prints d the other
    way round (docs/decisions/noise-free.md).
    """

    guidance_scale: float = 7.5
    weighting: Weighting = "uniform"
    name: str = "nfsd"

    def init(self, prior: Prior, before: object = None) -> None:
        return None

    def step(
        self,
        state: None,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, None]:
        x_t = prior.schedule.add_noise(x, t, noise)
        target, free, negative = predict_together(
            prior, x_t, t, prompts.target, prompts.unconditional, prompts.negative
        )
        much = (t >= LITTLE_NOISE * len(prior.schedule)).view(-1, 1, 1, 1)
        domain = free - much * negative
        gradient = domain + self.guidance_scale * (target - free)
        return checked(prior.schedule.weight(t, self.weighting) * gradient, self.name, t), None
