"""Bodies of known shape for the tests of the result: distance fields and their surfaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from realify.result.remesh import clean_body
from realify.result.unwrap import UnwrappedMesh, unwrap
from sdf_fit.extract.tets import TetGrid
from sdf_fit.mesh import Mesh

Field = Callable[[np.ndarray], np.ndarray]  # points [N, 3] → signed distance [N], negative inside


def egg(points: np.ndarray) -> np.ndarray:
    """Genus 0: a bumpy ball."""
    x, y, z = points.T
    return np.sqrt(x**2 + (0.9 * y) ** 2 + z**2) - 0.65 - 0.03 * np.sin(9 * x) * np.sin(8 * y)


def ring(points: np.ndarray) -> np.ndarray:
    """Genus 1: an exact torus, radii .55 and .25."""
    x, y, z = points.T
    return np.hypot(np.hypot(x, z) - 0.55, y) - 0.25


def ball(centre: tuple[float, float, float], radius: float) -> Field:
    return lambda points: np.linalg.norm(points - np.array(centre), axis=1) - radius


@cache
def surface(field: Field, resolution: int = 40) -> Mesh:
    """The zero level of `field` in [-1, 1]³."""
    axis = np.linspace(-1, 1, resolution + 1)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    values = field(points.reshape(-1, 3)).reshape(points.shape[:3])
    vertices, faces = TetGrid(resolution).extract(torch.from_numpy(values).float())
    return Mesh(vertices.numpy(), faces.numpy())


@cache
def unwrapped(field: Field, faces: int = 3000) -> UnwrappedMesh:
    """The field's surface, cleaned and cut open for a texture of 256²; made once."""
    return unwrap(clean_body(surface(field), faces), texture_size=256)


def stripes(points: torch.Tensor) -> torch.Tensor:
    """A material that is known everywhere: [N, 5], soft stripes."""
    color = 0.5 + 0.45 * torch.sin(points * 6)
    return torch.cat([color, 0.5 + 0.4 * points[:, 1:2], 0.5 + 0.4 * points[:, :1]], dim=1)
