"""The edges of a triangle mesh and the faces beside them."""

from __future__ import annotations

import weakref

import numba
import numpy as np
import torch
from torch import Tensor

_last: list[tuple[weakref.ref[Tensor], tuple[Tensor, Tensor]]] = []


def edges_of(tri: Tensor) -> tuple[Tensor, Tensor]:
    """Unique edges [E, 2] and their first two faces [E, 2] (-1: none) of tri [F, 3]; kept for the last mesh."""
    if _last and _last[0][0]() is tri:
        return _last[0][1]
    if tri.device.type == "cpu":
        edges, faces = _find_edges(tri.contiguous().numpy())
        found = torch.from_numpy(edges), torch.from_numpy(faces)
    else:
        found = _find_edges_torch(tri)
    _last[:] = [(weakref.ref(tri), found)]
    return found


def _find_edges_torch(tri: Tensor) -> tuple[Tensor, Tensor]:
    t = tri.long()
    half = torch.cat([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]).sort(1).values
    face = torch.arange(len(t), device=t.device).repeat(3)
    edges, inverse = torch.unique(half, dim=0, return_inverse=True)
    order = torch.argsort(inverse, stable=True)
    counts = torch.bincount(inverse, minlength=len(edges))
    first = counts.cumsum(0) - counts
    second = torch.where(counts > 1, face[order[(first + 1).clamp(max=len(order) - 1)]], -1)
    return edges, torch.stack([face[order[first]], second], 1)


@numba.njit(cache=True)
def _find_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same through an open-addressing hash table: a sort of all half-edges costs more than a frame."""
    count = 3 * len(faces)
    size = 1
    while size < 2 * count + 1:
        size *= 2
    slots = np.full(size, -1, np.int32)
    edges, owners = np.empty((count, 2), np.int64), np.full((count, 2), -1, np.int64)
    found = 0
    for f in range(len(faces)):
        for k in range(3):
            i, j = faces[f, k], faces[f, (k + 1) % 3]
            low, high = min(i, j), max(i, j)
            slot = (np.int64(low) * 73856093 ^ np.int64(high) * 19349663) & (size - 1)
            while slots[slot] >= 0 and (edges[slots[slot], 0] != low or edges[slots[slot], 1] != high):
                slot = (slot + 1) & (size - 1)
            if slots[slot] < 0:
                slots[slot] = found
                edges[found, 0], edges[found, 1], owners[found, 0] = low, high, f
                found += 1
            elif owners[slots[slot], 1] < 0:
                owners[slots[slot], 1] = f
    return edges[:found], owners[:found]
