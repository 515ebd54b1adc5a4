"""Leaves: single blades on a stem, and the leafy masses of a tree's crown."""

from __future__ import annotations

import numpy as np

from training.world.dice import Dice
from training.world.frame import Frame
from training.world.materials import Material
from training.world.model import Model
from training.world.parts import Part, petal, rotation, sphere

# one leaf of a crown: five corners, creased along its middle
CARD = 0.5 * np.array([(-1.0, -0.5, 0.0), (0.0, -0.5, 0.15), (1.0, 0.0, 0.0), (0.0, 0.5, 0.15), (-1.0, 0.5, 0.0)])


def sheet(points: np.ndarray) -> Part:
    """A surface through a grid of points [R, C, 3]."""
    rows, columns = points.shape[:2]
    corner = [row * columns + column for row in range(rows - 1) for column in range(columns - 1)]
    faces = [(at, at + columns, at + columns + 1, at + 1) for at in corner]
    return points.reshape(-1, 3), faces


def blade(
    dice: Dice,
    frame: Frame,
    model: Model,
    skin: Material,
    size: tuple[float, float],
    rise: float,
    bend: float,
    way: float,
) -> None:
    """One leaf of size (length, half width) that leaves the frame's origin under the angle `way` about its z,
    climbs by the angle `rise` and bends by `bend` (negative: down) over its length."""
    turn = rotation("z", way) @ rotation("y", -rise)
    frame.add(model, petal(dice, size[0], size[1], bend, cup=0.5, power=0.9), skin, rotate=turn)


def lumpy_ball(dice: Dice, radii: np.ndarray, lumps: float = 0.12, around: int = 16, along: int = 11) -> Part:
    """An ellipsoid [3 radii] with soft bulges, closed."""
    vertices, faces = sphere(around, along)
    swell = np.zeros(len(vertices))
    for _ in range(4):
        direction = dice.normal(size=3)
        swell += np.sin(vertices @ (direction / np.linalg.norm(direction)) * dice.uniform(3, 7) + dice.uniform(0, 6.28))
    return vertices * (1 + 0.5 * lumps * swell)[:, None] * radii, faces


def leafy_mass(
    dice: Dice, frame: Frame, model: Model, skins: tuple[Material, Material], radii: np.ndarray, size: float
):
    """A ball (skins[1]) dressed in leaves (skins[0]) of length `size`; without the ball one sees through the crown."""
    frame.add(model, lumpy_ball(dice, 0.88 * radii), skins[1])
    leaves = int(40 * float((radii**2).mean()) / size**2)  # about 1.2 times the ball's area
    outward = dice.normal(size=(leaves, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    centers = outward * radii * dice.generator.uniform(0.84, 1.06, (leaves, 1))
    lengths = size * dice.generator.uniform(0.7, 1.3, (leaves, 1, 1))
    corners = np.einsum("lij,cj->lci", _leaf_turns(dice, outward), CARD) * lengths + centers[:, None]
    faces = [tuple(range(5 * leaf, 5 * leaf + 5)) for leaf in range(leaves)]
    frame.add(model, (corners.reshape(-1, 3), faces), skins[0], smooth=False)


def _leaf_turns(dice: Dice, outward: np.ndarray) -> np.ndarray:
    """Random turns [L, 3, 3] that keep each leaf roughly on the crown's surface, as leaves face the light."""
    face = outward + 0.55 * dice.normal(size=outward.shape)
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    along = np.cross(face, dice.normal(size=outward.shape))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.stack([along, np.cross(face, along), face], axis=2)
