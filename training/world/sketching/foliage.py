"""The hull of many small pieces that crowd together, such as leaves: a hand sweeps over it and draws no single leaf."""

from __future__ import annotations

import numpy as np

CELLS = 40  # along the longest side, at most
LEVEL = 0.75  # density of the hull, as a share of what it is at most pieces
COVER = 0.4  # area of the pieces around one, as a share of a disc as wide, from which it is one of a crowd


def crowded(places: np.ndarray, area: np.ndarray, size: float) -> np.ndarray:
    """Which of the pieces at places [N, 3] have so much area [N] around them, within `size`, that they hide what is
    behind; [N] bool. Leaves do, sprinkles and spines do not."""
    near = np.zeros(len(places))
    for start in range(0, len(places), 500):
        block = places[start : start + 500]
        squared = (block**2).sum(axis=1)[:, None] + (places**2).sum(axis=1) - 2 * block @ places.T
        near[start : start + 500] = (squared < size**2) @ area
    return near > COVER * np.pi * size**2


class Hull:
    """The outside of a crowd sampled at points [N, 3]: where its density, blurred over a `cell`, falls to a level."""

    def __init__(self, points: np.ndarray, cell: float):
        self.cell = max(cell, float((np.ptp(points, axis=0) + 6 * cell).max()) / CELLS)
        self.low = points.min(axis=0) - 3 * self.cell
        shape = np.ceil((np.ptp(points, axis=0) + 6 * self.cell) / self.cell).astype(int) + 1
        density = np.zeros(tuple(shape))
        np.add.at(density, tuple(np.rint(self._cells(points)).astype(int).T), 1.0)
        density = np.minimum(density, np.median(density[density > 0]))  # thick places must not thin out the rest
        for axis in (0, 1, 2) * 2:
            density = np.roll(density, 1, axis) / 4 + density / 2 + np.roll(density, -1, axis) / 4
        self.level = LEVEL * float(np.median(_at(density, self._cells(points))))
        self.density = np.where(_outside(density < self.level), density, np.maximum(density, 2 * self.level))

    def _cells(self, points: np.ndarray) -> np.ndarray:
        return (points - self.low) / self.cell

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which points [N, 3] lie inside, [N] bool."""
        places = self._cells(points)
        inside = ((places > 0) & (places < np.array(self.density.shape) - 1)).all(axis=1)
        return inside & (_at(self.density, places) > self.level)

    def surface(self, spacing: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Points and outward normals [M, 3], about `spacing` apart."""
        places = _grid_near(self.density, self.level, spacing / self.cell, generator)
        slope = np.stack([np.gradient(self.density, axis=axis) for axis in range(3)], axis=-1)
        for _ in range(5):  # Newton's steps onto the level
            steep = _at(slope, places)
            over = _at(self.density, places) - self.level
            places = places - (over / np.maximum((steep**2).sum(axis=1), 1e-9))[:, None] * steep
            places = np.clip(places, 1, np.array(self.density.shape) - 2)
        steep = _at(slope, places)
        settled = np.abs(_at(self.density, places) - self.level) < 0.05 * self.level
        normals = -steep / np.maximum(np.linalg.norm(steep, axis=1, keepdims=True), 1e-9)
        return self.low + places[settled] * self.cell, normals[settled]


def _outside(open_: np.ndarray) -> np.ndarray:
    """Open cells [X, Y, Z] with a way to the rim, and their neighbours: what no one can reach is filled."""
    reached = np.zeros_like(open_)
    reached[[0, -1]] = reached[:, [0, -1]] = reached[:, :, [0, -1]] = True
    while True:
        wider = reached.copy()
        for axis in range(3):
            wider |= np.roll(reached, 1, axis) | np.roll(reached, -1, axis)
        if (wider & open_ <= reached).all():
            return wider
        reached |= wider & open_


def _grid_near(density: np.ndarray, level: float, spacing: float, generator: np.random.Generator) -> np.ndarray:
    """Random places [K, 3], in cells, in those cells through which the level runs; about one for each spacing²."""
    corners = np.stack(
        [np.roll(density, (-i, -j, -k), (0, 1, 2)) for i in (0, 1) for j in (0, 1) for k in (0, 1)], axis=-1
    )
    cells = np.argwhere((corners.min(axis=-1) < level) & (corners.max(axis=-1) >= level))
    each = max(1, round(0.7 / spacing**2))
    return (np.repeat(cells, each, axis=0) + generator.random((each * len(cells), 3))).astype(float)


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Trilinear interpolation of values [X, Y, Z, ...] at places [N, 3], in cells."""
    corner = np.clip(np.floor(places).astype(int), 0, np.array(values.shape[:3]) - 2)
    share = places - corner
    result = 0.0
    for offset in np.ndindex(2, 2, 2):
        weight = np.where(offset, share, 1 - share).prod(axis=1)
        at = values[tuple((corner + offset).T)]
        result = result + weight.reshape(-1, *[1] * (at.ndim - 1)) * at
    return np.asarray(result)
