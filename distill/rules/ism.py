"""Interval score matching (arXiv 2311.11284): the source is what inversion itself predicts, a little earlier."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from distill.guidance import predict_guided
from distill.prior import Prior
from distill.rules.ode import invert, move
from distill.rules.rule import PromptBatch, checked


@dataclass(frozen=True)
class ISM:
    """(sigma_t / alpha_t) (e(∅) + s (e(y_tgt) - e(∅)) at x_t - e(∅) at x_s); nothing random but t.

    x_s and x_t lie on the unconditional inversion of x: x_s after `inversion_steps` DDIM steps, x_t one more
    step on. t - s shrinks from `interval[0]` to `interval[1]` (shares of the schedule) within `shrink` of the
    steps, as in the authors' code: 100 to 80 of 1,000 within 1,500 of 5,000.
    """

    guidance_scale: float = 7.5
    inversion_steps: int = 5
    interval: tuple[float, float] = (0.1, 0.08)
    shrink: float = 0.3
    name: str = "ism"

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
        schedule, empty = prior.schedule, prompts.unconditional
        s = (t - round(self._interval(progress) * len(schedule))).clamp(min=0)
        x_s = invert(
            schedule, x, s, lambda x_now, now: prior.predict_noise(x_now, now, empty), self.inversion_steps
        )
        earlier = prior.predict_noise(x_s, s, empty)
        x_t = move(schedule, x_s, earlier, s, t)
        guided = predict_guided(prior, x_t, t, prompts.target, empty, self.guidance_scale)
        weight = schedule.sigma(t) / schedule.alpha(t)
        return checked(weight * (guided - earlier), self.name, t), None

    def _interval(self, progress: float) -> float:
        first, last = self.interval
        return last + (first - last) * max(0.0, 1 - progress / self.shrink)
