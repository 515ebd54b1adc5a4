"""DDIM sampling (arXiv 2010.02502, eta = 0): the bound that distillation is measured by."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from distill.guidance import predict_guided
from distill.prior import Prior, PromptEmbeds
from distill.schedule import NoiseSchedule


@torch.no_grad()
def sample_ddim(
    prior: Prior,
    prompts: PromptEmbeds,
    unconditional: PromptEmbeds,
    generator: torch.Generator,
    steps: int = 20,
    guidance_scale: float | None = None,
) -> Tensor:
    """x [N, C, h, w] for N prompts; `unconditional` is one embedded empty prompt, which is shown the prompts' controls.

    No scale: the prior's.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: sampling takes one or more")
    scale = prior.style.defaults.sampling_guidance_scale if guidance_scale is None else guidance_scale
    count, schedule = len(prompts), prior.schedule
    empty = replace(unconditional[[0] * count], controls=prompts.controls)
    x_t = torch.randn(count, *prior.shape, generator=generator, device=generator.device).to(prior.device)
    times = [round(len(schedule) * (steps - i) / steps) - 1 for i in range(steps)]
    for now, following in zip(times, [*times[1:], -1], strict=True):
        t = torch.full((count,), now, device=prior.device)
        x0 = predict_clean(prior, x_t, t, prompts, empty, scale)
        if following < 0:
            break
        x_t = move_on(schedule, x_t, t, x0, torch.full_like(t, following))
    return x0


def predict_clean(
    prior: Prior, x_t: Tensor, t: Tensor, embeds: PromptEmbeds, other: PromptEmbeds, guidance_scale: float
) -> Tensor:
    """The clean x [B, C, h, w] that the prior sees in x_t, guided away from `other`; clamped if it is bounded."""
    x0 = prior.schedule.predict_x0(x_t, t, predict_guided(prior, x_t, t, embeds, other, guidance_scale))
    return x0.clamp(-1, 1) if prior.bounded else x0


def move_on(
    schedule: NoiseSchedule, x_t: Tensor, t: Tensor, x0: Tensor, following: Tensor, goal: Tensor | None = None
) -> Tensor:
    """x at the `following` timesteps [B], on the way from x_t to `goal` (where none is given, to the predicted x0)."""
    # The noise that x_t holds beside the (clamped) x0, so that the next x_t has the right amount of it.
    noise = (x_t - schedule.alpha(t) * x0) / schedule.sigma(t)
    return schedule.add_noise(x0 if goal is None else goal, following, noise)
