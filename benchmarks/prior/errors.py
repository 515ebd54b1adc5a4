"""The error of a prior's own training loss, from what every prior predicts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from distill.prior import Prior, PromptEmbeds

RANGE = (0.15, 0.9)  # of the timesteps: below, words matter little; above, there is little to see
BATCH = 16  # predictions at once


def timesteps(prior: Prior, draws: int) -> Tensor:
    """`draws` timesteps spread evenly over RANGE."""
    steps = np.linspace(*RANGE, draws) * len(prior.schedule)
    return torch.from_numpy(steps.round().astype(np.int64)).to(prior.device)


def v_errors(prior: Prior, x: Tensor, t: Tensor, noise: Tensor, prompts: PromptEmbeds) -> Tensor:
    """Mean squared error of v [N] at N clean x [N, C, h, w], timesteps [N], noises like x, under N prompts."""
    x_t = prior.schedule.add_noise(x, t, noise)
    parts = []
    for part in torch.arange(len(x)).split(BATCH):
        predicted = prior.predict_noise(x_t[part], t[part], prompts[part])
        # With x_t given, an error in v is the error in the noise over alpha.
        parts.append(((predicted - noise[part]) / prior.schedule.alpha(t[part])).square().mean(dim=(1, 2, 3)))
    return torch.cat(parts)
