"""What can be read off a triangle mesh: whether it is closed, its areas, its volume, its normals."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def is_closed_manifold(faces: np.ndarray) -> bool:
    """Whether faces [F, 3] hold each edge once in either direction and one fan around each vertex."""
    start, end = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, axis=1).reshape(-1).astype(np.int64)
    size = int(faces.max(initial=0)) + 1
    edge, reverse = start * size + end, end * size + start
    order = np.argsort(edge)
    ranked = edge[order]
    if not len(edge) or (start == end).any() or (ranked[1:] == ranked[:-1]).any():
        return False
    twin = order[np.minimum(np.searchsorted(ranked, reverse), len(ranked) - 1)]
    if not np.array_equal(edge[twin], reverse):
        return False
    # the corner after the twin edge is the next around the same vertex, so a fan is a cycle of corners
    next_corner = twin - twin % 3 + (twin + 1) % 3
    corners = np.arange(len(edge))
    around = coo_matrix((np.ones(len(edge)), (corners, next_corner)), shape=(len(edge), len(edge)))
    return connected_components(around, directed=False)[0] == len(np.unique(start))


def part_of_faces(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """A number for each face [F], the same for faces that are connected through shared vertices."""
    a, b, c = faces.T
    links = coo_matrix((np.ones(2 * len(a)), (np.r_[a, a], np.r_[b, c])), shape=(vertex_count, vertex_count))
    return connected_components(links, directed=False)[1][a]


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area [F] of each face."""
    return np.linalg.norm(_cross(vertices, faces), axis=1) / 2


def face_volumes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Volume [F] of the tetrahedra from the origin to the faces; positive where a face looks away from it.

    Their sum over a closed surface is the enclosed volume, positive where faces are oriented outwards.
    """
    return np.einsum("fi,fi->f", vertices[faces[:, 0]].astype(np.float64), _cross(vertices, faces)) / 6


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [F, 3] float32; zero for faces without area."""
    return _unit(_cross(vertices, faces))


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3] float32: the mean of the adjoining faces' normals, weighted by area.

    Zero for a vertex that no face with area uses, and where faces cancel each other.
    """
    cross, total = _cross(vertices, faces), np.zeros((len(vertices), 3))
    for axis in range(3):
        repeated = np.repeat(cross[:, axis], 3)
        total[:, axis] = np.bincount(faces.reshape(-1), repeated, minlength=len(vertices))
    return _unit(total)


def _cross(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Each face's normal [F, 3] float64, as long as twice its area."""
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    return np.cross(b - a, c - a)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0).astype(np.float32)
