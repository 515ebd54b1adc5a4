"""A Gaussian world for the rules' tests: each prompt has its mean picture, all the same spread."""

from __future__ import annotations

import torch
from torch import Tensor

from distill.priors.gaussian import GaussianPrior
from distill.rules.rule import PromptBatch
from distill.schedule import NoiseSchedule

SHAPE = (3, 4, 4)
STD = 0.5
NEGATIVE = "ugly"


def schedule(steps: int = 1000) -> NoiseSchedule:
    return NoiseSchedule.from_alphas_cumprod(torch.linspace(0.999, 0.001, steps))


def mean_of(prompt: str) -> Tensor:
    """A picture of the prompt's own; the empty prompt has mean zero."""
    if not prompt:
        return torch.zeros(SHAPE)
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(sum(prompt.encode())))


def gaussian_prior() -> GaussianPrior:
    return GaussianPrior(mean_of, STD, schedule())


def prompt_batch(prior: GaussianPrior, target: str, source: str, count: int) -> PromptBatch:
    return PromptBatch(*(prior.embed([text] * count) for text in (target, source, "", NEGATIVE)))
