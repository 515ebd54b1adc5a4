"""What a prior may want to see of each picture beside its words: the kinds of control pictures, and the guide.

A control is a picture [N, C, H, H] in 0..1. The guide is one picture of all that is known, 7 channels: the picture to
be expected in sRGB (3), how sure of it one is at each pixel, `known` (1), and the normals (3), coded (n + 1) / 2 in the
camera's frame, red to the left, green up, blue towards the camera; .5 each, the zero vector, where there is no body.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from distill.hub.catalog import ControlKind

GUIDE_CHANNELS = 7
CHANNELS: dict[ControlKind, int] = {"depth": 3, "normal": 3, "color": 3, "guide": GUIDE_CHANNELS}

# The guide's channels.
PICTURE, KNOWN, NORMALS = slice(0, 3), slice(3, 4), slice(4, 7)

# How far a photograph lies from its guide: variance in units of -1..1 where nothing is known, and where all is.
MOST, LEAST = 0.5, 3e-4
# `known` on a body with its sketch's colours, which gives a variance of .05; beside the body it is 1.
KNOWN_DRAWN = 0.31


def spread(known: Tensor) -> Tensor:
    """s², the variance of the photograph around its guide in -1..1 units, for known in 0..1."""
    return MOST ** (1 - known) * LEAST**known


def count_channels(kinds: Sequence[ControlKind]) -> int:
    """The channels of the controls of a prior that wants to see these kinds, one after another."""
    return sum(CHANNELS[kind] for kind in kinds)


def split_controls(controls: Tensor, kinds: Sequence[ControlKind]) -> dict[ControlKind, Tensor]:
    """Each kind's own channels of controls [N, C, H, H]. ValueError where C is not the kinds' channels."""
    if controls.shape[1] != count_channels(kinds):
        raise ValueError(
            f"controls of {controls.shape[1]} channels, but {', '.join(kinds)} are {count_channels(kinds)} together"
        )
    parts = controls.split([CHANNELS[kind] for kind in kinds], dim=1)
    return {kind: part for kind, part in zip(kinds, parts, strict=True)}


def join_guide(picture: Tensor, known: Tensor, normals: Tensor) -> Tensor:
    """Guides [N, 7, H, H] of pictures and coded normals [N, 3, H, H] and known [N, 1, H, H], all in 0..1."""
    return torch.cat([picture, known, normals], dim=1)


def blank_guide(count: int, size: int) -> Tensor:
    """Guides [count, 7, size, size] that tell nothing: with them the prior draws from the words alone."""
    guide = torch.full((count, GUIDE_CHANNELS, size, size), 0.5)
    guide[:, KNOWN] = 0.0
    return guide


def picture_guide(images: Tensor, strength: float) -> Tensor:
    """Guides [N, 7, H, H] of pictures [N, H, H, 3] in 0..1, sRGB, of whose shapes nothing is known.

    A picture is held as a body with its sketch's colours is, all over, times strength in 0..1.
    """
    picture = images.permute(0, 3, 1, 2)
    known = torch.full_like(picture[:, :1], KNOWN_DRAWN * strength)
    return join_guide(picture, known, torch.full_like(picture, 0.5))
