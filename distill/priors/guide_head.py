"""The guided pixel prior's network around its UNet: a closed form, a gate, and a small head at full resolution.

The photograph x_0 is known roughly before any network looks: it lies about the guide picture g, with a variance s² at
each pixel that says how sure the guide is (distill/controls.py). For x_0 ~ N(g, s²) the best estimate from x_t is

    x̂ = g + α s² / (α² s² + σ²) · (x_t − α g)        v̂ = (α x_t − x̂) / σ

(the preconditioning of Karras et al. 2022, arXiv 2206.00364, with a mean and a variance for every pixel). The networks
only add what it lacks:

    v = γ · UNet + (1 − γ) · v̂ + r        γ = sigmoid(6 (α² − ½) + 9 (.3 − k) + ρ)

r and ρ come from the head, which sees pixels where the UNet sees patches, and begin at zero; k is how much is known.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from distill.controls import GUIDE_CHANNELS, spread

LEVEL_WIDTH = 64  # of the noise level's embedding
SIGMA_LEAST = 0.02  # v of the closed form has a σ below it
SEEN = 3 + GUIDE_CHANNELS  # channels that the UNet sees of a pixel: x_t and its guide


class GuideHead(ModelMixin, ConfigMixin):
    """`patch` p: the UNet's pixels are p x p of the picture's; `features`: what it hands on beside its v, a pixel;
    `width` and `depth` of the full-resolution blocks.
    """

    @register_to_config
    def __init__(self, patch: int = 4, features: int = 8, width: int = 16, depth: int = 2) -> None:
        super().__init__()
        self.level = nn.Sequential(nn.Linear(2, LEVEL_WIDTH), nn.SiLU(), nn.Linear(LEVEL_WIDTH, LEVEL_WIDTH))
        self.conv_in = nn.Conv2d(3 + features + 3 + SEEN, width, 3, padding=1)
        self.blocks = nn.ModuleList(ModulatedBlock(width) for _ in range(depth))
        self.conv_out = nn.Conv2d(width, 4, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(
        self, call: Callable[[Tensor], Tensor], x_t: Tensor, alpha: Tensor, sigma: Tensor, controls: Tensor
    ) -> Tensor:
        """v [B, 3p², h, w] for x_t of that shape at alpha and sigma [B, 1, 1, 1].

        `call` runs the UNet: [B, 10p², h, w] → [B, (3 + features) p², h, w]. controls: guides [B, 7, H, H] in 0..1,
        H = p h.
        """
        patch = self.config["patch"]
        pixels, seen = F.pixel_shuffle(x_t, patch), 2 * controls - 1
        guide, known = seen[:, :3].float(), controls[:, 3:4].float()
        closed = closed_form(pixels.float(), alpha.float(), sigma.float(), guide, spread(known)).to(x_t.dtype)
        coarse = F.pixel_shuffle(call(F.pixel_unshuffle(torch.cat([pixels, seen], dim=1), patch)), patch)

        h = self.conv_in(torch.cat([coarse, closed, pixels, seen], dim=1))
        level = self.level(torch.cat([alpha, sigma], dim=1).flatten(1).to(x_t.dtype))
        for block in self.blocks:
            h = block(h, level)
        residual, gate = self.conv_out(F.silu(h)).float().split((3, 1), dim=1)
        gamma = torch.sigmoid(6 * (alpha.float() ** 2 - 0.5) + 9 * (0.3 - known) + gate)
        v = gamma * coarse[:, :3].float() + (1 - gamma) * closed.float() + residual
        return F.pixel_unshuffle(v, patch).to(x_t.dtype)


def closed_form(x_t: Tensor, alpha: Tensor, sigma: Tensor, guide: Tensor, variance: Tensor) -> Tensor:
    """v [B, 3, H, H] of the best estimate of x_0 ~ N(guide, variance), all in -1..1, from x_t."""
    share = alpha * variance / (alpha**2 * variance + sigma**2)
    clean = guide + share * (x_t - alpha * guide)
    return (alpha * x_t - clean) / sigma.clamp(min=SIGMA_LEAST)


class ModulatedBlock(nn.Module):
    """A residual block of two convolutions whose middle is scaled and shifted by the noise level (FiLM, Perez et al.
    2018); no change at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.modulation = nn.Linear(LEVEL_WIDTH, 2 * width)
        for layer in (self.second, self.modulation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, h: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.modulation(level)[..., None, None].chunk(2, dim=1)
        return h + self.second(F.silu(self.first(F.silu(h)) * (1 + scale) + shift))
