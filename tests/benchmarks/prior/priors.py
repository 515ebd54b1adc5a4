"""Priors whose answers are known: of Gaussians around what a caption means, or around a guide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from distill.card import PriorCard
from distill.controls import ControlKind
from distill.prior import PromptEmbeds
from distill.priors.gaussian import GaussianPrior
from distill.schedule import NoiseSchedule

SIZE = 64


def prior_of(picture_of: Callable[[str], np.ndarray | Tensor], max_tokens: int = 77) -> GaussianPrior:
    """A prior that thinks of `picture_of(prompt)` [64, 64, 3], 0..1, whatever the prompt."""

    def mean_of(prompt: str) -> Tensor:
        return torch.as_tensor(picture_of(prompt), dtype=torch.float32).permute(2, 0, 1) * 2 - 1

    schedule = NoiseSchedule.from_alphas_cumprod(torch.linspace(0.9999, 0.0005, 1000))
    card = PriorCard(SIZE, max_tokens, prefix="a photo of ")
    return GaussianPrior(mean_of, 0.1, schedule, card)


class Copyist(GaussianPrior):
    """A guided prior that draws its guide, and what the words mean where there is none."""

    def __init__(self, mean_of: Callable[[str], Tensor], std: float, schedule: NoiseSchedule, card: PriorCard):
        super().__init__(mean_of, std, schedule, card)
        self.controls: tuple[ControlKind, ...] = ("guide",)

    @torch.no_grad()
    def predict_noise(self, x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        if embeds.controls is None:
            return super().predict_noise(x_t, t, embeds)
        return self.noise_about(embeds.controls[:, :3] * 2 - 1, x_t, t)


def copyist(picture_of: Callable[[str], np.ndarray | Tensor] = lambda prompt: np.zeros((SIZE, SIZE, 3))) -> Copyist:
    plain = prior_of(picture_of)
    return Copyist(plain.mean_of, 0.1, plain.schedule, plain.card)
