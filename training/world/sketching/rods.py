"""The middle line of a thin piece: a stem, a leg, a string, a petal or a small blob, drawn as one stroke."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from training.world.sketching.pieces import Piece, spread

OPEN = 0.4  # smallest radius of a ring, as a share of its mean radius
FEWEST = 60  # points that show a piece's shape
FLAT = 0.3  # thickness by width below which a section counts as a sheet


@dataclass
class Rod:
    """N places along a thin piece."""

    points: np.ndarray  # [N, 3] the middle line
    radii: np.ndarray  # [N] mean distance of the surface from it
    wide: np.ndarray  # [N, 3] unit vector along the section's longer side
    halves: np.ndarray  # [N, 2] half width along `wide` and across it

    @property
    def flat(self) -> bool:
        """Whether the section is that of a band rather than of a rope."""
        return float(np.median(self.halves[:, 1]) / np.median(self.halves[:, 0])) < FLAT


def rod_of(piece: Piece, thickest: float) -> Rod | None:
    """The piece as a rod if its section measures no more than a rope of diameter `thickest`, else None."""
    if len(piece.points) < FEWEST:
        piece = _closer(piece)
    if piece.size > 1.5 * thickest:
        if piece.thickness() > thickest:
            return None
        rods = [_sections(piece, along, thickest) for along in (_walk(piece, thickest), _straight(piece))]
        best = min((rod for rod in rods if rod is not None), key=lambda rod: rod.radii.max(), default=None)
        around = _round(piece)
        return best if best or around is None else _sections(piece, around, thickest)
    return _sections(piece, _straight(piece), thickest)


def _closer(piece: Piece) -> Piece:
    """The piece with FEWEST points or a few more."""
    face, points = spread(piece.vertices[piece.faces], piece.areas, (piece.area / FEWEST) ** 0.5)
    return replace(piece, points=points, face=face)


def _sections(piece: Piece, along: np.ndarray, thickest: float) -> Rod | None:
    """Cut the piece across at even steps of `along` [N]; None where a cut is wider than `thickest` or is scattered."""
    points = piece.points
    length = float(np.ptp(along))
    count = int(np.clip(length / (0.5 * thickest), 4, 64))
    count = min(count, len(points) // 6)
    if count < 2:
        return None
    cut = np.minimum(((along - along.min()) / max(length, 1e-9) * count).astype(int), count - 1)
    number = np.bincount(cut, minlength=count)
    if (number < 3).any():
        return None
    middle = np.stack([np.bincount(cut, points[:, k], count) for k in range(3)], axis=1) / number[:, None]
    line = np.concatenate([1.5 * middle[:1] - 0.5 * middle[1:2], middle, 1.5 * middle[-1:] - 0.5 * middle[-2:-1]])
    tangents = np.gradient(line, axis=0)[1:-1]
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    offset = points - middle[cut]
    offset -= (offset * tangents[cut]).sum(axis=1, keepdims=True) * tangents[cut]
    radii = np.bincount(cut, np.linalg.norm(offset, axis=1), count) / number
    wide, halves = _longer_sides(offset, cut, number)
    perimeter = piece.area / max(float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum()), 1e-9)
    scattered = np.median(radii) > 0.75 * thickest or np.max(radii) > 1.5 * thickest
    broad = not piece.open and np.median(halves[:, 0]) > 0.6 * thickest
    if scattered or broad or perimeter > 1.3 * np.pi * thickest:
        return None
    pad = np.concatenate([[0], np.arange(count), [count - 1]])
    taper = np.ones(count + 2)
    taper[[0, -1]] = 0.6
    return Rod(line, radii[pad] * taper, wide[pad], halves[pad] * taper[:, None])


def _longer_sides(offset: np.ndarray, cut: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of sections made of offsets [N, 3] from their middles: the direction of the longer side [S, 3], half sizes
    [S, 2]."""
    count = len(number)
    products = offset[:, :, None] * offset[:, None, :]
    spread = np.stack([np.bincount(cut, products[:, i, j], count) for i in range(3) for j in range(3)], axis=1)
    values, vectors = np.linalg.eigh(spread.reshape(-1, 3, 3) / number[:, None, None])
    wide = vectors[:, :, 2]
    for k in range(1, count):
        if wide[k] @ wide[k - 1] < 0:
            wide[k] = -wide[k]
    return wide, np.sqrt(3 * np.maximum(values[:, [2, 1]], 0))  # an even spread over ±h has variance h² / 3


def _straight(piece: Piece) -> np.ndarray:
    """Place of each point [N] along the piece's longest direction."""
    centred = piece.points - piece.points.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, 2]


def _walk(piece: Piece, thickest: float) -> np.ndarray:
    """How far [N] an ant has to walk over the edges from one end of the piece to each point."""
    middle = _distances(piece, [0])
    end = _distances(piece, [int(np.argmax(middle))])
    return _at_points(piece, _distances(piece, np.flatnonzero(end < 0.6 * thickest).tolist()))


def _at_points(piece: Piece, values: np.ndarray) -> np.ndarray:
    """Values at the vertices [V], interpolated to the points [N]."""
    corners = piece.vertices[piece.faces[piece.face]]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=-1)  # [N, 3, 2]
    shares = np.linalg.pinv(edges) @ (piece.points - corners[:, 0])[..., None]
    b, c = shares[:, 0, 0], shares[:, 1, 0]
    at = values[piece.faces[piece.face]]
    return at[:, 0] * (1 - b - c) + at[:, 1] * b + at[:, 2] * c


def _distances(piece: Piece, starts: list[int]) -> np.ndarray:
    """Dijkstra's shortest ways [V] along the edges from the nearest of some vertices."""
    neighbours: list[dict[int, float]] = [{} for _ in piece.vertices]
    for a, b in np.concatenate([piece.faces[:, [0, 1]], piece.faces[:, [1, 2]], piece.faces[:, [2, 0]]]).tolist():
        if b not in neighbours[a]:
            step = float(np.linalg.norm(piece.vertices[a] - piece.vertices[b]))
            neighbours[a][b] = neighbours[b][a] = step
    distance = np.full(len(piece.vertices), np.inf)
    distance[starts] = 0.0
    queue = [(0.0, start) for start in starts]
    while queue:
        here, vertex = heapq.heappop(queue)
        if here > distance[vertex]:
            continue
        for other, step in neighbours[vertex].items():
            if here + step < distance[other]:
                distance[other] = here + step
                heapq.heappush(queue, (here + step, other))
    return distance


def _round(piece: Piece) -> np.ndarray | None:
    """Way of each point [N] around the piece's middle if it is a ring, open in the middle."""
    centred = piece.points - piece.points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    x, y = centred @ axes[:, 2], centred @ axes[:, 1]
    radius = np.hypot(x, y)
    return np.arctan2(y, x) * float(radius.mean()) if radius.min() > OPEN * radius.mean() else None
