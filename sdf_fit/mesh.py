"""A triangle mesh as plain arrays: what files are read into and written from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """vertices [V, 3] float32, faces [F, 3] int32, colors [V, 3] float32 linear base colour or None."""

    vertices: np.ndarray
    faces: np.ndarray
    colors: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3:
            raise ValueError(f"vertices have shape {self.vertices.shape}, wanted [V, 3]")
        if self.faces.ndim != 2 or self.faces.shape[1] != 3:
            raise ValueError(f"faces have shape {self.faces.shape}, wanted [F, 3]")
        if self.colors is not None and self.colors.shape != self.vertices.shape:
            raise ValueError(f"colors have shape {self.colors.shape}, wanted {self.vertices.shape}")

    def transformed(self, matrix: np.ndarray) -> Mesh:
        """The mesh under an affine [4, 4] matrix; faces are turned over where it mirrors."""
        vertices = (self.vertices @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
        faces = self.faces[:, ::-1].copy() if np.linalg.det(matrix[:3, :3]) < 0 else self.faces
        return Mesh(vertices, faces, self.colors)

    def surface_points(self, count: int, seed: int) -> np.ndarray:
        """Points spread at random over the faces by area, [count, 3]."""
        rng = np.random.default_rng(seed)
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        face = rng.choice(len(area), count, p=area / area.sum())
        u, v = rng.random((2, count, 1))
        flip = u + v > 1
        u, v = np.where(flip, 1 - u, u), np.where(flip, 1 - v, v)
        return a[face] + u * (b - a)[face] + v * (c - a)[face]
