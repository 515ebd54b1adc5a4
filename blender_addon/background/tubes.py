"""Closed tubes round lines, all lines at once.

The ring of a tube is carried from point to point by the smallest rotation that turns one tangent into the next
(parallel transport; Hanson and Ma 1995), so that it does not twist; what is left over when a closed line comes back
to its start is spread over its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDES = 8
LONGEST_MITRE = 2.0  # a sharper bend than 120 degrees is blunted
THINNEST = 0.05  # of a stroke's largest radius: a ring of no size would be a fold
TOGETHER = 1e-6  # points nearer than this share of the radius are one point
BALL = np.radians([165, 140, 115, 90, 65, 40, 15])  # the rings of a stroke of one point, which becomes a ball


@dataclass
class Lines:
    """Line s is points `offsets[s]`..`offsets[s + 1]`. `points` [P, 3] float64, `radius` [P], `cyclic` [S], `colour`
    [P, 4] or None."""

    points: np.ndarray
    offsets: np.ndarray
    radius: np.ndarray
    cyclic: np.ndarray
    colour: np.ndarray | None = None

    @property
    def line_of(self) -> np.ndarray:
        """[P]"""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass
class Tubes:
    """`position` [V, 3]; face f is corners `face_start[f]`.. of `corner_vert` [L]; `colour` [V, 4] or None."""

    position: np.ndarray
    corner_vert: np.ndarray
    face_start: np.ndarray
    colour: np.ndarray | None


def tubes(lines: Lines, sides: int = SIDES) -> Tubes:
    """Each line becomes one closed, outward-facing surface: a pipe with flat ends, a ring if it is cyclic, a ball if
    it is one point (or many in one place)."""
    lines = _balls(_clean(lines))
    ring = _rings(lines, sides)
    position = (lines.points[:, None] + lines.radius[:, None, None] * ring).reshape(-1, 3)
    quads, caps = _quads(lines, sides), _caps(lines, sides)
    starts = np.concatenate([np.arange(len(quads)) * 4, len(quads) * 4 + np.arange(len(caps)) * sides])
    colour = None if lines.colour is None else np.repeat(lines.colour, sides, axis=0)
    return Tubes(position, np.concatenate([quads.ravel(), caps.ravel()]), starts, colour)


def _clean(lines: Lines) -> Lines:
    """Without points that repeat the one before, or that are no numbers, and without lines of which nothing is left;
    radii that are never 0."""
    line_of, count = lines.line_of, len(lines.cyclic)
    keep = np.isfinite(lines.points).all(1) & np.isfinite(lines.radius)
    largest = np.zeros(count)
    np.maximum.at(largest, line_of[keep], lines.radius[keep])
    keep &= largest[line_of] > 0
    same = TOGETHER * largest
    at = np.flatnonzero(keep)
    near = np.linalg.norm(np.diff(lines.points[at], axis=0), axis=1) <= same[line_of[at[1:]]]
    keep[at[1:]] = ~near | (np.diff(line_of[at]) > 0)
    _drop_closing(lines, keep, same)
    counts = np.bincount(line_of[keep], minlength=count)
    there = counts > 0
    radius = np.maximum(lines.radius, THINNEST * largest[line_of])[keep]
    colour = None if lines.colour is None else lines.colour[keep]
    cyclic = (lines.cyclic & (counts > 2))[there]
    return Lines(lines.points[keep], np.concatenate([[0], np.cumsum(counts[there])]), radius, cyclic, colour)


def _drop_closing(lines: Lines, keep: np.ndarray, same: np.ndarray) -> None:
    """A closed line that names its first point once more at its end names it once from here on."""
    at = np.flatnonzero(keep)
    counts = np.bincount(lines.line_of[at], minlength=len(lines.cyclic))
    closed = np.flatnonzero(lines.cyclic & (counts > 1))
    ends = np.cumsum(counts)[closed]
    first, last = at[ends - counts[closed]], at[ends - 1]
    distance = np.linalg.norm(lines.points[first] - lines.points[last], axis=1)
    keep[last[distance <= same[closed]]] = False


def _balls(lines: Lines) -> Lines:
    """A line of one point becomes a short one, whose radii make a ball of it."""
    single = (np.diff(lines.offsets) == 1)[lines.line_of]
    repeats = np.where(single, len(BALL), 1)
    source = np.repeat(np.arange(len(lines.points)), repeats)
    points, radius = lines.points[source], lines.radius[source]
    at = np.flatnonzero(single[source])
    angle = np.tile(BALL, int(single.sum()))
    points[at, 2] += radius[at] * np.cos(angle)
    radius[at] *= np.sin(angle)
    counts = np.bincount(lines.line_of, weights=repeats, minlength=len(lines.cyclic)).astype(np.int64)
    colour = None if lines.colour is None else lines.colour[source]
    return Lines(points, np.concatenate([[0], np.cumsum(counts)]), radius, lines.cyclic, colour)


def _next(lines: Lines) -> np.ndarray:
    """[P] The point that comes after each; the last of an open line has itself."""
    after = np.arange(1, len(lines.points) + 1)
    first, last = lines.offsets[:-1], lines.offsets[1:] - 1
    after[last] = np.where(lines.cyclic, first, last)
    return after


def _rings(lines: Lines, sides: int) -> np.ndarray:
    """[P, sides, 3] The corners of a ring of radius 1 round each point; longer across a bend, as a mitre is."""
    ahead, behind = _directions(lines)
    half = ahead + behind
    cosine = np.linalg.norm(half, axis=1) / 2  # of half the bend
    straight = np.where((np.linalg.norm(behind, axis=1) > 0) & (np.linalg.norm(ahead, axis=1) > 0), 0, 1)
    half[cosine < 1e-6] = ahead[cosine < 1e-6]  # it turns straight back
    longer = 1 / np.clip(cosine + straight, 1 / LONGEST_MITRE, 1) - 1
    longer[cosine < 1e-6] = 0
    tangent = _unit(half)
    normal = _normals(lines, tangent, ahead)
    side, bend = np.cross(tangent, normal), _unit(ahead - behind)
    angle = np.arange(sides) * (2 * np.pi / sides)
    ring = np.cos(angle)[None, :, None] * normal[:, None] + np.sin(angle)[None, :, None] * side[:, None]
    return ring + (longer[:, None] * (ring * bend[:, None]).sum(2))[:, :, None] * bend[:, None]


def _directions(lines: Lines) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors to the next point and from the one before, both [P, 3]; zero beyond the ends of an open line."""
    after = _next(lines)
    ahead = _unit(lines.points[after] - lines.points)
    behind = np.zeros_like(ahead)
    has_next = after != np.arange(len(after))
    behind[after[has_next]] = ahead[has_next]
    return ahead, behind


def _normals(lines: Lines, tangent: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """[P, 3] Unit vectors across the tangents, without twist, also between one bend and the next, so that the sides
    are flat. One step of the loop serves all lines."""
    counts, normal = np.diff(lines.offsets), np.zeros_like(tangent)
    order = np.argsort(-counts, kind="stable")
    first = lines.offsets[:-1][order]
    normal[first] = _across(tangent[first])
    longer = np.searchsorted(-counts[order], -np.arange(1, counts.max(initial=0)), side="left")
    for step, many in enumerate(longer.tolist(), start=1):
        at = first[:many] + step
        normal[at] = _carried(_carried(normal[at - 1], tangent[at - 1], ahead[at - 1]), ahead[at - 1], tangent[at])
    _untwist(lines, tangent, ahead, normal)
    return normal


def _untwist(lines: Lines, tangent: np.ndarray, ahead: np.ndarray, normal: np.ndarray) -> None:
    """Turns the rings of closed lines a little further each, so that the last meets the first."""
    counts, line_of = np.diff(lines.offsets), lines.line_of
    first, last = lines.offsets[:-1], lines.offsets[1:] - 1
    back = _carried(_carried(normal[last], tangent[last], ahead[last]), ahead[last], tangent[first])
    across = np.cross(back, normal[first])
    missing = np.arctan2((across * tangent[first]).sum(1), (back * normal[first]).sum(1)) * lines.cyclic
    along = (np.arange(len(line_of)) - first[line_of]) / counts[line_of]
    angle = (missing[line_of] * along)[:, None]
    normal[:] = normal * np.cos(angle) + np.cross(tangent, normal) * np.sin(angle)


def _carried(normal: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`normal` under the smallest rotation of the tangent `before` into `after` (Rodrigues); all [N, 3]."""
    axis, cosine = np.cross(before, after), (before * after).sum(1, keepdims=True)
    turned = normal + np.cross(axis, normal) + np.cross(axis, np.cross(axis, normal)) / np.maximum(1 + cosine, 1e-9)
    turned = np.where(cosine < -1 + 1e-9, normal, turned)  # straight back: it is across both already
    return _unit(turned - after * (after * turned).sum(1, keepdims=True))


def _across(tangent: np.ndarray) -> np.ndarray:
    """[N, 3] Some unit vector across each tangent."""
    axis = np.eye(3)[np.argmin(np.abs(tangent), axis=1)]
    return _unit(np.cross(tangent, axis))


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _quads(lines: Lines, sides: int) -> np.ndarray:
    """[Q, 4] Between each ring and the next, wound so that they face outwards."""
    after = _next(lines)
    here = np.flatnonzero(after != np.arange(len(after)))
    turn = np.arange(sides)
    ring, further = here[:, None] * sides, after[here][:, None] * sides
    corners = [ring + turn, ring + (turn + 1) % sides, further + (turn + 1) % sides, further + turn]
    return np.stack(corners, axis=-1).reshape(-1, 4)


def _caps(lines: Lines, sides: int) -> np.ndarray:
    """[2 · open lines, sides] The flat ends."""
    turn, is_open = np.arange(sides), ~lines.cyclic
    first, last = lines.offsets[:-1][is_open], lines.offsets[1:][is_open] - 1
    return np.concatenate([first[:, None] * sides + turn[::-1], last[:, None] * sides + turn])
