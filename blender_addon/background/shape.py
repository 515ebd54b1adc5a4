"""Faces in arrays: a part of a sketch in its places, and many parts as one. Places are the world's less `origin`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GREY = (0.8, 0.8, 0.8, 1.0)  # linear: Blender's own colour of what has none


@dataclass
class Shape:
    """`position` [V, 3] float64; face f is corners `face_start[f]`.. of `corner_vert` [L], counter-clockwise seen from
    outside; `colour` [L, 4], linear, or None."""

    position: np.ndarray
    corner_vert: np.ndarray
    face_start: np.ndarray
    colour: np.ndarray | None

    @property
    def sizes(self) -> np.ndarray:
        """[F] How many corners each face has."""
        return np.diff(np.append(self.face_start, len(self.corner_vert)))

    def moved(self, position: np.ndarray, is_mirrored: bool) -> Shape:
        """The same faces elsewhere; turned round where a mirror has turned them."""
        if not is_mirrored:
            return Shape(position, self.corner_vert, self.face_start, self.colour)
        # Each face's first corner stays its first, so that faces that are not flat keep their diagonals.
        start, size = (np.repeat(each, self.sizes) for each in (self.face_start, self.sizes))
        back = start + (start + size - np.arange(len(self.corner_vert))) % size
        colour = None if self.colour is None else self.colour[back]
        return Shape(position, self.corner_vert[back], self.face_start, colour)

    def only(self, keep: np.ndarray) -> Shape:
        """The faces of `keep` [F]."""
        corners, sizes = np.repeat(keep, self.sizes), self.sizes[keep]
        colour = None if self.colour is None else self.colour[corners]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.empty(0, np.int64)
        return Shape(self.position, self.corner_vert[corners], starts, colour)


def placed(points: np.ndarray, matrix: np.ndarray, origin: Sequence[float]) -> np.ndarray:
    """[V, 3] float64: far from the world's origin float32 would round to millimetres."""
    return points.astype(np.float64) @ matrix[:3, :3].T + (matrix[:3, 3] - np.array(origin, np.float64))


def joined(shapes: Sequence[Shape]) -> Shape:
    """One shape. It has colours if any has; but all grey is none."""
    corners = np.cumsum([0, *(len(shape.corner_vert) for shape in shapes)])
    vertices = np.cumsum([0, *(len(shape.position) for shape in shapes)])
    colours = [shape.colour for shape in shapes]
    if all(colour is None or np.allclose(colour, GREY, atol=1e-4) for colour in colours):
        colour = None
    else:
        greys = (np.broadcast_to(np.array(GREY, np.float32), (len(shape.corner_vert), 4)) for shape in shapes)
        colour = np.concatenate([grey if own is None else own for own, grey in zip(colours, greys, strict=True)])
    return Shape(
        np.concatenate([np.empty((0, 3)), *(shape.position for shape in shapes)]),
        np.concatenate([shape.corner_vert + first for shape, first in zip(shapes, vertices, strict=False)]),
        np.concatenate([shape.face_start + first for shape, first in zip(shapes, corners, strict=False)]),
        colour,
    )
