"""Backgrounds behind the rendered object: plain, gradient and noise, in linear light."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.render.shading import srgb_to_linear

Color = tuple[float, float, float]  # sRGB, 0..1


def plain(color: Color, size: int) -> Tensor:
    """One colour, [size, size, 3]."""
    return srgb_to_linear(torch.tensor(color)).expand(size, size, 3)


def around(color: Color, size: int, generator: torch.Generator) -> Tensor:
    """A colour with a slow gradient and soft noise around it, as a studio backdrop or a blurred scene has."""
    kind = int(torch.randint(3, (), generator=generator))
    image = torch.tensor(color).expand(size, size, 3)
    if kind == 1:
        image = image + _gradient(size, generator)
    if kind == 2:
        image = image + _noise(size, generator)
    return srgb_to_linear(image)


def anything(size: int, generator: torch.Generator) -> Tensor:
    """A random colour, plain or varied, that no word describes."""
    red, green, blue = torch.rand(3, generator=generator).tolist()
    return around((red, green, blue), size, generator)


def _gradient(size: int, generator: torch.Generator) -> Tensor:
    angle = 2 * torch.pi * torch.rand((), generator=generator)
    axis = torch.linspace(-0.5, 0.5, size)
    ramp = axis[:, None] * torch.sin(angle) + axis[None] * torch.cos(angle)
    return ramp[..., None] * 0.3 * torch.rand((), generator=generator)


def _noise(size: int, generator: torch.Generator) -> Tensor:
    coarse = torch.randn(1, 3, 5, 5, generator=generator) * 0.06
    return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)[0].permute(1, 2, 0)
