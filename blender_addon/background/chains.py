"""Edges without faces, put together into lines."""

from __future__ import annotations

import numpy as np


def chains(edges: np.ndarray, vertices: int) -> list[tuple[list[int], bool]]:
    """From `edges` [E, 2] the lines that run through vertices of exactly two of them, each with whether it is closed.
    Lines end where more or fewer meet; those that come first in `edges` come first."""
    edges = edges[edges[:, 0] != edges[:, 1]]
    ends = edges.T.ravel()  # the first ends, then the second ones: end i belongs to edge i % E
    order = np.argsort(ends, kind="stable")
    degree = np.bincount(ends, minlength=vertices)
    start = np.concatenate([[0], np.cumsum(degree)]).tolist()
    around = (order % max(len(edges), 1)).tolist()  # the edges of vertex v are around[start[v] : start[v + 1]]
    pairs, is_used, found = edges.tolist(), bytearray(len(edges)), []

    def walk(vertex: int, edge: int) -> list[int]:
        line = [vertex]
        while True:
            is_used[edge] = True
            one, other = pairs[edge]
            vertex = other if one == vertex else one
            line.append(vertex)
            free = [each for each in around[start[vertex] : start[vertex + 1]] if not is_used[each]]
            if degree[vertex] != 2 or not free:
                return line
            edge = free[0]

    for vertex in np.flatnonzero((degree > 0) & (degree != 2)).tolist():
        for edge in around[start[vertex] : start[vertex + 1]]:
            if not is_used[edge]:
                found.append((walk(vertex, edge), False))
    for edge, (vertex, _) in enumerate(pairs):
        if not is_used[edge]:
            found.append((walk(vertex, edge)[:-1], True))
    return sorted(found, key=lambda chain: min(chain[0]))
