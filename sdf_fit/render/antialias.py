"""Antialiasing along the mesh's own silhouette edges: what gives an image its gradient with respect to shape.

Wherever a visible silhouette passes between two neighbouring pixel centres, the one of the two pixels that it cuts is
blended with the other by the share the mesh covers, as an exact area would be for a straight edge. Walking edges
instead of pairs of pixels keeps the gradient when triangles are as small as pixels, where the triangle seen next to
the silhouette is rarely the one that owns the edge. Which places count is decided in `silhouettes.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdf_fit.render.silhouettes import crossing_share, pixel_pair, select_crossings


def antialias(color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
    """Blend color [B, H, W, C] over the silhouettes of (pos_clip [B, V, 4], tri [F, 3]) rasterised in rast.

    Differentiable in color and in pos_clip. The border pixels' outer neighbours do not exist and are left alone.
    """
    batch, height, width, channels = color.shape
    size = pos_clip.new_tensor([width, height])
    visible = pos_clip[..., 3:] > 1e-6
    w = torch.where(visible, pos_clip[..., 3:], 1.0)
    screen = (pos_clip[..., :2] / w + 1) * 0.5 * size
    depth = pos_clip[..., 2].detach() / w[..., 0].detach()

    crossings = select_crossings(screen, depth, visible[..., 0], rast, tri)
    inner, outer = pixel_pair(crossings, height, width)
    share = crossing_share(screen, crossings)
    cover = torch.where(crossings.mesh_below, share, 1 - share)  # how far the mesh reaches from inner's centre
    beyond = cover.detach() >= 0.5
    weight = torch.where(beyond, cover - 0.5, 0.5 - cover)
    target, other = torch.where(beyond, outer, inner), torch.where(beyond, inner, outer)

    flat = color.reshape(-1, channels)
    delta = weight[:, None] * (flat[other] - flat[target])
    return flat.index_add(0, target, delta).view(batch, height, width, channels)
