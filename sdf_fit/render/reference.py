"""The rasteriser in plain torch: numba's readable twin, and the one for devices without nvdiffrast.

Every triangle is tested against the pixels of its own bounding box; two scatter-reductions keep the nearest
triangle of each pixel (the lower index where depths are equal). Gradients come from autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdf_fit.render.antialias import antialias
from sdf_fit.render.texture import bilinear_texture

_CHUNK = 1 << 22  # candidate pixels tested at a time, bounds the memory


class TorchRasterizer:
    """Rasterises on any torch device. Triangles that reach behind the camera are left out."""

    name = "torch"

    def rasterize(self, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """pos_clip [B, V, 4], tri [F, 3] int32 → [B, H, W, 4] (u, v, z/w, id + 1) float32."""
        faces = tri.long()
        return torch.stack([_rasterize_image(pos, faces, resolution) for pos in pos_clip])

    def interpolate(self, attributes: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        """attributes [B or 1, V, C] → [B, H, W, C], zero where no triangle is."""
        batch = rast.shape[0]
        hit = rast[..., 3:] > 0
        corners = tri.long()[(rast[..., 3].long() - 1).clamp(min=0)]  # [B, H, W, 3]
        image = torch.arange(batch, device=rast.device)[:, None, None, None]
        values = attributes.expand(batch, -1, -1)[image, corners]  # [B, H, W, 3, C]
        u, v = rast[..., 0:1], rast[..., 1:2]
        mixed = u * values[..., 0, :] + v * values[..., 1, :] + (1 - u - v) * values[..., 2, :]
        return torch.where(hit, mixed, mixed.new_zeros(()))

    def texture(self, image: Tensor, uv: Tensor) -> Tensor:
        """image [B or 1, H, W, C], uv [B, h, w, 2] in 0..1 → [B, h, w, C], bilinear, border clamped."""
        return bilinear_texture(image, uv)

    def antialias(self, color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
        """Blend color [B, H, W, C] across the mesh's silhouette edges; see `antialias.py`."""
        return antialias(color, rast, pos_clip, tri)


def _rasterize_image(pos: Tensor, faces: Tensor, resolution: tuple[int, int]) -> Tensor:
    height, width = resolution
    nearest, owner = _nearest_triangles(pos.detach(), faces, height, width)
    hit = owner < len(faces)
    ids = torch.where(hit, owner, torch.zeros_like(owner))
    u, v = _barycentric(pos[faces[ids]], height, width)
    zero = pos.new_zeros(())
    channels = (
        torch.where(hit, u, zero),
        torch.where(hit, v, zero),
        torch.where(hit, nearest, zero),
        torch.where(hit, (owner + 1).to(pos.dtype), zero),
    )
    return torch.stack(channels, -1).view(height, width, 4)


def _barycentric(corners: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Weights of the first two corners [H·W, 3, 4] at each pixel, perspective-correct (Olano, Greer 1997)."""
    rows, cols = torch.meshgrid(
        torch.arange(height, device=corners.device), torch.arange(width, device=corners.device), indexing="ij"
    )
    px, py = (2 * cols.reshape(-1, 1) + 1) / width - 1, (2 * rows.reshape(-1, 1) + 1) / height - 1
    qx, qy = corners[..., 0] - px * corners[..., 3], corners[..., 1] - py * corners[..., 3]
    e0 = qx[:, 1] * qy[:, 2] - qy[:, 1] * qx[:, 2]
    e1 = qx[:, 2] * qy[:, 0] - qy[:, 2] * qx[:, 0]
    e2 = qx[:, 0] * qy[:, 1] - qy[:, 0] * qx[:, 1]
    total = e0 + e1 + e2
    total = torch.where(total == 0, torch.ones_like(total), total)
    return e0 / total, e1 / total


def _nearest_triangles(pos: Tensor, faces: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Depth [H·W] of the nearest triangle and its index [H·W] (len(faces) where there is none)."""
    precise = torch.float32 if pos.device.type == "mps" else torch.float64
    p = pos.to(precise)
    size = torch.tensor([width, height], dtype=precise, device=pos.device)
    safe_w = torch.where(p[:, 3:] > 1e-6, p[:, 3:], torch.ones_like(p[:, 3:]))
    screen = (p[:, :2] / safe_w + 1) * 0.5 * size - 0.5  # in pixels, centres at integers
    z = p[:, 2] / safe_w[:, 0]
    xy, depth = screen[faces], z[faces]
    low = xy.amin(1).ceil().clamp(min=0).long()
    high = torch.minimum(xy.amax(1).floor().clamp(min=-1), size - 1).long()
    extent = (high - low + 1).clamp(min=0)
    counts = extent[:, 0] * extent[:, 1] * (p[:, 3] > 1e-6)[faces].all(1)

    nearest = torch.full((height * width,), torch.inf, device=pos.device)
    owner = torch.full((height * width,), len(faces), dtype=torch.long, device=pos.device)
    ends = counts.cumsum(0)
    start = 0
    while start < len(faces):
        offset = ends[start - 1] if start else ends.new_zeros(())
        stop = max(int(torch.searchsorted(ends, offset + _CHUNK, right=True)), start + 1)
        chunk = torch.arange(start, min(stop, len(faces)), device=pos.device)
        _test_chunk(chunk, counts, low, extent, xy, depth, width, nearest, owner)
        start = stop
    return nearest, owner


def _test_chunk(
    chunk: Tensor, counts: Tensor, low: Tensor, extent: Tensor, xy: Tensor, depth: Tensor, width: int,
    nearest: Tensor, owner: Tensor,
) -> None:  # fmt: skip
    f = chunk.repeat_interleave(counts[chunk])
    first = counts[chunk].cumsum(0) - counts[chunk]
    k = torch.arange(len(f), device=f.device) - first.repeat_interleave(counts[chunk])
    col, row = low[f, 0] + k % extent[f, 0], low[f, 1] + k // extent[f, 0]
    dx, dy = xy[f, :, 0] - col[:, None], xy[f, :, 1] - row[:, None]
    area = (xy[f, 1, 0] - xy[f, 0, 0]) * (xy[f, 2, 1] - xy[f, 0, 1])
    area = area - (xy[f, 2, 0] - xy[f, 0, 0]) * (xy[f, 1, 1] - xy[f, 0, 1])
    solid = area != 0
    area = torch.where(solid, area, torch.ones_like(area))
    a0 = (dx[:, 1] * dy[:, 2] - dx[:, 2] * dy[:, 1]) / area
    a1 = (dx[:, 2] * dy[:, 0] - dx[:, 0] * dy[:, 2]) / area
    a2 = 1 - a0 - a1
    z = (a0 * depth[f, 0] + a1 * depth[f, 1] + a2 * depth[f, 2]).float()
    inside = solid & (a0 >= 0) & (a1 >= 0) & (a2 >= 0) & (z >= -1) & (z <= 1)
    pixel, z, f = (row * width + col)[inside], z[inside], f[inside]
    before = nearest.clone()
    nearest.scatter_reduce_(0, pixel, z, "amin")
    owner[nearest < before] = len(counts)
    closest = z == nearest[pixel]
    owner.scatter_reduce_(0, pixel[closest], f[closest], "amin")
