"""How well a network in training predicts held-out pictures, and how much their captions help it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from distill.precision import cpu_has_bfloat16
from training.network import PATCH, Network, schedule
from training.pictures import Renders, frame, wordings

VALIDATION = 256  # held-out pictures of the validation loss


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the device multiplies it natively."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or cpu_has_bfloat16())


class Validation:
    """Held-out pictures, fixed noise: the v loss under the right captions and under another picture's.

    Their gap is what the words do.
    """

    def __init__(self, renders: Renders, network: Network, device: torch.device) -> None:
        if not len(renders):
            raise ValueError("no held-out renders (object numbers divisible by 25) in the shards: give more of them")
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(renders))[:VALIDATION]
        framed = [frame(renders.images[i], renders.metas[i], rng, move=False) for i in chosen]
        captions = [wordings(renders.metas[i], view)[0] for i, view in zip(chosen, framed, strict=True)]
        pictures = torch.from_numpy(np.stack([view.image for view in framed])).permute(0, 3, 1, 2) * 2 - 1
        self._x = F.pixel_unshuffle(pictures, PATCH).to(device)
        self._tokens = network.tokens(captions).to(device)
        self._device = device

    def __len__(self) -> int:
        return len(self._x)

    @torch.no_grad()
    def losses(self, network: Network) -> tuple[float, float]:
        """Right and wrong captions."""
        noise = schedule().to(self._device)
        generator = torch.Generator().manual_seed(1)
        t = torch.randint(len(noise), (len(self),), generator=generator).to(self._device)
        noises = torch.randn(self._x.shape, generator=generator).to(self._device)
        x_t = noise.add_noise(self._x, t, noises).contiguous(memory_format=torch.channels_last)
        wanted = noise.alpha(t) * noises - noise.sigma(t) * self._x
        found = []
        network.unet.eval()
        for tokens in (self._tokens, self._tokens.roll(37, dims=0)):
            errors = []
            for part in torch.arange(len(self)).split(64):
                with autocast(self._device):
                    v = network.velocity(x_t[part], t[part], tokens[part]).float()
                errors.append((v - wanted[part]).square().mean(dim=(1, 2, 3)))
            found.append(float(torch.cat(errors).mean()))
        network.unet.train()
        return found[0], found[1]
