"""Points along a smooth curve, from the points that make it, as Blender does it: for hair and Grease Pencil."""

from __future__ import annotations

import numpy as np

CATMULL_ROM, POLY, BEZIER, NURBS = range(4)


def sampled(
    points: np.ndarray,
    kind: int,
    is_cyclic: bool,
    resolution: int,
    left: np.ndarray | None = None,
    right: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The curve's points [M, 3], and where between the given `points` [N, 3] each is [M]: 1.5 is half-way between
    the second and the third. `left` and `right` are a Bezier curve's handles [N, 3]. A NURBS curve is given back as
    its control points."""
    count = len(points)
    is_smooth = kind == CATMULL_ROM or (kind == BEZIER and left is not None and right is not None)
    if not is_smooth or count < 2 or resolution < 2:
        return points, np.arange(count, dtype=np.float64)
    segments = count if is_cyclic else count - 1
    along = np.arange(segments * resolution + (not is_cyclic)) / resolution
    at = np.minimum(along.astype(int), segments - 1)
    rest = (along - at)[:, None]
    if kind == BEZIER:
        after = (at + 1) % count
        return _bezier(points[at], right[at], left[after], points[after], rest), along
    around = [at - 1, at, at + 1, at + 2]
    around = [each % count if is_cyclic else np.clip(each, 0, count - 1) for each in around]
    return _catmull_rom(*(points[each] for each in around), rest), along


def interpolated(values: np.ndarray, along: np.ndarray, is_cyclic: bool) -> np.ndarray:
    """`values` [N, ...] of the given points at the places that `sampled` told."""
    at = along.astype(int)
    after = (at + 1) % len(values) if is_cyclic else np.minimum(at + 1, len(values) - 1)
    rest = (along - at).reshape(-1, *[1] * (values.ndim - 1))
    return values[at] * (1 - rest) + values[after] * rest


def _bezier(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, t: np.ndarray) -> np.ndarray:
    s = 1 - t
    return a * s**3 + 3 * b * s**2 * t + 3 * c * s * t**2 + d * t**3


def _catmull_rom(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, t: np.ndarray) -> np.ndarray:
    """From b to c; a and d are the points before and after."""
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
