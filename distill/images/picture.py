"""What is optimised in two dimensions (section 4 of arXiv 2406.09417): x itself, or the pixels it is encoded from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from distill.prior import Prior
from distill.rules.rule import PromptBatch
from distill.rules.stage import StageRun


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


@dataclass(frozen=True)
class PromptedPicture:
    """A picture towards its prompts, as `StageRun` optimises it; `lr` is in units of the picture's parameters."""

    picture: Picture
    prompts: PromptBatch
    lr: float
    every: int = 1

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": self.picture.parameters(), "lr": self.lr, "name": "picture"}]

    def descend(self, stage: StageRun, on_step: Callable[[float], None]) -> None:
        """on_step gets the size of the gradient: its root mean square. Raises NonFiniteGradient."""
        for _ in range(stage.step, stage.plan.steps):
            x = self.picture.x()
            gradient = stage.gradient(x.detach(), self.prompts)
            stage.optimiser.zero_grad(set_to_none=True)
            x.backward(gradient)
            stage.optimiser.step()
            self.picture.project()
            on_step(float(gradient.square().mean().sqrt()))

    def state(self) -> dict[str, Any]:
        return {"picture": [parameter.detach() for parameter in self.picture.parameters()]}

    def restore(self, state: dict[str, Any]) -> None:
        for parameter, saved in zip(self.picture.parameters(), state["picture"], strict=True):
            parameter.data.copy_(saved)


class LatentPicture:
    """x [B, C, h, w] itself; for a prior on pixels these are the pixels."""

    def __init__(self, prior: Prior, x: Tensor) -> None:
        if x.shape[1:] != prior.shape:
            raise ValueError(f"x is {tuple(x.shape)}; pictures of {prior.name} are [B, {prior.shape}]")
        self._prior = prior
        self._x = parameter_of(x, prior)

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
        self._pixels = parameter_of(images, prior)

    def parameters(self) -> list[nn.Parameter]:
        return [self._pixels]

    def x(self) -> Tensor:
        return self._prior.encode(self._pixels)

    def project(self) -> None:
        self._pixels.data.clamp_(0, 1)

    def images(self) -> Tensor:
        return self._pixels.detach()


def parameter_of(values: Tensor, prior: Prior) -> nn.Parameter:
    """A copy on the prior's device. Contiguous, as moments from a checkpoint are: a fused optimiser pairs the two by
    their places in memory.
    """
    return nn.Parameter(values.detach().to(prior.device, torch.float32, copy=True).contiguous())


def random_x(prior: Prior, count: int, generator: torch.Generator) -> Tensor:
    """The paper's start in 2D (section 4.1): noise [count, C, h, w]; within -1..1 where pictures are."""
    noise = torch.randn(count, *prior.shape, generator=generator, device=generator.device).to(prior.device)
    return noise.clamp(-1, 1) if prior.bounded else noise
