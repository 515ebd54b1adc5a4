"""How well a network in training predicts held-out pictures, and how much captions and guides help it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from distill.precision import cpu_has_bfloat16
from training.examples import Example, clean_example, collate
from training.guides import blank, draw_roughness
from training.network import Network, schedule
from training.pictures import Renders, wordings

VALIDATION = 192  # held-out pictures of the validation loss
SHOWN = 8  # of them are drawn
SIGMA_LEAST = 0.25


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the device multiplies it natively."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or cpu_has_bfloat16())


class Validation:
    """Held-out pictures, fixed noise: the v loss under a rough guide and the right captions, under another picture's
    captions, and without a guide. The gap to the second is what the words do.

    `shown`: some of them, with their guides, to be drawn.
    """

    def __init__(self, renders: Renders, network: Network, device: torch.device) -> None:
        if not len(renders):
            raise ValueError("no held-out renders (object numbers divisible by 25) in the shards: give more of them")
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(renders))[:VALIDATION]
        examples = [self._example(renders, int(i), rng, network.size) for i in chosen]
        batch = collate(examples)
        self.shown = examples[:SHOWN]
        self._x = F.pixel_unshuffle(batch.pictures, network.patch).to(device)
        self._guides = batch.guides.to(device)
        self._tokens = network.tokens(batch.captions).to(device)
        self._device = device

    @staticmethod
    def _example(renders: Renders, index: int, rng: np.random.Generator, size: int) -> Example:
        framed, guide = clean_example(renders, index, rng, size, rough=draw_roughness(rng, 1.0))
        return Example(framed.image, guide, wordings(renders.metas[index], framed)[0])

    def __len__(self) -> int:
        return len(self._x)

    def losses(self, network: Network) -> dict[str, float]:
        """By name."""
        nothing = torch.from_numpy(blank(network.size)).to(self._device).expand_as(self._guides)
        return {
            "guided": self._loss(network, self._tokens, self._guides),
            "wrong captions": self._loss(network, self._tokens.roll(37, dims=0), self._guides),
            "unguided": self._loss(network, self._tokens, nothing),
        }

    @torch.no_grad()
    def _loss(self, network: Network, tokens: torch.Tensor, guides: torch.Tensor) -> float:
        noise = schedule().to(self._device)
        generator = torch.Generator().manual_seed(1)
        t = torch.randint(len(noise), (len(self),), generator=generator).to(self._device)
        noises = torch.randn(self._x.shape, generator=generator).to(self._device)
        x_t, wanted = noise.add_noise(self._x, t, noises), noise.alpha(t) * noises - noise.sigma(t) * self._x
        weight = (noise.sigma(t) / noise.sigma(t).clamp(min=SIGMA_LEAST)) ** 2
        network.unet.eval()
        errors = []
        for part in torch.arange(len(self)).split(32):
            level = noise.alpha(t[part]), noise.sigma(t[part])
            with autocast(self._device):
                v = network.velocity(x_t[part], level, tokens[part], guides[part]).float()
            errors.append((weight[part] * (v - wanted[part]).square()).mean(dim=(1, 2, 3)))
        network.unet.train()
        return float(torch.cat(errors).mean())
