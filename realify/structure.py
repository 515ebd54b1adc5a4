"""What a ControlNet is shown of the body in each picture: its depth or its normals, as the ControlNets know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.cameras import View, cam_to_work
from sdf_fit.render import Rasterizer
from sdf_fit.surface import Drawing, Surface, draw

Structure = Literal["depth", "normal"]
FARTHEST = 0.5  # of the brightness: the body stands out of what lies behind it, as in TEXTure (arXiv 2302.01721)


@torch.no_grad()
def structure_pictures(
    structure: Structure, renderer: Rasterizer, surface: Surface, views: Sequence[View], size: int
) -> Tensor:
    """Pictures [B, 3, size, size] in 0..1 of what each view sees of the surface, without gradient."""
    drawing = draw(renderer, surface.detached(), views, size)
    picture = depth_picture(drawing) if structure == "depth" else normal_picture(drawing, views)
    return picture.permute(0, 3, 1, 2)


def depth_picture(drawing: Drawing) -> Tensor:
    """Nearness (one over depth) [B, H, W, 3]: 1 at each picture's nearest point, FARTHEST at its farthest, 0 behind."""
    hit = drawing.hit
    nearness = torch.where(hit, 1 / drawing.depth.clamp(min=1e-6), 0)
    highest = nearness.amax((1, 2), keepdim=True)
    lowest = torch.where(hit, nearness, highest).amin((1, 2), keepdim=True)
    share = (nearness - lowest) / (highest - lowest).clamp(min=1e-6)
    brightness = torch.where(hit, FARTHEST + (1 - FARTHEST) * share, 0)
    return brightness[..., None].expand(-1, -1, -1, 3)


def normal_picture(drawing: Drawing, views: Sequence[View]) -> Tensor:
    """Normals [B, H, W, 3] in the camera's frame: red to the left, green up, blue towards the camera, as ControlNet 1.1
    has them (and 1.0's, which come from slopes of nearness). Where there is nothing: towards the camera.
    """
    # right, up and backward of each camera in columns
    axes = torch.stack([cam_to_work(view)[:3, :3] for view in views]).to(drawing.normal)
    seen = torch.einsum("bhwi,bij->bhwj", F.normalize(drawing.normal, dim=-1), axes)
    seen = seen * seen.new_tensor([-1.0, 1.0, 1.0])
    picture = torch.where(drawing.hit[..., None], seen, seen.new_tensor([0.0, 0.0, 1.0]))
    return (picture + 1) / 2
