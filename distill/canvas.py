"""Pictures that hold several views of one object: a square canvas of them, in reading order."""

from __future__ import annotations

import math
from typing import Protocol

from torch import Tensor

from distill.prior import Prior, PromptEmbeds


class MultiViewPrior(Prior, Protocol):
    """A prior whose `views` are more than one, and which wants to know where each was taken from."""

    def with_cameras(self, embeds: PromptEmbeds, azimuths: Tensor, elevations: Tensor) -> PromptEmbeds:
        """The prompts of N pictures with the cameras of their views, [N, views] in degrees.

        Azimuth 0 looks at the front and grows counter-clockwise seen from above; elevation grows upwards.
        """
        ...


def canvas_side(views: int) -> int:
    """How many views stand side by side. ValueError for a number that fills no square."""
    side = math.isqrt(views)
    if side**2 != views:
        raise ValueError(f"{views} views fill no square canvas: wanted 1, 4, 9, …")
    return side


def split_views(canvas: Tensor, views: int) -> Tensor:
    """Canvases [B, C, s h, s w] of s² views as views [B s², C, h, w], one canvas after another."""
    side = canvas_side(views)
    batch, channels, height, width = canvas.shape
    rows = canvas.reshape(batch, channels, side, height // side, side, width // side)
    return rows.permute(0, 2, 4, 1, 3, 5).reshape(batch * views, channels, height // side, width // side)


def join_views(pictures: Tensor, views: int) -> Tensor:
    """The inverse: views [B s², C, h, w] as canvases [B, C, s h, s w]."""
    side = canvas_side(views)
    count, channels, height, width = pictures.shape
    rows = pictures.reshape(count // views, side, side, channels, height, width)
    return rows.permute(0, 3, 1, 4, 2, 5).reshape(count // views, channels, side * height, side * width)
