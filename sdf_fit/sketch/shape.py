"""Geometry questions that reading a sketch asks of triangle soup: what hangs together, how big, how wide."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

WELD_STEPS = 2**20  # points within a millionth of the extent are one point


def weld(vertices: np.ndarray) -> np.ndarray:
    """For each of vertices [V, 3] the number of its place: equal positions get the same number, 0 .. P-1."""
    low = vertices.min(axis=0)
    extent = float((vertices.max(axis=0) - low).max()) or 1.0
    cells = np.rint((vertices - low) * (WELD_STEPS / extent)).astype(np.int64)
    key = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    return np.unique(key, return_inverse=True)[1]


def face_components(places: np.ndarray) -> np.ndarray:
    """For faces given by places [F, 3] the number of the connected component of each, 0 .. C-1."""
    count = int(places.max()) + 1 if len(places) else 0
    rows, columns = places[:, [0, 1]].reshape(-1), places[:, [1, 2]].reshape(-1)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    return np.unique(labels[places[:, 0]], return_inverse=True)[1]


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """[F] in squared units of the vertices."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def component_sizes(vertices: np.ndarray, faces: np.ndarray, component: np.ndarray) -> np.ndarray:
    """[C] diagonal of the bounding box of each component's faces; C is the largest number in component [F],
    plus 1."""
    count = int(component.max()) + 1
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for corner in range(3):
        np.minimum.at(low, component, vertices[faces[:, corner]])
        np.maximum.at(high, component, vertices[faces[:, corner]])
    return np.linalg.norm(high - low, axis=1)


def enclosing_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre [3] and radius of the smallest sphere around points [N, 3], N >= 1.

    Solved on some of the points; those farthest outside are added until there is none.
    """
    chosen = points[:: max(1, len(points) // 500)]
    for _ in range(50):  # three or four rounds are usual
        centre, radius = _sphere_by_pivoting(chosen)
        offsets = points - centre
        distances = np.sqrt(np.einsum("ij,ij->i", offsets, offsets))
        outside = np.flatnonzero(distances > radius * (1 + 1e-7))
        if not len(outside):
            break
        farthest = outside[np.argsort(distances[outside])[-100:]]
        chosen = np.concatenate([chosen, points[farthest]])
    return centre, float(distances.max())


def _sphere_by_pivoting(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The sphere of at most four points grows by the farthest point outside until there is none: each step is
    the smallest sphere of five points. Gaertner 1999, "Fast and robust smallest enclosing balls"."""
    support, centre, radius = points[:1], points[0].astype(np.float64), 0.0
    for _ in range(200):
        distances = np.linalg.norm(points - centre, axis=1)
        farthest = int(np.argmax(distances))
        if distances[farthest] <= radius * (1 + 1e-9):
            break
        support, centre, radius = _small_sphere(np.concatenate([support, points[farthest : farthest + 1]]))
    return centre, radius


def _small_sphere(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Support points, centre, radius of the smallest sphere around up to five points."""
    best = (points, points.mean(axis=0), np.inf)
    slack = 1e-9 * float(np.ptp(points, axis=0).max())
    for size in range(2, min(4, len(points)) + 1):
        for chosen in combinations(range(len(points)), size):
            corners = points[list(chosen)]
            edges = corners[1:] - corners[0]
            offset = np.linalg.lstsq(2 * edges, (edges**2).sum(axis=1), rcond=None)[
                0
            ]  # the circumcentre in their span
            centre = corners[0] + offset
            radius = float(np.linalg.norm(corners - centre, axis=1).max())
            if radius < best[2] and np.linalg.norm(points - centre, axis=1).max() <= radius + slack:
                best = (corners, centre, radius)
    return best


def stroke_width(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Typical full width of a stroke: the area-weighted median over connected components, in units of the
    vertices.

    A sheet of area A has a boundary B of at least 2 sqrt(pi A) (the isoperimetric inequality): a ribbon, of
    width 2 A / B. With less boundary it is a tube or hull of volume V, of width 4 V / A (exact for a long
    round tube).
    """
    places = weld(vertices)[faces]
    component = face_components(places)
    count = int(component.max()) + 1
    area = np.bincount(component, face_areas(vertices, faces), count)
    centres = np.stack(
        [np.bincount(component, vertices[faces][:, :, axis].mean(axis=1), count) for axis in range(3)], 1
    )
    centres /= np.bincount(component, minlength=count)[:, None]
    a, b, c = (vertices[faces[:, corner]] - centres[component] for corner in range(3))
    volume = np.abs(np.bincount(component, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, count))
    boundary = _boundary_lengths(vertices, faces, places, component, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        widths = np.where(boundary >= 3.5 * np.sqrt(area), 2 * area / boundary, 4 * volume / area)
    order = np.argsort(widths)
    total = np.cumsum(area[order])
    return float(widths[order][np.searchsorted(total, 0.5 * total[-1])])


def _boundary_lengths(
    vertices: np.ndarray, faces: np.ndarray, places: np.ndarray, component: np.ndarray, count: int
) -> np.ndarray:
    """[C] summed length of the edges that only one face of the component has."""
    ends = np.stack([places, np.roll(places, -1, axis=1)], axis=-1).reshape(-1, 2)
    corners = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    key = ends.min(axis=1) * (int(places.max()) + 1) + ends.max(axis=1)
    _, first, uses = np.unique(key, return_index=True, return_counts=True)
    alone = first[uses == 1]
    lengths = np.linalg.norm(vertices[corners[alone, 0]] - vertices[corners[alone, 1]], axis=1)
    return np.bincount(component[alone // 3], lengths, count)
