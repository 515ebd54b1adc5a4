"""Pictures that a prior draws."""

from __future__ import annotations

import numpy as np
import torch

from distill.ddim import sample_ddim
from distill.prior import Prior, PromptEmbeds
from training.countdown import countdown

BATCH = 16  # samples at once


def draw_samples(
    prior: Prior, prompts: PromptEmbeds, steps: int, scale: float | None, seed: int, label: str
) -> np.ndarray:
    """Images [N, S, S, 3], 0..1, of N embedded prompts under their guides, if they have some. No scale: the prior's."""
    unconditional, generator = prior.embed([""]), torch.Generator().manual_seed(seed)
    parts = []
    for start in countdown(range(0, len(prompts), BATCH), label):
        some = prompts[start : start + BATCH]
        parts.append(prior.decode(sample_ddim(prior, some, unconditional, generator, steps, scale)).cpu().numpy())
    return np.concatenate(parts)
