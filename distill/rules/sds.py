"""Score distillation sampling (arXiv 2209.14988; section 3.3 of arXiv 2406.09417)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from distill.guidance import classifier_free
from distill.prior import Prior, predict_together
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting


@dataclass(frozen=True)
class SDS:
    """w(t) (e(∅) + s (e(y_tgt) - e(∅)) - eps)."""

    guidance_scale: float = 100.0
    weighting: Weighting = "sigma_squared"
    name: str = "sds"

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
        conditional, unconditional = predict_together(prior, x_t, t, prompts.target, prompts.unconditional)
        guided = classifier_free(unconditional, conditional, self.guidance_scale)
        return checked(prior.schedule.weight(t, self.weighting) * (guided - noise), self.name, t), None
