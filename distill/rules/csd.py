"""Classifier score distillation (arXiv 2310.19415; section 3.3 of arXiv 2406.09417)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from distill.prior import Prior, predict_together
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting


@dataclass(frozen=True)
class CSD:
    """w(t) (w1 (e(y_tgt) - e(∅)) + w2 (e(∅) - e(y_neg))); w2 falls to zero within `anneal` of the steps.

    With w2 = 0 this is SDS's dominant term: w1 is a guidance scale.
    """

    w1: float = 40.0
    w2: float = 40.0
    anneal: float = 0.2
    weighting: Weighting = "uniform"
    name: str = "csd"

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
        w2 = self.w2 * max(0.0, 1 - progress / self.anneal) if self.anneal else 0.0
        asked = [prompts.target, prompts.unconditional, *([prompts.negative] if w2 else [])]
        target, free, *negative = predict_together(prior, x_t, t, *asked)
        gradient = self.w1 * (target - free)
        if negative:
            gradient = gradient + w2 * (free - negative[0])
        return checked(prior.schedule.weight(t, self.weighting) * gradient, self.name, t), None
