"""DDIM sampling (arXiv 2010.02502): the bound that distillation is measured by.

With eta = 0 nothing is drawn after the first noise; with eta = 1 each step is one of DDPM (arXiv 2006.11239), which
draws part of the noise anew and so forgets what the prior saw wrongly before: the stains in a young prior's samples go.
"""

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
    eta: float | None = None,
) -> Tensor:
    """x [N, C, h, w] for N prompts; `unconditional` is one embedded empty prompt, which is shown the prompts' controls.

    No scale or eta: the prior's.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: sampling takes one or more")
    own = prior.card.defaults
    scale = own.sampling_guidance_scale if guidance_scale is None else guidance_scale
    eta = own.sampling_eta if eta is None else eta
    count, schedule = len(prompts), prior.schedule
    empty = replace(unconditional[[0] * count], controls=prompts.controls)
    x_t = torch.randn(count, *prior.shape, generator=generator, device=generator.device).to(prior.device)
    times = [round(len(schedule) * (steps - i) / steps) - 1 for i in range(steps)]
    for now, following in zip(times, [*times[1:], -1], strict=True):
        t = torch.full((count,), now, device=prior.device)
        x0 = predict_clean(prior, x_t, t, prompts, empty, scale)
        if following < 0:
            break
        x_t = move_on(schedule, x_t, t, x0, torch.full_like(t, following), eta=eta, generator=generator)
    return x0


def predict_clean(
    prior: Prior, x_t: Tensor, t: Tensor, embeds: PromptEmbeds, other: PromptEmbeds, guidance_scale: float
) -> Tensor:
    """The clean x [B, C, h, w] that the prior sees in x_t, guided away from `other`; clamped if it is bounded."""
    x0 = prior.schedule.predict_x0(x_t, t, predict_guided(prior, x_t, t, embeds, other, guidance_scale))
    return x0.clamp(-1, 1) if prior.bounded else x0


def move_on(
    schedule: NoiseSchedule, x_t: Tensor, t: Tensor, x0: Tensor, following: Tensor, goal: Tensor | None = None,
    eta: float = 0.0, generator: torch.Generator | None = None,
) -> Tensor:  # fmt: skip
    """x at the `following`, lower timesteps [B], on the way from x_t to `goal` (where none is given, to the predicted
    x0); `eta` in 0..1 sets how much of its noise the generator draws anew (equation 16 of arXiv 2010.02502)."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    # The noise that x_t holds beside the (clamped) x0, so that the next x_t has the right amount of it.
    noise = (x_t - alpha * x0) / sigma
    if eta:
        anew = eta / sigma * (1 - (alpha / schedule.alpha(following)) ** 2).clamp(min=0).sqrt()  # a share of sigma
        drawn = torch.randn(x_t.shape, generator=generator, device=generator.device if generator else x_t.device)
        noise = (1 - anew**2).clamp(min=0).sqrt() * noise + anew * drawn.to(noise)
    return schedule.add_noise(x0 if goal is None else goal, following, noise)
