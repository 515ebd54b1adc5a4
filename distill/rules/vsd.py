"""Variational score distillation (arXiv 2305.16213; section 3.3 of arXiv 2406.09417)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from distill.guidance import classifier_free
from distill.prior import Prior, predict_together
from distill.rules.learnt_source import LearntSource, LearntSourceState
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting


@dataclass(frozen=True)
class VSD:
    """w(t) (e(∅) + s (e(y_tgt) - e(∅)) - e_LoRA(y_tgt)), the LoRA being trained on x after each step.

    In 3D its authors show the LoRA the camera; here the view's words in the prompt tell it.
    """

    guidance_scale: float = 7.5
    learnt: LearntSource = field(default_factory=LearntSource)
    weighting: Weighting = "uniform"
    name: str = "vsd"

    def init(self, prior: Prior, before: object = None) -> LearntSourceState:
        return self.learnt.start(prior, before)

    def step(
        self,
        state: LearntSourceState,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, LearntSourceState]:
        x_t = prior.schedule.add_noise(x, t, noise)
        target, free = predict_together(prior, x_t, t, prompts.target, prompts.unconditional)
        source = state.adapter.predict_noise(x_t, t, prompts.target)
        gradient = classifier_free(free, target, self.guidance_scale) - source
        gradient = checked(prior.schedule.weight(t, self.weighting) * gradient, self.name, t)
        state.train(prior, x, prompts.target)
        return gradient, state
