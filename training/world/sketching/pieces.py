"""What a hand sees of an object: its connected pieces, as points spread over their surfaces, and which are hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world.model import Mesh
from training.world.true_mesh import triangles

DIRECTIONS = 48  # from which an object is looked at
GOLDEN = np.array([0.7548776662466927, 0.5698402909980532])  # the plane's most even sequence (Roberts 2018)


@dataclass
class Piece:
    """A connected part of the surface, of one material."""

    vertices: np.ndarray  # [V, 3]
    faces: np.ndarray  # [F, 3] into vertices
    material: int
    points: np.ndarray  # [N, 3] spread over the faces
    normals: np.ndarray  # [N, 3]
    face: np.ndarray  # [N] on which each point lies
    seen: np.ndarray  # [N] whether anyone can see it from outside
    areas: np.ndarray  # [F] of the faces

    @property
    def area(self) -> float:
        return float(self.areas.sum())

    @property
    def size(self) -> float:
        """Diagonal of its bounding box."""
        return float(np.linalg.norm(np.ptp(self.vertices, axis=0)))

    @property
    def open(self) -> bool:
        """Whether it is a sheet with a rim: a closed surface has at least 2 V - 4 triangles (Euler)."""
        return len(self.faces) < 2 * len(self.vertices) - 4

    def thickness(self) -> float:
        """Full width of a band or a rope: a sheet of area A and boundary B is 2 A / B wide, a rope of volume V is
        4 V / A thick."""
        a, b, c = (self.vertices[self.faces[:, k]] - self.vertices.mean(axis=0) for k in range(3))
        boundary = self.boundary()
        if boundary >= 3.5 * self.area**0.5:  # a round disc has 2 sqrt(pi) = 3.54
            return 2 * self.area / boundary
        return 4 * abs(float((a * np.cross(b, c)).sum()) / 6) / self.area

    def boundary(self) -> float:
        """Length of the edges that one face alone has."""
        ends = np.sort(np.stack([self.faces, np.roll(self.faces, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
        edges, uses = np.unique(ends, axis=0, return_counts=True)
        alone = edges[uses == 1]
        return float(np.linalg.norm(self.vertices[alone[:, 0]] - self.vertices[alone[:, 1]], axis=1).sum())


def pieces_of(mesh: Mesh, spacing: float) -> list[Piece]:
    """The connected pieces, with points about `spacing` apart all over them."""
    faces, materials = triangles(mesh)
    a, b, c = (mesh.vertices[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1) / 2
    faces, materials, cross, area = (values[area > 1e-12] for values in (faces, materials, cross, area))
    label = _components(faces, len(mesh.vertices))[faces[:, 0]]
    order = np.argsort(label, kind="stable")  # piece by piece, so that each gets its share of the even sequence
    faces, materials, cross, area, label = (values[order] for values in (faces, materials, cross, area, label))
    normals = cross / (2 * area[:, None])
    face, points = spread(mesh.vertices[faces], area, spacing)
    front, back = _look_around(points, normals[face], spacing)
    facing = np.where((back > front)[:, None], -normals[face], normals[face])  # some faces are wound the wrong way
    hidden_behind = np.minimum(front, back) < 2  # not so a sheet: it is seen from both sides
    under = coated(points, facing, label[face], np.bincount(label, area), 4 * spacing)
    seen = (front + back > 0) & ~(under & hidden_behind)
    pieces = []
    starts = np.flatnonzero(np.diff(label, prepend=-1))
    ends = np.append(starts[1:], len(label))
    for start, end, low, high in zip(
        starts, ends, np.searchsorted(face, starts), np.searchsorted(face, ends), strict=True
    ):
        used, local = np.unique(faces[start:end], return_inverse=True)
        piece = Piece(
            vertices=mesh.vertices[used],
            faces=local.reshape(-1, 3),
            material=int(materials[start]),
            points=points[low:high],
            normals=facing[low:high],
            face=face[low:high] - start,
            seen=seen[low:high],
            areas=area[start:end],
        )
        pieces.append(piece)
    return pieces


def _components(faces: np.ndarray, count: int) -> np.ndarray:
    """For each of `count` vertices the lowest number in its connected piece."""
    label = np.arange(count)
    while True:
        lower = label.copy()
        np.minimum.at(lower, faces, label[faces].min(axis=1, keepdims=True))
        lower = lower[lower]  # and the label's own label: long chains shrink fast
        if (lower == label).all():
            return label
        label = lower


def spread(corners: np.ndarray, area: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Even points over triangles [F, 3, 3]: the triangle of each [N], in rising order, and its place [N, 3]."""
    total = np.cumsum(area)
    count = max(int(total[-1] / spacing**2), 8)
    face = np.searchsorted(total, (np.arange(count) + 0.5) / count * total[-1])
    face = np.minimum(face, len(area) - 1)
    u, v = ((np.arange(count)[:, None] * GOLDEN) % 1).T[:, :, None]
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = (corners[face, k] for k in range(3))
    return face, a + u * (b - a) + v * (c - a)


def _look_around(points: np.ndarray, normals: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """From how many directions each point [N] is seen on the side of its normal [N, 3], and from how many on the
    other: no other point hides it there."""
    cell = 2.5 * spacing  # several points fall into each, so that what lies behind a surface does not shine through
    counts = np.zeros((2, len(points)), int)
    for direction in directions(DIRECTIONS):
        right = np.cross(direction, np.eye(3)[np.argmin(np.abs(direction))])
        right /= np.linalg.norm(right)
        plane = np.stack([points @ right, points @ np.cross(direction, right)], axis=1)
        column, row = np.floor((plane - plane.min(axis=0)) / cell).astype(np.int64).T
        pixel = column * (int(row.max()) + 1) + row
        near = points @ direction
        nearest = np.full(int(pixel.max()) + 1, -np.inf)
        np.maximum.at(nearest, pixel, near)
        seen, cosine = near > nearest[pixel] - 1.2 * cell, normals @ direction
        counts += np.stack([seen & (cosine > 0.1), seen & (cosine < -0.1)])
    return counts[0], counts[1]


def coated(
    points: np.ndarray, normals: np.ndarray, piece: np.ndarray, sizes: np.ndarray, thickness: float
) -> np.ndarray:
    """Which points [N] another piece lies on like frosting, less than `thickness` above.

    piece [N] is the number of each point's piece, sizes [P] the areas of the pieces: of two in one place the larger
    lies below, and what is small (a leaf, a spot) covers nothing.
    """
    cell = 0.5 * thickness
    key = _cell_keys(points, points.min(axis=0), cell)
    groups, member = np.unique(np.stack([key, piece], axis=1), axis=0, return_inverse=True)
    number = np.bincount(member.reshape(-1))
    sums = [np.bincount(member.reshape(-1), column) for column in np.concatenate([points, normals], axis=1).T]
    middle, facing = np.split(np.stack(sums, axis=1) / number[:, None], 2, axis=1)
    under, large = np.zeros(len(points), bool), sizes > 6 * thickness**2
    for height in np.arange(0, 1.6, 0.3) * thickness:
        above = _cell_keys(points + height * normals, points.min(axis=0), cell)
        first = np.searchsorted(groups[:, 0], above)
        for group in (first, first + 1, first + 2):  # the pieces in that cell; more than three are rare
            group = np.minimum(group, len(groups) - 1)
            other = (groups[group, 0] == above) & (groups[group, 1] != piece) & large[groups[group, 1]]
            parallel = (facing[group] * normals).sum(axis=1) > 0.7
            above_by = ((middle[group] - points) * (facing[group] + normals) / 2).sum(axis=1) / thickness
            flush = (np.abs(above_by) < 0.05) & (sizes[groups[group, 1]] < sizes[piece])
            under |= other & parallel & ((above_by > 0.05) | flush)
    return under


def _cell_keys(points: np.ndarray, low: np.ndarray, cell: float) -> np.ndarray:
    """One number [N] for the cube in which each point lies."""
    x, y, z = (np.floor((points - low) / cell).astype(np.int64) + 8).T
    return (x * 4096 + y) * 4096 + z


def directions(count: int) -> np.ndarray:
    """Unit vectors [count, 3] spread evenly over the sphere (Fibonacci's lattice)."""
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (3 - 5**0.5) * np.arange(count)
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
