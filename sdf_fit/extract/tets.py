"""Marching tetrahedra on the structured (Kuhn) grid: a surface with gradients from an SDF grid.

Every cube of the grid is cut into the six tetrahedra that share its diagonal 000-111 (Kuhn's triangulation).
All cubes are cut alike, so neighbours agree on the diagonals of their shared faces, and every edge of the
whole complex is a grid vertex (its lower end) plus one of seven directions, the non-zero corners of the unit
cube. That gives two shortcuts:

- an edge's identity is `vertex * 7 + direction`, so welding is a lookup in a dense map, not a search
  (`torch.unique`);
- all edges with the same lower end lie in one cube, so a cube's eight signs tell both its triangles and the
  vertices it owns: one table with 256 rows replaces the walk over tetrahedra.

The result of marching tetrahedra on a simplicial complex is a manifold; it is closed because the outermost
layer of grid vertices is held outside the body. (Doi and Koide 1991; Kuhn 1960.)
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Corner c of a cube lies at (x, y, z) = the bits of c, x the highest. Direction d leads to corner d + 1.
CORNERS = np.array([[c >> 2 & 1, c >> 1 & 1, c & 1] for c in range(8)])
MAX_TRIANGLES = 12  # six tetrahedra, two triangles each

# A surface vertex keeps this share of its edge away from both ends. Where the SDF is zero at a grid vertex
# all its edges would otherwise meet in that one point, and normals of triangles without area have no finite
# gradient.
END_MARGIN = 1e-3


class Topology(NamedTuple):
    """What depends on the signs alone. V surface vertices, F faces."""

    inside: Tensor  # [(R+1)^3] bool, the signs it was made for
    lower: Tensor  # [V] grid vertex at the lower end of each crossed edge
    upper: Tensor  # [V] grid vertex at its upper end
    origin: Tensor  # [V, 3] position of the lower end
    step: Tensor  # [V, 3] from the lower to the upper end
    faces: Tensor  # [F, 3] int32


class TetGrid:
    """Extracts the zero level of an SDF at the vertices of a grid of `resolution`^3 cubes over [-1, 1]^3."""

    name = "tets"

    def __init__(self, resolution: int, device: torch.device | str = "cpu") -> None:
        if resolution < 2:
            raise ValueError(f"resolution {resolution}: a grid needs at least 2 cubes a side")
        self.resolution = resolution
        side = resolution + 1
        self._strides = (side * side, side, 1)
        corners = torch.as_tensor(CORNERS @ np.array(self._strides))
        counts, corner, direction = _triangle_table()
        edges = corners.numpy()[corner] * 7 + direction  # ids relative to those of the cube's first vertex
        self._corner_offsets = corners.tolist()
        self._directions = torch.as_tensor(CORNERS[1:], device=device)
        self._upper_offsets = corners[1:].to(device)
        self._triangle_counts = torch.as_tensor(counts, device=device)
        self._triangle_edges = torch.as_tensor(edges, device=device)
        self._owns_edge = torch.as_tensor(_owned_edges(), device=device)
        # Only the entries written for a topology are read for it, so the map is never cleared.
        self._edge_to_vertex = torch.empty(side**3 * 7, dtype=torch.int32, device=device)
        self._border = _border(side).to(device)
        self.topology: Topology | None = None

    def extract(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The surface of `values` [R+1, R+1, R+1] as vertices [V, 3] and faces [F, 3] int32.

        Values are negative inside, x slowest. Vertices carry the gradient to them; faces are counter-
        clockwise from outside. The outermost layer of the grid counts as at least half a cell outside, so a
        body that leaves the cube is cut off there and closed. Where the signs are those of the call before,
        the faces are the same tensor as then; no body gives V = F = 0.
        Raises ValueError on a wrong shape and on values that are not finite.
        """
        side = self.resolution + 1
        if values.shape != (side, side, side):
            raise ValueError(f"values have the shape {list(values.shape)}; this grid wants {[side] * 3}")
        if not bool(torch.isfinite(values.detach().sum())):
            raise ValueError(
                "the SDF holds values that are not finite; was a step of the optimiser too long?"
            )
        flat = values.reshape(-1)
        inside = (flat.detach() < 0) & ~self._border
        known = self.topology
        if known is None or known.origin.dtype != flat.dtype or not torch.equal(known.inside, inside):
            self.topology = known = self._find_topology(inside, flat.dtype)
        return self._interpolate(flat, known), known.faces

    def _interpolate(self, flat: Tensor, topology: Topology) -> Tensor:
        """The vertices [V, 3]: where a linear SDF along each crossed edge is zero."""
        closed_at = 1.0 / self.resolution  # half a cell, for the outermost layer
        ends = []
        for index in (topology.lower, topology.upper):
            end = flat.index_select(0, index)
            ends.append(torch.where(self._border[index], end.clamp(min=closed_at), end))
        lower, upper = ends
        share = lower / (lower - upper)  # the signs differ and the inside is strictly negative: never 0 / 0
        # Squeezed, not clamped, since a clamped vertex would have no gradient and could not move again.
        share = END_MARGIN + (1 - 2 * END_MARGIN) * share
        return torch.addcmul(topology.origin, share[:, None], topology.step)

    @torch.no_grad()
    def _find_topology(self, inside: Tensor, dtype: torch.dtype) -> Topology:
        """Crossed edges and faces for signs [(R+1)^3]: one pass over them, then active cubes alone."""
        code = self._cube_codes(inside)
        cubes = torch.nonzero((code > 0) & (code < 255)).squeeze(1)  # named by their first vertex
        code = code[cubes].long()

        row, direction = torch.nonzero(self._owns_edge[code], as_tuple=True)
        lower = cubes[row]
        number = torch.arange(len(lower), dtype=torch.int32, device=lower.device)
        self._edge_to_vertex[lower * 7 + direction] = number

        slots = torch.arange(MAX_TRIANGLES, device=code.device)
        row, slot = torch.nonzero(slots < self._triangle_counts[code, None], as_tuple=True)
        edges = self._triangle_edges[code[row], slot] + (cubes[row] * 7)[:, None]

        cell = 2.0 / self.resolution
        x, rest = lower // self._strides[0], lower % self._strides[0]
        at = torch.stack([x, rest // self._strides[1], rest % self._strides[1]], dim=1)
        return Topology(
            inside=inside,
            lower=lower,
            upper=lower + self._upper_offsets[direction],
            origin=at.to(dtype) * cell - 1,
            step=self._directions[direction].to(dtype) * cell,
            faces=self._edge_to_vertex[edges],
        )

    def _cube_codes(self, inside: Tensor) -> Tensor:
        """[n] uint8: bit c is set where corner c is inside, of the cube whose first vertex is n.

        Addressed flat, a "cube" whose first vertex lies on an upper border wraps round onto lower borders.
        All of those vertices are outside, so such a cube is inactive and need not be excluded.
        """
        bits = inside.to(torch.uint8)
        count = len(bits) - self._corner_offsets[7]
        code = bits[:count].clone()
        for c, offset in enumerate(self._corner_offsets[1:], start=1):
            code |= bits[offset : offset + count] << c
        return code


def _border(side: int) -> Tensor:
    """[side^3] bool: the outermost layer of the grid's vertices."""
    border = torch.ones(side, side, side, dtype=torch.bool)
    border[1:-1, 1:-1, 1:-1] = False
    return border.reshape(-1)


def _owned_edges() -> np.ndarray:
    """[256, 7] bool: for a cube's code, which of the seven edges that start at its corner 0 change sign."""
    signs = np.arange(256)[:, None] >> np.arange(8) & 1
    return signs[:, 1:] != signs[:, :1]


def _triangle_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per cube code the number of triangles [256]; their edges' lower corners and directions [256, 12, 3]."""
    counts = np.zeros(256, dtype=np.int64)
    corner = np.zeros((256, MAX_TRIANGLES, 3), dtype=np.int64)
    direction = np.zeros_like(corner)
    for code in range(256):
        for path in permutations((4, 2, 1)):  # a Kuhn tetrahedron walks from corner 0 to 7 one axis at a time
            tet = [0, path[0], path[0] + path[1], 7]
            inside = [c for c in tet if code >> c & 1]
            outside = [c for c in tet if not code >> c & 1]
            for triangle in _tet_triangles(inside, outside):
                for k, (a, b) in enumerate(triangle):
                    lower = min(a, b)  # on such a path the upper end has the lower end's bits and more
                    corner[code, counts[code], k] = lower
                    direction[code, counts[code], k] = max(a, b) - lower - 1
                counts[code] += 1
    return counts, corner, direction


def _tet_triangles(inside: list[int], outside: list[int]) -> list[list[tuple[int, int]]]:
    """One tetrahedron's triangles, each three edges (inside, outside), counter-clockwise from outside."""
    if not inside or not outside:
        return []
    if len(inside) == 2:
        (a, b), (c, d) = inside, outside
        triangles = [[(a, c), (a, d), (b, d)], [(a, c), (b, d), (b, c)]]
    else:
        triangles = [[(i, o) for i in inside for o in outside]]
    outward = CORNERS[outside].mean(axis=0) - CORNERS[inside].mean(axis=0)
    for triangle in triangles:
        p, q, r = (CORNERS[list(edge)].mean(axis=0) for edge in triangle)
        if np.cross(q - p, r - p) @ outward < 0:
            triangle.reverse()
    return triangles
