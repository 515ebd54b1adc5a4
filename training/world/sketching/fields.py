"""In which direction a hand sweeps over a surface: around where it is round, along where it is long."""

from __future__ import annotations

import numpy as np

from training.world.dice import Dice
from training.world.sketching.sweeps import Field

ROUND = 0.2  # mean sine by which a surface of revolution's normals may miss the plane through its axis
LONG = 1.5  # length by width from which a surface is long


def field_for(points: np.ndarray, normals: np.ndarray, dice: Dice) -> Field:
    """A direction field for a surface given by points [N, 3] and normals [N, 3]."""
    middle, axes, extents = _frame(points)
    axis = _round_about(points - middle, normals, [np.array([0.0, 0.0, 1.0]), *axes])
    if axis is not None:
        return circles(middle, axis) if dice.chance(0.88) else meridians(middle, axis)
    if extents[0] >= LONG * extents[1]:
        return straight(axes[0], axes[1])
    first, second = dice.choose([(0, 1), (1, 0), (0, 2)])
    return straight(axes[first], axes[second])


def circles(middle: np.ndarray, axis: np.ndarray) -> Field:
    """Around an axis [3] through `middle` [3]."""

    def around(point: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return _into_plane(_cross(axis, point - middle), normal)

    return around


def meridians(middle: np.ndarray, axis: np.ndarray) -> Field:
    """From pole to pole of an axis [3] through `middle` [3]."""

    def upwards(point: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return _cross(normal, _cross(axis, point - middle))

    return upwards


def straight(first: np.ndarray, second: np.ndarray) -> Field:
    """Along `first` [3]; along `second` [3] where the surface faces the first."""

    def along(point: np.ndarray, normal: np.ndarray) -> np.ndarray:
        direction = _into_plane(first, normal)
        return direction if direction @ direction > 0.15 else _into_plane(second, normal)

    return along


def _into_plane(direction: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return direction - (direction @ normal) * normal


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross of two vectors [3], ten times as fast."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _frame(points: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Middle [3], axes (longest first) and extents [3] of points [N, 3]."""
    middle = points.mean(axis=0)
    axes = np.linalg.eigh((points - middle).T @ (points - middle))[1][:, ::-1].T
    extents = np.ptp((points - middle) @ axes.T, axis=0)
    order = np.argsort(-extents)
    return middle, list(axes[order]), extents[order]


def _round_about(offset: np.ndarray, normals: np.ndarray, axes: list[np.ndarray]) -> np.ndarray | None:
    """The axis about which points at `offset` [N, 3] from the middle lie on a surface of revolution, or None."""
    misses = []
    for axis in axes:
        around = np.cross(axis, offset)
        around /= np.maximum(np.linalg.norm(around, axis=1, keepdims=True), 1e-9)
        misses.append(float(np.abs((around * normals).sum(axis=1)).mean()))
    best = int(np.argmin(misses))
    return axes[best] if misses[best] < ROUND else None
