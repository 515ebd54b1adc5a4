"""The bridge between two described distributions (arXiv 2406.09417, equation 6 and section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from distill.prior import Prior, predict_together
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting


@dataclass(frozen=True)
class Bridge:
    """w (e(y_tgt) - e(y_src)); the noise itself cancels."""

    weight: float = 1.0
    weighting: Weighting = "uniform"
    name: str = "bridge"

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
        target, source = predict_together(prior, x_t, t, prompts.target, prompts.source)
        if prior.bounded:  # a difference of impossible pictures pulls colours beyond what can be shown
            target, source = (prior.schedule.bounded_epsilon(x_t, t, each) for each in (target, source))
        weight = self.weight * prior.schedule.weight(t, self.weighting)
        return checked(weight * (target - source), self.name, t), None
