"""Long strokes side by side over a surface: evenly spaced stream lines of a direction field.

After Jobard and Lefer 1997, "Creating evenly-spaced streamlines of arbitrary density", on points with normals instead
of a plane: a stroke follows the field until the surface ends, bends away sharply or is already painted; the next ones
start one width beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

STEP = 0.5  # stroke widths between two points of a stroke
REACH = 1.1  # stroke widths within which points say where the surface is
PAINTED = 0.6  # share of paint around a place from which a stroke stops
BARE = 0.5  # share of paint up to which a stroke may start
SHORTEST = 4  # points of a stroke
RIM = 0.3  # widths by which the surface falls behind at its end
SHARPEST = 0.62  # cosine between normals one step apart

Field = Callable[[np.ndarray, np.ndarray], np.ndarray]  # point [3], normal [3] → direction [3], of any length


@dataclass
class Sweep:
    """A stroke: points [N, 3] on the surface and its normals [N, 3]."""

    points: np.ndarray
    normals: np.ndarray


class Cloud:
    """A surface as points [N, 3] with unit normals [N, 3], and how much of it is painted."""

    def __init__(self, points: np.ndarray, normals: np.ndarray, width: float):
        self.points, self.normals, self.width = points, normals, width
        self.painted_by = np.full(len(points), -1)
        self._cells = np.floor(points / (REACH * width)).astype(np.int64)
        self._inside: dict[tuple[int, int, int], list[int]] = {}
        for index, cell in enumerate(map(tuple, self._cells.tolist())):
            self._inside.setdefault(cell, []).append(index)
        self._around: dict[tuple[int, int, int], np.ndarray] = {}

    def near(self, place: np.ndarray) -> np.ndarray:
        """Numbers of all points within REACH widths of a place [3], and some more."""
        x, y, z = (int(value) for value in np.floor(place / (REACH * self.width)))
        if (x, y, z) not in self._around:
            block = [
                self._inside.get((x + i, y + j, z + k), ()) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)
            ]
            self._around[x, y, z] = np.array([index for cell in block for index in cell], dtype=np.int64)
        return self._around[x, y, z]

    def settle(self, place: np.ndarray, normal: np.ndarray, along: np.ndarray, stroke: int) -> _Place | None:
        """Lay a place onto the surface whose side faces `normal`; across `along` it is drawn in from the rim.

        `stroke` is the one being drawn: its own paint does not count. None where there is no such surface.
        """
        index = self.near(place)
        offset = self.points[index] - place
        squared = (offset * offset).sum(axis=1) / self.width**2
        weight = np.exp(-2 * squared) * np.maximum(self.normals[index] @ normal, 0)  # sigma = half a width
        weight[squared > REACH**2] = 0
        total = weight.sum()
        if total < 1.0:
            return None
        facing = weight @ self.normals[index] / total
        facing /= max(float(np.sqrt(facing @ facing)), 1e-9)
        shift = weight @ offset / total
        lift = (shift @ facing) * facing
        inwards = shift - lift - (shift @ along) * along
        close = weight * (squared < 0.3)
        paint = self.painted_by[index]
        painted = float((close * ((paint >= 0) & (paint != stroke))).sum() / max(close.sum(), 1e-9))
        return _Place(place + lift + inwards, facing, painted, float(shift @ along) / self.width)

    def paint(self, sweep: Sweep, stroke: int) -> None:
        """Mark what a stroke one width wide covers."""
        for place, normal in zip(sweep.points, sweep.normals, strict=True):
            index = self.near(place)
            offset = self.points[index] - place
            covered = ((offset * offset).sum(axis=1) < (0.52 * self.width) ** 2) & (self.normals[index] @ normal > 0)
            fresh = index[covered]
            self.painted_by[fresh[self.painted_by[fresh] < 0]] = stroke


@dataclass
class _Place:
    point: np.ndarray
    normal: np.ndarray
    painted: float  # share of what lies around that other strokes cover
    ahead: float  # widths by which the middle of the surface around lies further along the stroke


def sweep_over(
    cloud: Cloud, field: Field, generator: np.random.Generator, spacing: float, longest: float
) -> Iterator[Sweep]:
    """Strokes that cover the cloud, `spacing` widths apart and at most `longest` (in the points' unit) long."""
    stroke = 0
    seeds: deque[tuple[np.ndarray, np.ndarray]] = deque()
    bare = generator.permutation(len(cloud.points))
    while True:
        while not seeds:
            bare = bare[cloud.painted_by[bare] < 0]
            if not len(bare):
                return
            seeds.append((cloud.points[bare[0]], cloud.normals[bare[0]]))
            bare = bare[1:]
        start, normal = seeds.popleft()
        sweep = _trace(cloud, field, start, normal, stroke, longest)
        if sweep is None:
            continue
        yield sweep
        cloud.paint(sweep, stroke)
        stroke += 1
        across = np.cross(np.gradient(sweep.points, axis=0), sweep.normals)
        across *= spacing * cloud.width / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        for k in range(1, len(sweep.points), 4):
            seeds.append((sweep.points[k] + across[k], sweep.normals[k]))
            seeds.append((sweep.points[k] - across[k], sweep.normals[k]))


def _trace(
    cloud: Cloud, field: Field, start: np.ndarray, normal: np.ndarray, stroke: int, longest: float
) -> Sweep | None:
    """A stroke through a bare place, both ways; None where there is no room for one."""
    along = _unit(field(start, normal))
    first = cloud.settle(start, normal, along, stroke)
    if first is None or first.painted > BARE:
        return None
    forth = _run(cloud, field, first, 1, stroke, longest / 2)
    closed = len(forth) > 8 and np.linalg.norm(forth[-1].point - first.point) < STEP * cloud.width
    back = [] if closed else _run(cloud, field, first, -1, stroke, longest / 2)
    run = [*back[::-1], first, *forth]
    if len(run) < SHORTEST:
        return None
    return Sweep(np.array([place.point for place in run]), np.array([place.normal for place in run]))


def _run(cloud: Cloud, field: Field, place: _Place, sign: int, stroke: int, longest: float) -> list[_Place]:
    """Places from one on, along the field (or against it), without the first."""
    step = STEP * cloud.width
    along = sign * _unit(field(place.point, place.normal))
    origin, run = place.point, []
    for _ in range(int(longest / step)):
        ahead = _ahead(cloud, place, step * along, stroke)
        if ahead is None:
            last = _ahead(cloud, place, 0.5 * step * along, stroke)
            return run if last is None else [*run, last]
        run.append(ahead)
        if len(run) > 8 and np.linalg.norm(ahead.point - origin) < 0.9 * step:
            break  # once around
        turn = _unit(field(ahead.point, ahead.normal))
        along = turn if turn @ along > 0 else -turn
        place = ahead
    return run


def _ahead(cloud: Cloud, place: _Place, step: np.ndarray, stroke: int) -> _Place | None:
    """The place a step [3] further; None where the surface ends or bends away sharply, or paint is in the way."""
    ahead = cloud.settle(place.point + step, place.normal, _unit(step), stroke)
    if ahead is None or ahead.painted > PAINTED or ahead.ahead < -RIM or ahead.normal @ place.normal < SHARPEST:
        return None
    return ahead


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.sqrt(vector @ vector)), 1e-9)
