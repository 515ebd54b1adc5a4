"""What the fit compares with: mask, depth and colour of the sketch's views, gaps between strokes closed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from sdf_fit.cameras import View, clip_from_work, sphere_of_views, to_clip
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer

SILHOUETTE_VIEWS, SILHOUETTE_SIZE = 24, 256
WIDEST_GAP = 0.1  # working units: what is wider is a hole, whatever the strokes' width
FAR = 1e6  # depth where nothing is


@dataclass(frozen=True)
class Targets:
    """B views of a sketch at H = W pixels."""

    views: tuple[View, ...]
    mask: Tensor  # [B, H, W] bool, gaps narrower than a stroke closed
    depth: Tensor  # [B, H, W] along the view axis in working units, FAR outside the mask
    color: Tensor  # [B, H, W, 3] linear base colour, inside the mask


def sketch_targets(
    mesh: Mesh,
    stroke_width: float,
    views: Sequence[View],
    resolution: int,
    renderer: Rasterizer,
    device: torch.device | str = "cpu",
) -> Targets:
    """Render the sketch (both sides of every face) and close what lies between its strokes.

    Through the gap between two strokes one sees the inner side of those behind. A grey closing of nearness
    with an element one stroke wide lifts such pixels to the surface around them, in mask and depth alike.
    """
    vertices = torch.from_numpy(mesh.vertices).to(device)
    faces = torch.from_numpy(mesh.faces).to(device)
    colors = torch.from_numpy(mesh.colors if mesh.colors is not None else np.full_like(mesh.vertices, 0.5))
    masks, depths, images = [], [], []
    for view in views:
        matrix = clip_from_work([view], device=device)
        pos_clip = to_clip(vertices, matrix)
        rast = renderer.rasterize(pos_clip, faces, (resolution, resolution))
        seen = renderer.interpolate(torch.cat([vertices, colors.to(device)], 1)[None], rast, faces)[0].cpu()
        depth = seen[..., :3] @ matrix[0, 3, :3].cpu() + matrix[0, 3, 3].cpu()
        hit = rast[0, ..., 3].cpu() > 0
        picture_height = 2 * view.distance * math.tan(math.radians(view.fovy) / 2)
        pixels = min(stroke_width, WIDEST_GAP) * resolution / picture_height
        radius = max(int(pixels / 2), 1)
        mask, depth, color = _close_gaps(torch.where(hit, depth, FAR), seen[..., 3:], radius)
        masks.append(mask)
        depths.append(depth)
        images.append(color)
    return Targets(tuple(views), torch.stack(masks), torch.stack(depths), torch.stack(images))


def silhouette_targets(
    mesh: Mesh, stroke_width: float, renderer: Rasterizer, device: torch.device | str = "cpu"
) -> Targets:
    """The views that hold a body to the sketch's outline while its texture is made."""
    views = sphere_of_views(SILHOUETTE_VIEWS)
    return sketch_targets(mesh, stroke_width, views, SILHOUETTE_SIZE, renderer, device)


def _close_gaps(depth: Tensor, color: Tensor, radius: int) -> tuple[Tensor, Tensor, Tensor]:
    """Closing of depth [H, W] with a disc of radius pixels; what is lifted takes the nearest colour."""
    side = radius + 1
    padded = F.pad(depth[None, None], (side, side, side, side), value=FAR)[0, 0].numpy()
    disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius + 0.5
    # nearness is minus depth: its closing is an opening of depth
    closed = ndimage.grey_opening(padded, footprint=disc)[side:-side, side:-side]
    lifted = closed < depth.numpy() - 0.02
    known = (depth.numpy() < FAR) & ~lifted
    if lifted.any() and known.any():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        rows, cols = np.asarray(nearest)
        color = torch.where(torch.from_numpy(lifted)[..., None], color[rows, cols], color)
    result = np.where(lifted, closed, depth.numpy())
    return torch.from_numpy(result < FAR), torch.from_numpy(result), color
