"""Skins in several materials, and thin slabs: hulls, fuselages, fins, feathers, and the turns that set them in place.

A Part is (vertices [V, 3], faces list[tuple[int, ...]]); Z up, front towards -Y.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.world.materials import Material
from training.world.model import Model
from training.world.parts import Part, loft


def centres(part: Part) -> np.ndarray:
    """The middle of each face [F, 3]."""
    vertices, faces = part
    return np.array([vertices[list(face)].mean(axis=0) for face in faces])


def split(part: Part, labels: np.ndarray) -> dict[int, Part]:
    """The part in pieces, one for each number in labels [F]."""
    vertices, faces = part
    pieces = {}
    for label in np.unique(labels):
        chosen = [face for face, own in zip(faces, labels, strict=True) if own == label]
        used = sorted({index for face in chosen for index in face})
        place = {old: new for new, old in enumerate(used)}
        pieces[int(label)] = (vertices[used], [tuple(place[index] for index in face) for face in chosen])
    return pieces


def add_split(model: Model, part: Part, labels: np.ndarray, materials: Sequence[Material], smooth: bool = True) -> None:
    """Adds a part whose faces wear materials[labels]; labels [F]."""
    for label, piece in split(part, labels).items():
        model.add(piece, materials[label], smooth=smooth)


def panel_labels(quads: np.ndarray, ends: int | None = None) -> np.ndarray:
    """Labels [F] of a loft with caps from those of its quads [S - 1, N]: its caps' own, or their neighbours'."""
    caps = np.stack([quads[0], quads[-1]], axis=1)  # loft writes its two caps in turns
    return np.concatenate([quads.ravel(), caps.ravel() if ends is None else np.full(caps.size, ends)])


def ring(around: int, squareness: float = 2.0) -> np.ndarray:
    """A closed curve [around, 2] of half-width 1 in even steps: a circle at squareness 2, nearly a square at 8."""
    angle = np.linspace(0, 2 * np.pi, 721)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    curve = np.sign(circle) * np.abs(circle) ** (2 / squareness)
    walked = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    steps = np.arange(around) * walked[-1] / around
    return np.stack([np.interp(steps, walked, curve[:, axis]) for axis in (0, 1)], axis=1)


def slab(near: np.ndarray, far: np.ndarray, thickness: float, across: Sequence[float]) -> Part:
    """A closed plate between the curves near and far [N, 3], half as thick at its far edge: fins, sails, wings.

    across is the direction of its thickness.
    """
    half = np.asarray(across, float) / np.linalg.norm(across) * thickness / 2
    near, far = np.asarray(near, float), np.asarray(far, float)
    return loft(np.stack([near + half, far + half / 2, far - half / 2, near - half], axis=1))


def aim(direction: Sequence[float] | np.ndarray, up: Sequence[float] = (0, 0, 1)) -> np.ndarray:
    """The rotation [3, 3] that takes +X into the direction and +Z as near to up as it goes."""
    forward = np.asarray(direction, float) / np.linalg.norm(direction)
    side = np.cross(up, forward)
    if np.linalg.norm(side) < 1e-6:
        side = np.cross((0.0, 1.0, 0.0), forward)
    side /= np.linalg.norm(side)
    return np.stack([forward, side, np.cross(forward, side)], axis=1)
