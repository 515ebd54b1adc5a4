"""A pyramid of feature grids over [-1, 1]^3 that holds values near a surface only.

A surface touches few cells of a fine grid: about 3 % at 128^3. Grid vertices within a margin of the surface
own one row of `features`; the others own none and count as zero, so far from the surface the coarser levels
speak alone. A step of the optimiser then costs what the surface costs, not what the cube costs. Sampling has
two forms that a test holds together: `sample_torch`, which runs anywhere and is the one to read, and numba
kernels for the CPU.
"""

from collections.abc import Sequence

import numba
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureGrid(nn.Module):
    """features [rows, C], zero at first; L levels; lookup [sum (R_l+1)^3] int32, rows or -1, x slowest.

    `surface` [P, 3] are points on the surface, closer to each other than `margin` (working units); the grid
    vertices within `margin` of one (measured along the axes) get a row. Without a surface all vertices do.
    """

    lookup: Tensor
    resolutions: Tensor

    def __init__(
        self, resolutions: Sequence[int], channels: int, surface: Tensor | None = None, margin: float = 0.1
    ) -> None:
        super().__init__()
        lookups, rows = [], 0
        for resolution in resolutions:
            near = _vertices_near(surface, resolution, margin)
            row = torch.cumsum(near, dim=0) - 1 + rows
            lookups.append(torch.where(near, row, -1).to(torch.int32))
            rows += int(near.sum())
        self.register_buffer("resolutions", torch.tensor(list(resolutions)))
        self.register_buffer("lookup", torch.cat(lookups))
        self.features = nn.Parameter(torch.zeros(rows, channels))
        if surface is not None:
            self.to(surface.device)

    def forward(self, points: Tensor) -> Tensor:
        """Trilinear samples at points [N, 3] -> [N, L * C], the coarsest level's channels first.

        Points outside the cube take the value at its border. The gradient goes to the features, not to the
        points. Raises ValueError where a point is not finite.
        """
        points = points.detach()
        if not bool(torch.isfinite(points.sum())):
            raise ValueError(
                "a point to sample is not finite; look at the mesh or the rasteriser that made it"
            )
        if points.device.type == "cpu":
            return _SampleNumba.apply(points, self.features, self.lookup, self.resolutions)
        return sample_torch(points, self.features, self.lookup, self.resolutions)


def sample_torch(points: Tensor, features: Tensor, lookup: Tensor, resolutions: Tensor) -> Tensor:
    """The readable twin of the kernels: [N, 3] -> [N, L * C] on any device."""
    levels, start = [], 0
    for resolution in resolutions.tolist():
        side = resolution + 1
        at = ((points + 1) * (resolution / 2)).clamp(0, resolution)
        cell = at.floor().clamp(max=resolution - 1)
        total = torch.zeros(len(points), features.shape[1], dtype=features.dtype, device=features.device)
        upper = at - cell  # weight of the upper neighbour along each axis
        for corner in range(8):
            bits = torch.tensor([corner >> 2 & 1, corner >> 1 & 1, corner & 1], device=points.device)
            x, y, z = (cell.long() + bits).unbind(dim=1)
            row = lookup[start + (x * side + y) * side + z].long()
            weight = torch.where(bits == 1, upper, 1 - upper).prod(dim=1) * (row >= 0)
            total = total + features[row.clamp(min=0)] * weight[:, None]
        levels.append(total)
        start += side**3
    return torch.cat(levels, dim=1)


class _SampleNumba(torch.autograd.Function):
    @staticmethod
    def forward(ctx, points: Tensor, features: Tensor, lookup: Tensor, resolutions: Tensor) -> Tensor:
        ctx.save_for_backward(points, lookup, resolutions)
        ctx.rows = len(features)
        out = torch.zeros(len(points), len(resolutions) * features.shape[1], dtype=features.dtype)
        _gather(*(t.detach().contiguous().numpy() for t in (points, lookup, resolutions, features, out)))
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor, None, None]:
        points, lookup, resolutions = ctx.saved_tensors
        grad_features = torch.zeros(ctx.rows, grad.shape[1] // len(resolutions), dtype=grad.dtype)
        _scatter(*(t.contiguous().numpy() for t in (points, lookup, resolutions, grad, grad_features)))
        return None, grad_features, None, None


@numba.njit(cache=True, inline="always")
def _cell(coordinate, resolution):
    """The lower grid vertex along one axis, and the weight of the upper one."""
    at = min(max((coordinate + 1) * 0.5 * resolution, 0.0), float(resolution))
    lower = min(int(at), resolution - 1)
    return lower, at - lower


@numba.njit(cache=True, inline="always")
def _neighbours(point, lookup, resolutions, rows, weights):
    """Fill rows and weights [L * 8]: a point's eight neighbours on each level, and -1 for no row."""
    start = m = 0
    for resolution in resolutions:
        side = resolution + 1
        x, fx = _cell(point[0], resolution)
        y, fy = _cell(point[1], resolution)
        z, fz = _cell(point[2], resolution)
        for corner in range(8):
            i, j, k = corner >> 2 & 1, corner >> 1 & 1, corner & 1
            rows[m] = lookup[start + ((x + i) * side + y + j) * side + z + k]
            weights[m] = (fx if i else 1 - fx) * (fy if j else 1 - fy) * (fz if k else 1 - fz)
            m += 1
        start += side * side * side


@numba.njit(cache=True, nogil=True, fastmath=True)
def _gather(points, lookup, resolutions, features, out):
    channels = features.shape[1]
    rows, weights = np.empty(8 * len(resolutions), np.int32), np.empty(8 * len(resolutions), out.dtype)
    for n in range(len(points)):
        _neighbours(points[n], lookup, resolutions, rows, weights)
        for m in range(len(rows)):
            if rows[m] >= 0:
                for c in range(channels):
                    out[n, m // 8 * channels + c] += weights[m] * features[rows[m], c]


@numba.njit(cache=True, nogil=True, fastmath=True)
def _scatter(points, lookup, resolutions, grad, grad_features):
    channels = grad_features.shape[1]
    rows, weights = np.empty(8 * len(resolutions), np.int32), np.empty(8 * len(resolutions), grad.dtype)
    for n in range(len(points)):
        _neighbours(points[n], lookup, resolutions, rows, weights)
        for m in range(len(rows)):
            if rows[m] >= 0:
                for c in range(channels):
                    grad_features[rows[m], c] += weights[m] * grad[n, m // 8 * channels + c]


def _vertices_near(surface: Tensor | None, resolution: int, margin: float) -> Tensor:
    """[(R+1)^3] bool: the grid vertices within `margin` of a surface point, and those of its own cell."""
    side = resolution + 1
    if surface is None:
        return torch.ones(side**3, dtype=torch.bool)
    cell = ((surface.detach() + 1) * (resolution / 2)).floor().long().clamp(0, resolution - 1)
    near = torch.zeros(1, 1, side, side, side, device=surface.device)
    near[0, 0, cell[:, 0], cell[:, 1], cell[:, 2]] = 1
    reach = int(np.ceil(margin * resolution / 2)) + 1  # one more: a cell stands for its lower corner
    for axis in range(3):
        kernel, padding = [1, 1, 1], [0, 0, 0]
        kernel[axis], padding[axis] = 2 * reach + 1, reach
        near = F.max_pool3d(near, kernel, stride=1, padding=padding)
    return near.reshape(-1) > 0
