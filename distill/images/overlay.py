"""Two films on a light box: four pictures of two, by the quarter-turns of one (appendix B.1 of arXiv 2406.09417).

Films take their share of the light, one after the other, so the overlay is the product of base and rotator in linear
light. (In sRGB values it would be nearly the same, since a power of a product is the product of the powers; only the
darkest tones differ.) A product of two pictures is dark: midtone on midtone keeps a twentieth of the light. A light
box is therefore `brightness` times as bright as the paper that a picture is judged on, and what is brighter than
white saturates softly, tanh, as in film; a hard limit would take the gradient away. Both, with brightness 3 and on
sRGB values, are those of the first such illusions (Burgert et al., Diffusion Illusions, 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill.images.picture import parameter_of
from distill.prior import Prior

TURNS = (0, 90, 180, 270)  # degrees, counter-clockwise
BRIGHTNESS = 3.0
INK = 0.02  # the darkest ink's sRGB value; two pixels at 0 would have no gradient to leave it


class RotatedOverlays:
    """A Picture (picture.py) of four overlays; its parameters: base and rotator, [H, H, 3], in sRGB 0..1."""

    def __init__(self, prior: Prior, base: Tensor, rotator: Tensor, brightness: float = BRIGHTNESS) -> None:
        if base.shape != rotator.shape or base.dim() != 3 or base.shape[0] != base.shape[1] or base.shape[2] != 3:
            raise ValueError(
                f"base is {tuple(base.shape)}, rotator {tuple(rotator.shape)}: wanted two square pictures [H, H, 3] "
                "of one size, since quarter-turns have to fit"
            )
        self._prior, self.brightness = prior, brightness
        self.base, self.rotator = parameter_of(base, prior), parameter_of(rotator, prior)
        self.project()

    def parameters(self) -> list[nn.Parameter]:
        return [self.base, self.rotator]

    def x(self) -> Tensor:
        return self._prior.encode(overlays(self.base, self.rotator, self.brightness))

    def project(self) -> None:
        for film in self.parameters():
            film.data.clamp_(INK, 1)

    def images(self) -> Tensor:
        """[4, H, H, 3] in sRGB 0..1, in the order of TURNS."""
        return overlays(self.base.detach(), self.rotator.detach(), self.brightness)


def overlays(base: Tensor, rotator: Tensor, brightness: float = BRIGHTNESS) -> Tensor:
    """What is seen with the rotator turned by each of TURNS: [4, H, H, 3] of [H, H, 3], all in sRGB 0..1."""
    turned = torch.stack([torch.rot90(rotator, quarter) for quarter in range(len(TURNS))])
    return to_srgb((brightness * to_linear(base) * to_linear(turned)).tanh())


def random_films(resolution: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Base and rotator [H, H, 3] to start from: coarse grain about the grey whose overlay is a midtone."""
    shape = (resolution, resolution, 3)
    base, rotator = (0.65 + 0.1 * torch.randn(shape, generator=generator) for _ in range(2))
    return base.clamp(INK, 1), rotator.clamp(INK, 1)


def to_linear(srgb: Tensor) -> Tensor:
    """sRGB values 0..1 as shares of light (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    """Shares of light 0..1 as sRGB values; the inverse of `to_linear`."""
    low = 0.0031308
    return torch.where(linear <= low, linear * 12.92, 1.055 * linear.clamp(min=low) ** (1 / 2.4) - 0.055)
