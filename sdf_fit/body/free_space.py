"""The start of the fit: a signed distance carved out of what the views see in front of the sketch.

Sign rules from the mesh itself fail on strokes (open, overlapping, doubled faces). What holds for all of
them: a point that a view sees in front of the surface, or beside it, is outside. Sheets too thin to leave any
interior get a shell around them, so that nothing drawn disappears.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import KDTree
from torch import Tensor

from sdf_fit.body.targets import Targets
from sdf_fit.cameras import clip_from_work
from sdf_fit.mesh import Mesh

SHELL_CELLS = 0.75  # half thickness of the shell around a thin sheet, so that the grid cannot miss it
SPECK_VERTICES = 8
KEPT_CELLS = 0.1  # least depth of what was voted to be inside


def carve(targets: Targets, resolution: int, votes: int = 2) -> Tensor:
    """Which grid vertices [R+1]^3 no `votes` views see as free space; bool, True inside."""
    axis = torch.linspace(-1, 1, resolution + 1)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    size = targets.mask.shape[1]
    margin = 1.0 / resolution  # half a cell: depth maps are sampled, not exact
    free = torch.zeros(len(points), dtype=torch.uint8)
    for matrix, depth in zip(clip_from_work(targets.views), targets.depth, strict=True):
        clip = points @ matrix[:, :3].T + matrix[:, 3]
        col, row = (((clip[:, k] / clip[:, 3] + 1) * 0.5 * size).floor().long() for k in (0, 1))
        in_picture = (col >= 0) & (col < size) & (row >= 0) & (row < size)
        surface = depth.view(-1)[(row.clamp(0, size - 1) * size + col.clamp(0, size - 1))]
        free += in_picture & (clip[:, 3] < surface - margin)
    outside_all = points.norm(dim=1) > 1.0
    return ((free < votes) & ~outside_all).view(resolution + 1, resolution + 1, resolution + 1)


def initial_distance(mesh: Mesh, targets: Targets, resolution: int, seed: int) -> tuple[Tensor, Tensor]:
    """SDF values [R+1]^3 to start from, and an upper bound [R+1]^3 on them that keeps thin sheets (else inf).

    sdf = min(carved, distance to thin parts - half a shell), working units, negative inside.
    """
    cell = 2.0 / resolution
    inside = _without_specks(carve(targets, resolution).numpy())
    carved = _signed_distance(inside) * cell
    samples = mesh.surface_points(40_000, seed)
    outside_by = ndimage.map_coordinates(carved, ((samples + 1) / cell).T, order=1, mode="nearest")
    thin = samples[outside_by > 1.25 * cell]
    values = np.clip(carved, -6 * cell, 6 * cell).astype(np.float32)
    bound = np.full(inside.shape, np.inf, np.float32)
    if len(thin):
        axis = np.linspace(-1, 1, resolution + 1)
        grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
        distance, _ = KDTree(thin).query(grid.reshape(-1, 3), distance_upper_bound=6 * cell)
        shell = (distance.reshape(inside.shape) - SHELL_CELLS * cell).astype(np.float32)
        values, bound = np.minimum(values, shell), np.minimum(bound, shell)
    bound[bound > cell] = np.inf
    return torch.from_numpy(values), torch.from_numpy(bound)


def _without_specks(inside: np.ndarray) -> np.ndarray:
    """Pieces of a few vertices are noise in the vote; a tube hardly thicker than a cell is a large piece."""
    part = np.zeros(inside.shape, np.int32)
    ndimage.label(inside, output=part)
    sizes = np.bincount(part.ravel())
    return inside & (sizes[part] >= SPECK_VERTICES)


def _signed_distance(inside: np.ndarray) -> np.ndarray:
    """Distance in cells to the boundary between inside and outside vertices, smoothed over a cell."""
    if not inside.any():
        return np.full(inside.shape, float(max(inside.shape)))
    outer = np.asarray(ndimage.distance_transform_edt(~inside))
    inner = np.asarray(ndimage.distance_transform_edt(inside))
    smooth = ndimage.gaussian_filter(np.where(inside, 0.5 - inner, outer - 0.5), 0.7)
    # smoothing must not take a thin leg away
    return np.where(inside, np.minimum(smooth, -KEPT_CELLS), smooth)
