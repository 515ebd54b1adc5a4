"""Which pixels a mesh's visible silhouette edges pass between: everything about antialiasing but the blending.

A silhouette edge has two faces that look opposite ways, or one face only. It is walked along its longer screen axis
(`major`, 0 = x, 1 = y); wherever it meets a line of pixel centres it passes between two of them, the `low` one and the
next along the other axis. `select_crossings` keeps those that count:

- the edge's depth agrees with the surface on its own side, to within what that surface's slope explains, and nothing
  nearer covers the other side;
- of several crossings between the same two pixels only the outermost: a silhouette of pixel-sized triangles zigzags,
  and its inward crossings lie on the surface itself (docs/decisions/antialias.md).

Two twins, held together by a test: torch for every device, and a compiled one for the CPU, where a fine mesh's
gathers would cost more than the rest of a frame. Neither carries a gradient; `antialias.py` does.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import torch
from torch import Tensor

from sdf_fit.render.edges import edges_of

SLOPE_PIXELS = 4.0  # depth may differ by what the surface's slope gives over this many pixels
DEPTH_FLOOR = 1e-5  # and by this much of the depth range, for rounding
STEEPEST = 1e-4  # beyond a face's own extent of depth no slope is believed: a face seen edge-on has no end


class Crossings(NamedTuple):
    """M places where a visible silhouette passes between two pixel centres."""

    image: Tensor  # [M] which image of the batch
    edge: Tensor  # [M, 2] the edge's vertices
    major: Tensor  # [M] 0 or 1: the axis along which the edge is longer
    line: Tensor  # [M] index of the pixel centre along major
    low: Tensor  # [M] index along the other axis of the pixel before the crossing
    mesh_below: Tensor  # [M] bool: the mesh lies on low's side


def select_crossings(screen: Tensor, depth: Tensor, visible: Tensor, rast: Tensor, tri: Tensor) -> Crossings:
    """The crossings that count.

    screen [B, V, 2] in pixels (centres at .5), depth z/w [B, V], visible [B, V] bool (in front of the camera),
    rast [B, H, W, 4], tri [F, 3] int32.
    """
    select = _select_compiled if tri.device.type == "cpu" else select_crossings_torch
    return select(screen.detach(), depth.detach(), visible, rast.detach(), tri)


def select_crossings_torch(
    screen: Tensor, depth: Tensor, visible: Tensor, rast: Tensor, tri: Tensor
) -> Crossings:
    """`select_crossings` on any device."""
    height, width = rast.shape[1:3]
    image, edge, face = _silhouette_edges(screen, visible, tri)
    found, face, cover, edge_depth = _walk(screen, depth, tri, image, edge, face, height, width)

    limit = torch.where(found.major == 1, width, height)
    kept = ((found.low >= 0) & (found.low + 1 < limit)).nonzero()[:, 0]
    inner, outer = pixel_pair(Crossings(*(column[kept] for column in found)), height, width)
    ids, z = rast[..., 3].reshape(-1).long(), rast[..., 2].reshape(-1)
    image, own, seen = found.image[kept], face[kept], (ids[inner] - 1).clamp(min=0)
    slope = _slope(screen, depth, tri, image, own) + _slope(screen, depth, tri, image, seen)
    near = (z[inner] - edge_depth[kept]).abs() <= SLOPE_PIXELS * slope + DEPTH_FLOOR
    shown = (ids[inner] > 0) & near & ((ids[outer] == 0) | (z[outer] >= edge_depth[kept] - DEPTH_FLOOR))

    shown = shown.nonzero()[:, 0]
    kept, inner, outer = kept[shown], inner[shown], outer[shown]
    outermost = _outermost(cover[kept], inner, outer)
    return Crossings(*(column[kept[outermost]] for column in found))


def pixel_pair(crossings: Crossings, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Flat indices [M] into [B, H, W] of the pixel on the mesh's side and of the one beyond the edge."""
    image, _, major, line, low, below = crossings
    row, col = torch.where(major == 1, line, low), torch.where(major == 1, low, line)
    first = (image * height + row) * width + col
    second = first + torch.where(major == 1, 1, width)
    return torch.where(below, first, second), torch.where(below, second, first)


def crossing_share(screen: Tensor, crossings: Crossings) -> Tensor:
    """How far each crossing lies from low's centre towards the next one, [M] in 0..1; differentiable in screen."""
    image, edge, major, line, low, _ = crossings
    a, b, pick = screen[image, edge[:, 0]], screen[image, edge[:, 1]], major[:, None]
    along_a, along_b = a.gather(1, pick)[:, 0], b.gather(1, pick)[:, 0]
    across_a, across_b = a.gather(1, 1 - pick)[:, 0], b.gather(1, 1 - pick)[:, 0]
    t = (line + 0.5 - along_a) / (along_b - along_a)
    return across_a + t * (across_b - across_a) - 0.5 - low


def _silhouette_edges(screen: Tensor, visible: Tensor, tri: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Image [N], vertices [N, 2] and first face [N] of every silhouette edge in front of the camera."""
    edges, faces = edges_of(tri)
    t = tri.long()
    a, b, c = screen[:, t[:, 0]], screen[:, t[:, 1]], screen[:, t[:, 2]]
    front = _cross(b - a, c - a) > 0
    first, second = faces.unbind(1)
    silhouette = (front[:, first] != front[:, second.clamp(min=0)]) | (second < 0)
    silhouette &= visible[:, edges[:, 0]] & visible[:, edges[:, 1]]
    image, index = silhouette.nonzero(as_tuple=True)
    return image, edges[index], first[index]


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _walk(
    screen: Tensor, depth: Tensor, tri: Tensor, image: Tensor, edge: Tensor, face: Tensor, height: int, width: int
) -> tuple[Crossings, Tensor, Tensor, Tensor]:
    """Every crossing of the edges, with its face, cover (see `_outermost`) and depth."""
    a, b = screen[image, edge[:, 0]], screen[image, edge[:, 1]]
    major = ((b - a).abs()[:, 1] >= (b - a).abs()[:, 0]).long()
    along_a, along_b = a.gather(1, major[:, None])[:, 0], b.gather(1, major[:, None])[:, 0]
    limit = torch.where(major == 1, height, width)
    first = (torch.minimum(along_a, along_b) - 0.5).ceil().clamp(min=0).long()
    last = torch.minimum((torch.maximum(along_a, along_b) - 0.5).ceil().long(), limit) - 1
    counts = (last - first + 1).clamp(min=0)
    n = torch.arange(len(edge), device=screen.device).repeat_interleave(counts)
    line = first[n] + torch.arange(len(n), device=n.device) - (counts.cumsum(0) - counts)[n]
    image, edge, face, major = image[n], edge[n], face[n], major[n]
    a, b, pick = a[n], b[n], major[:, None]
    along_a, along_b = along_a[n], along_b[n]
    across_a, across_b = a.gather(1, 1 - pick)[:, 0], b.gather(1, 1 - pick)[:, 0]
    t = (line + 0.5 - along_a) / (along_b - along_a)
    crossing = across_a + t * (across_b - across_a)
    low = (crossing - 0.5).floor().long()
    z = depth[image[:, None], edge]
    opposite = tri[face].long().sum(1) - edge.sum(1)
    o = screen[image, opposite]
    t_o = (o.gather(1, pick)[:, 0] - along_a) / (along_b - along_a)
    below = o.gather(1, 1 - pick)[:, 0] < across_a + t_o * (across_b - across_a)
    share = crossing - 0.5 - low
    cover = torch.where(below, share, 1 - share)
    found = Crossings(image, edge, major, line, low, below)
    return found, face, cover, z[:, 0] + t * (z[:, 1] - z[:, 0])


def _slope(screen: Tensor, depth: Tensor, tri: Tensor, image: Tensor, face: Tensor) -> Tensor:
    """Largest change of depth per pixel of each face's plane, [M]."""
    corners = tri[face].long()
    p, z = screen[image[:, None], corners], depth[image[:, None], corners]
    u, v = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    du, dv = z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]
    area = _cross(u, v)
    area = torch.where(area.abs() < 1e-6, torch.full_like(area, 1e-6), area)
    gx, gy = (du * v[:, 1] - dv * u[:, 1]) / area, (dv * u[:, 0] - du * v[:, 0]) / area
    return torch.minimum(gx.abs() + gy.abs(), z.amax(1) - z.amin(1) + STEEPEST)


def _outermost(cover: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    """Which crossings [M] reach furthest (cover, 0..1 from inner's centre to outer's) of those between one pair."""
    # the inner pixel and which of its four neighbours is the outer one name the pair
    neighbour = 2 * (outer > inner) + ((outer - inner).abs() == 1)
    _, pair = torch.unique(4 * inner + neighbour, return_inverse=True)
    best = torch.full_like(cover, -1.0).scatter_reduce(0, pair, cover, "amax")
    return (cover == best[pair]).nonzero()[:, 0]


def _select_compiled(screen: Tensor, depth: Tensor, visible: Tensor, rast: Tensor, tri: Tensor) -> Crossings:
    edges, edge_faces = (table.numpy() for table in edges_of(tri))
    faces, xy, z = tri.contiguous().numpy(), screen.contiguous().numpy(), depth.contiguous().numpy()
    seen, raster = visible.contiguous().numpy(), rast.contiguous().numpy()
    found = [
        _select_in_image(xy[b], z[b], seen[b], raster[b], faces, edges, edge_faces, SLOPE_PIXELS, DEPTH_FLOOR, STEEPEST)
        for b in range(len(xy))
    ]
    rows = torch.from_numpy(np.concatenate(found))
    image = torch.arange(len(found)).repeat_interleave(torch.tensor([len(part) for part in found]))
    index, major, line, low, below = rows.unbind(1)
    return Crossings(image, torch.from_numpy(edges)[index], major, line, low, below.bool())


@numba.njit(cache=True)
def _slope_of(xy, z, face, steepest):
    i, j, k = face[0], face[1], face[2]
    ux, uy, vx, vy = xy[j, 0] - xy[i, 0], xy[j, 1] - xy[i, 1], xy[k, 0] - xy[i, 0], xy[k, 1] - xy[i, 1]
    du, dv = z[j] - z[i], z[k] - z[i]
    area = ux * vy - uy * vx
    if abs(area) < 1e-6:
        area = np.float32(1e-6)
    extent = max(z[i], z[j], z[k]) - min(z[i], z[j], z[k])
    return min(abs((du * vy - dv * uy) / area) + abs((dv * ux - du * vx) / area), extent + steepest)


@numba.njit(cache=True)
def _select_in_image(xy, z, visible, rast, faces, edges, edge_faces, slope_pixels, floor, steepest):
    """Rows (edge, major, line, low, mesh below) [M, 5] of one image, as the torch twin finds them."""
    height, width = rast.shape[0], rast.shape[1]
    front = np.empty(len(faces), np.bool_)
    for f in range(len(faces)):
        a, b, c = xy[faces[f, 0]], xy[faces[f, 1]], xy[faces[f, 2]]
        front[f] = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0
    # for each pixel and each of its four neighbours the outermost crossing so far
    best_cover = np.full((height, width, 4), -1.0, np.float32)
    best_row = np.full((height, width, 4), -1, np.int64)
    rows = np.empty((1024, 5), np.int64)
    count = 0
    for e in range(len(edges)):
        f, second = edge_faces[e, 0], edge_faces[e, 1]
        if second >= 0 and front[f] == front[second]:
            continue
        i, j = edges[e, 0], edges[e, 1]
        if not (visible[i] and visible[j]):
            continue
        major = 1 if abs(xy[j, 1] - xy[i, 1]) >= abs(xy[j, 0] - xy[i, 0]) else 0
        along_a, along_b = xy[i, major], xy[j, major]
        across_a, across_b = xy[i, 1 - major], xy[j, 1 - major]
        lines, limit = (height, width) if major == 1 else (width, height)
        start = max(int(np.ceil(min(along_a, along_b) - np.float32(0.5))), 0)
        stop = min(int(np.ceil(max(along_a, along_b) - np.float32(0.5))), lines)
        if start >= stop:
            continue
        o = faces[f, 0] + faces[f, 1] + faces[f, 2] - i - j
        t_o = (xy[o, major] - along_a) / (along_b - along_a)
        below = xy[o, 1 - major] < across_a + t_o * (across_b - across_a)
        slope = _slope_of(xy, z, faces[f], steepest)
        for line in range(start, stop):
            t = (np.float32(line) + np.float32(0.5) - along_a) / (along_b - along_a)
            crossing = across_a + t * (across_b - across_a)
            low = int(np.floor(crossing - np.float32(0.5)))
            if low < 0 or low + 1 >= limit:
                continue
            inner, outer = (low, low + 1) if below else (low + 1, low)
            inner_row, inner_col = (line, inner) if major == 1 else (inner, line)
            outer_row, outer_col = (line, outer) if major == 1 else (outer, line)
            seen = int(rast[inner_row, inner_col, 3]) - 1
            if seen < 0:
                continue
            edge_z = z[i] + t * (z[j] - z[i])
            tolerance = slope_pixels * (slope + _slope_of(xy, z, faces[seen], steepest)) + floor
            if abs(rast[inner_row, inner_col, 2] - edge_z) > tolerance:
                continue
            if rast[outer_row, outer_col, 3] > 0 and rast[outer_row, outer_col, 2] < edge_z - floor:
                continue
            share = crossing - np.float32(0.5) - np.float32(low)
            cover = share if below else 1 - share
            neighbour = 2 * major + (1 if below else 0)
            if cover <= best_cover[inner_row, inner_col, neighbour]:
                continue
            best_cover[inner_row, inner_col, neighbour] = cover
            row = best_row[inner_row, inner_col, neighbour]
            if row < 0:
                row = count
                best_row[inner_row, inner_col, neighbour] = row
                count += 1
                if count > len(rows):
                    grown = np.empty((2 * len(rows), 5), np.int64)
                    grown[: len(rows)] = rows
                    rows = grown
            rows[row, 0], rows[row, 1], rows[row, 2] = e, major, line
            rows[row, 3], rows[row, 4] = low, 1 if below else 0
    return rows[:count].copy()
