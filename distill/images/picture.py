"""What is optimised in two dimensions: x itself, or the pixels that it is encoded from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from distill.prior import Prior


class Picture(Protocol):
    """B pictures with parameters of their own."""

    def parameters(self) -> list[nn.Parameter]: ...

    def x(self) -> Tensor:
        """What the prior sees, [B, C, h, w], with gradient to the parameters."""
        ...

    def project(self) -> None:
        """Back into the range that pictures have, after a step of the optimiser."""
        ...

    def images(self) -> Tensor:
        """[B, H, H, 3] in sRGB 0..1, without gradient."""
        ...


class LatentPicture:
    """x [B, C, h, w] itself; for a prior on pixels these are the pixels."""

    def __init__(self, prior: Prior, x: Tensor) -> None:
        if x.shape[1:] != prior.shape:
            raise ValueError(f"x is {tuple(x.shape)}; pictures of {prior.name} are [B, {prior.shape}]")
        self._prior = prior
        self._x = nn.Parameter(x.detach().to(prior.device, torch.float32).clone())

    def parameters(self) -> list[nn.Parameter]:
        return [self._x]

    def x(self) -> Tensor:
        return self._x

    def project(self) -> None:
        if self._prior.bounded:
            self._x.data.clamp_(-1, 1)

    def images(self) -> Tensor:
        return self._prior.decode(self._x.detach())


class PixelPicture:
    """Images [B, H, H, 3] in sRGB 0..1 of any size, which the prior encodes anew at each step."""

    def __init__(self, prior: Prior, images: Tensor) -> None:
        self._prior = prior
        self._pixels = nn.Parameter(images.detach().to(prior.device, torch.float32).clone())

    def parameters(self) -> list[nn.Parameter]:
        return [self._pixels]

    def x(self) -> Tensor:
        return self._prior.encode(self._pixels)

    def project(self) -> None:
        self._pixels.data.clamp_(0, 1)

    def images(self) -> Tensor:
        return self._pixels.detach()


def random_x(prior: Prior, count: int, generator: torch.Generator) -> Tensor:
    """The paper's start in 2D (section 4.1): noise [count, C, h, w]; within -1..1 where pictures are."""
    noise = torch.randn(count, *prior.shape, generator=generator, device=generator.device).to(prior.device)
    return noise.clamp(-1, 1) if prior.bounded else noise
