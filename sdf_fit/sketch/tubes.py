"""Strokes without faces (lines) as closed round tubes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np


def sweep(points: np.ndarray, radii: np.ndarray | float, sides: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A closed tube along points [N, 3] (N >= 2, none repeated in a row) with radii [N] or one for all.

    Returns vertices [N * sides + 2, 3] and faces [F, 3] int64, outward. The cross-section is carried along
    without twist (Wang et al. 2008, "Computation of rotation minimizing frames", here by projection onto the
    next plane).
    """
    count = len(points)
    steps = np.diff(points, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    tangents = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    lengths = np.linalg.norm(tangents, axis=1, keepdims=True)
    tangents = np.where(
        lengths > 1e-6, tangents / np.maximum(lengths, 1e-6), np.concatenate([steps, steps[-1:]])
    )
    sideways = _without_twist(tangents)
    angles = 2 * np.pi * np.arange(sides) / sides
    other = np.cross(tangents, sideways)
    ring = np.cos(angles)[:, None] * sideways[:, None] + np.sin(angles)[:, None] * other[:, None]
    rings = (
        points[:, None] + ring * np.broadcast_to(np.asarray(radii, dtype=np.float64), count)[:, None, None]
    )
    vertices = np.concatenate([rings.reshape(-1, 3), points[[0, -1]]])
    here = np.arange(sides)
    after = (here + 1) % sides
    rows = sides * np.arange(count - 1)[:, None]
    low, low_after = rows + here, rows + after
    walls = np.stack(
        [low, low_after, low_after + sides, low, low_after + sides, low + sides], axis=-1
    ).reshape(-1, 3)
    last = sides * (count - 1)
    start_cap = np.column_stack([np.full(sides, count * sides), after, here])
    end_cap = np.column_stack([np.full(sides, count * sides + 1), last + here, last + after])
    return vertices, np.concatenate([walls, start_cap, end_cap])


def _without_twist(tangents: np.ndarray) -> np.ndarray:
    """Unit vectors [N, 3] across the tangents [N, 3], each the one before projected onto the next plane."""
    sideways = np.empty_like(tangents)
    current = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    for index, tangent in enumerate(tangents):
        projected = current - tangent * (current @ tangent)
        length = np.sqrt(projected @ projected)
        if length < 1e-6:  # a turn by exactly 90 degrees into the old sideways: any direction across will do
            projected = np.cross(tangent, np.eye(3)[np.argmin(np.abs(tangent))])
            length = np.sqrt(projected @ projected)
        sideways[index] = current = projected / length
    return sideways


def chains(segments: np.ndarray) -> list[list[int]]:
    """Segments [S, 2] joined at shared vertices into runs of vertex numbers; each segment is walked once.

    A run starts at an end or a fork, so that a long stroke stays one run and a star becomes its arms; loops
    close.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    for a, b in segments.tolist():
        if a != b:
            neighbours[a].add(b)
            neighbours[b].add(a)
    ends = [vertex for vertex, others in neighbours.items() if len(others) != 2]
    runs = []
    for start in (*ends, *list(neighbours)):  # after the ends only closed loops are left
        while neighbours[start]:
            runs.append(_walk(start, neighbours))
    return runs


def _walk(start: int, neighbours: dict[int, set[int]]) -> list[int]:
    """Follow unused segments from start to the next end or fork, using them up."""
    run = [start]
    while neighbours[run[-1]] and (len(run) == 1 or run[-1] != start):
        following = neighbours[run[-1]].pop()
        neighbours[following].discard(run[-1])
        run.append(following)
        if len(neighbours[following]) > 1:  # others still meet here: a fork
            break
    return run
