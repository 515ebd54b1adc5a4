"""DDIM sampling (arXiv 2010.02502, eta = 0): the bound that distillation is measured by."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from distill.guidance import classifier_free
from distill.prior import Prior, PromptEmbeds, predict_together


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
        conditional, free = predict_together(prior, x_t, t, prompts, empty)
        x0 = schedule.predict_x0(x_t, t, classifier_free(free, conditional, scale))
        if prior.bounded:
            x0 = x0.clamp(-1, 1)
        if following < 0:
            break
        # The noise that x_t holds beside the (clamped) x0, so that the next x_t has the right amount of it.
        noise = (x_t - schedule.alpha(t) * x0) / schedule.sigma(t)
        x_t = schedule.add_noise(x0, torch.full_like(t, following), noise)
    return x0
