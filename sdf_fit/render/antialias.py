"""Antialiasing along the mesh's own silhouette edges: what gives an image its gradient with respect to shape.

Each silhouette edge (its two faces look opposite ways, or it has one face only) is walked along its longer
screen axis. Wherever it crosses the line between two neighbouring pixel centres, the one of the two pixels
that it cuts is blended with the other by the share the edge covers, as an exact area would be for a straight
edge. Walking edges instead of pairs of pixels keeps the gradient when triangles are as small as pixels, where
the triangle seen next to the silhouette is rarely the one that owns the edge.

An edge counts where it is visible: its depth must agree with the surface on its own side to within what that
surface's slope explains, and nothing nearer may cover the other side.
"""

from __future__ import annotations

import weakref

import numba
import numpy as np
import torch
from torch import Tensor

_SLOPE_PIXELS = 4.0  # depth may differ by what the surface's slope gives over this many pixels
_DEPTH_FLOOR = 1e-5  # and by this much of the depth range, for rounding


def antialias(color: Tensor, rast: Tensor, pos_clip: Tensor, tri: Tensor) -> Tensor:
    """Blend color [B, H, W, C] over the silhouettes of (pos_clip [B, V, 4], tri [F, 3]) rasterised in rast.

    Differentiable in color and in pos_clip. The border pixels' outer neighbours do not exist and are left
    alone.
    """
    batch, height, width, channels = color.shape
    size = pos_clip.new_tensor([width, height])
    w = pos_clip[..., 3:]
    visible = w > 1e-6
    screen = (pos_clip[..., :2] / torch.where(visible, w, torch.ones_like(w)) + 1) * 0.5 * size
    depth = (pos_clip[..., 2:3] / torch.where(visible, w, torch.ones_like(w)))[..., 0].detach()

    image, edge, opposite, face = _silhouettes(screen.detach(), visible[..., 0], tri)
    walk = _Walk(screen, depth, image, edge, opposite, height, width)
    weight, target, other = walk.blend(rast.detach(), depth, screen.detach(), tri, face)

    flat = color.reshape(-1, channels)
    delta = weight[:, None] * (flat[other] - flat[target])
    return flat.index_add(0, target, delta).view(batch, height, width, channels)


def _silhouettes(screen: Tensor, visible: Tensor, tri: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Indices of every silhouette edge: image [N], edge's vertices [N, 2], opposite vertex [N], face [N]."""
    edges, faces = edges_of(tri)
    find = _find_silhouettes if tri.device.type == "cpu" else _find_silhouettes_torch
    image, index = find(screen, tri, faces)
    edge, face = edges[index], faces[index, 0]
    if not bool(visible.all()):
        kept = (visible[image, edge[:, 0]] & visible[image, edge[:, 1]]).nonzero()[:, 0]
        image, edge, face = image[kept], edge[kept], face[kept]
    return image, edge, tri[face].long().sum(1) - edge.sum(1), face


def _find_silhouettes_torch(screen: Tensor, tri: Tensor, edge_faces: Tensor) -> tuple[Tensor, Tensor]:
    """Image [N] and edge [N] wherever an edge's two faces look opposite ways, or it has one face only."""
    t = tri.long()
    a, b, c = screen[:, t[:, 0]], screen[:, t[:, 1]], screen[:, t[:, 2]]
    front = _cross(b - a, c - a) > 0
    first, second = edge_faces.unbind(1)
    silhouette = (front[:, first] != front[:, second.clamp(min=0)]) | (second < 0)
    image, edge = silhouette.nonzero(as_tuple=True)
    return image, edge


def _find_silhouettes(screen: Tensor, tri: Tensor, edge_faces: Tensor) -> tuple[Tensor, Tensor]:
    """The same, compiled: on a fine mesh the gathers of the other cost more than the rest of a frame."""
    found = [_silhouettes_of_image(xy, tri.numpy(), edge_faces.numpy()) for xy in screen.contiguous().numpy()]
    image = torch.arange(len(found)).repeat_interleave(torch.tensor([len(edges) for edges in found]))
    return image, torch.from_numpy(np.concatenate(found))


@numba.njit(cache=True)
def _silhouettes_of_image(xy: np.ndarray, faces: np.ndarray, edge_faces: np.ndarray) -> np.ndarray:
    front = np.empty(len(faces), np.bool_)
    for f in range(len(faces)):
        a, b, c = xy[faces[f, 0]], xy[faces[f, 1]], xy[faces[f, 2]]
        front[f] = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0
    found = np.empty(len(edge_faces), np.int64)
    count = 0
    for e in range(len(edge_faces)):
        first, second = edge_faces[e, 0], edge_faces[e, 1]
        if second < 0 or front[first] != front[second]:
            found[count] = e
            count += 1
    return found[:count].copy()


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


class _Walk:
    """Every crossing of a silhouette edge with a line of pixel centres; M crossings.

    `major` is the axis along which the edge is longer (0 = x, 1 = y), `minor` the other; `line` counts pixel
    centres along major, `low` the pixel before the crossing along minor, `share` in 0..1 how far the edge
    lies from low's centre towards the next one.
    """

    def __init__(
        self,
        screen: Tensor,
        depth: Tensor,
        image: Tensor,
        edge: Tensor,
        opposite: Tensor,
        height: int,
        width: int,
    ) -> None:
        a, b = screen[image, edge[:, 0]], screen[image, edge[:, 1]]
        with torch.no_grad():
            major = ((b - a).abs()[:, 1] >= (b - a).abs()[:, 0]).long()
            along_a, along_b = a.gather(1, major[:, None])[:, 0], b.gather(1, major[:, None])[:, 0]
            limit = torch.where(major == 1, height, width)
            first = (torch.minimum(along_a, along_b) - 0.5).ceil().clamp(min=0).long()
            last = torch.minimum((torch.maximum(along_a, along_b) - 0.5).ceil().long(), limit) - 1
            counts = (last - first + 1).clamp(min=0)
            n = torch.arange(len(edge), device=screen.device).repeat_interleave(counts)
            line = first[n] + torch.arange(len(n), device=n.device) - (counts.cumsum(0) - counts)[n]
        self.index, self.image, self.major, self.line = n, image[n], major[n], line
        self.height, self.width = height, width
        a, b, pick = a[n], b[n], self.major[:, None]
        along_a, along_b = a.gather(1, pick)[:, 0], b.gather(1, pick)[:, 0]
        across_a, across_b = a.gather(1, 1 - pick)[:, 0], b.gather(1, 1 - pick)[:, 0]
        t = (line + 0.5 - along_a) / (along_b - along_a)
        crossing = across_a + t * (across_b - across_a)
        self.low = (crossing.detach() - 0.5).floor().long()
        self.share = crossing - 0.5 - self.low
        with torch.no_grad():
            z = depth[image[:, None], edge][n]
            self.depth = z[:, 0] + t * (z[:, 1] - z[:, 0])
            o = screen[self.image, opposite[n]]
            t_o = (o.gather(1, pick)[:, 0] - along_a) / (along_b - along_a)
            line_o = across_a + t_o * (across_b - across_a)
            self.mesh_below = o.gather(1, 1 - pick)[:, 0] < line_o  # the mesh lies on low's side

    def blend(
        self, rast: Tensor, depth: Tensor, screen: Tensor, tri: Tensor, face: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Weight [M], target pixel [M] and the pixel it takes colour from [M], for the visible crossings."""
        limit = torch.where(self.major == 1, self.width, self.height)
        inside_image = (self.low >= 0) & (self.low + 1 < limit)
        keep = inside_image.nonzero()[:, 0]
        step = torch.where(self.major == 1, 1, self.width)[keep]
        row = torch.where(self.major == 1, self.line, self.low)[keep]
        col = torch.where(self.major == 1, self.low, self.line)[keep]
        low = (self.image[keep] * self.height + row) * self.width + col
        below = self.mesh_below[keep]
        inner, outer = torch.where(below, low, low + step), torch.where(below, low + step, low)

        ids, z = rast[..., 3].reshape(-1).long(), rast[..., 2].reshape(-1)
        edge_z = self.depth[keep]
        own = face[self.index[keep]]
        seen = (ids[inner] - 1).clamp(min=0)
        image = self.image[keep]
        slope = _slope(screen, depth, tri, image, own) + _slope(screen, depth, tri, image, seen)
        tolerance = _SLOPE_PIXELS * slope + _DEPTH_FLOOR
        shown = (ids[inner] > 0) & ((z[inner] - edge_z).abs() <= tolerance)
        shown &= (ids[outer] == 0) | (z[outer] >= edge_z - _DEPTH_FLOOR)

        pick = shown.nonzero()[:, 0]
        pick = pick[_farthest(self._cover(keep[pick], below[pick]).detach(), inner[pick], outer[pick])]
        cover = self._cover(keep[pick], below[pick])
        beyond = cover.detach() >= 0.5
        weight = torch.where(beyond, cover - 0.5, 0.5 - cover)
        target = torch.where(beyond, outer[pick], inner[pick])
        other = torch.where(beyond, inner[pick], outer[pick])
        return weight, target, other

    def _cover(self, index: Tensor, below: Tensor) -> Tensor:
        """How far the mesh reaches from the inner pixel's centre towards the outer one's, 0..1."""
        return torch.where(below, self.share[index], 1 - self.share[index])


def _farthest(cover: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    """Which crossings to keep: of several between one pair of pixels only the outermost bounds the surface.

    A silhouette of pixel-sized triangles zigzags, and its inward crossings lie on the surface itself.
    """
    # the inner pixel and which of its four neighbours is the outer one name the pair
    neighbour = 2 * (outer > inner) + ((outer - inner).abs() == 1)
    _, pair = torch.unique(4 * inner + neighbour, return_inverse=True)
    best = torch.full_like(cover, -1.0).scatter_reduce(0, pair, cover, "amax")
    return (cover == best[pair]).nonzero()[:, 0]


def _slope(screen: Tensor, depth: Tensor, tri: Tensor, image: Tensor, face: Tensor) -> Tensor:
    """Largest change of depth per pixel of each face's plane, [M]; capped: one seen edge-on has no end."""
    corners = tri.long()[face]
    p, z = screen[image[:, None], corners], depth[image[:, None], corners]
    u, v = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    du, dv = z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]
    area = _cross(u, v)
    area = torch.where(area.abs() < 1e-6, torch.full_like(area, 1e-6), area)
    gx, gy = (du * v[:, 1] - dv * u[:, 1]) / area, (dv * u[:, 0] - du * v[:, 0]) / area
    extent = z.amax(1) - z.amin(1)
    return torch.minimum(gx.abs() + gy.abs(), extent + 1e-4)


_last: list[tuple[weakref.ref[Tensor], tuple[Tensor, Tensor]]] = []


def edges_of(tri: Tensor) -> tuple[Tensor, Tensor]:
    """Unique edges [E, 2] and their first two faces [E, 2] (-1: none) of tri [F, 3]; remembers one tri."""
    if _last and _last[0][0]() is tri:
        return _last[0][1]
    if tri.device.type == "cpu":
        edges, faces = _find_edges(tri.contiguous().numpy())
        found = torch.from_numpy(edges), torch.from_numpy(faces)
    else:
        found = _find_edges_torch(tri)
    _last[:] = [(weakref.ref(tri), found)]
    return found


def _find_edges_torch(tri: Tensor) -> tuple[Tensor, Tensor]:
    t = tri.long()
    half = torch.cat([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).sort(1).values
    face = torch.arange(len(t), device=t.device).repeat(3)
    edges, inverse = torch.unique(half, dim=0, return_inverse=True)
    order = torch.argsort(inverse, stable=True)
    counts = torch.bincount(inverse, minlength=len(edges))
    first = counts.cumsum(0) - counts
    second = torch.where(counts > 1, face[order[(first + 1).clamp(max=len(order) - 1)]], -1)
    return edges, torch.stack([face[order[first]], second], 1)


@numba.njit(cache=True)
def _find_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same through an open-addressing hash table: a sort of all half-edges costs more than a frame."""
    count = 3 * len(faces)
    size = 1
    while size < 2 * count + 1:
        size *= 2
    slots = np.full(size, -1, np.int32)
    edges, owners = np.empty((count, 2), np.int64), np.full((count, 2), -1, np.int64)
    found = 0
    for f in range(len(faces)):
        for k in range(3):
            i, j = faces[f, k], faces[f, (k + 1) % 3]
            low, high = min(i, j), max(i, j)
            slot = (np.int64(low) * 73856093 ^ np.int64(high) * 19349663) & (size - 1)
            while slots[slot] >= 0 and (edges[slots[slot], 0] != low or edges[slots[slot], 1] != high):
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = found
                edges[found, 0], edges[found, 1], owners[found, 0] = low, high, f
                found += 1
            elif owners[slots[slot], 1] < 0:
                owners[slots[slot], 1] = f
    return edges[:found], owners[:found]
