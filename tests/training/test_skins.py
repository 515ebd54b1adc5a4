"""Skins in several materials and thin slabs."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.parts import loft, sphere, volume
from training.world.skins import aim, centres, panel_labels, ring, slab, split


def test_pieces_make_up_the_whole():
    part = sphere(12, 8)
    pieces = split(part, (centres(part)[:, 2] > 0.2).astype(int))
    assert sum(len(faces) for _, faces in pieces.values()) == len(part[1])
    assert (pieces[1][0][:, 2] > -0.3).all()
    for vertices, faces in pieces.values():
        assert {index for face in faces for index in face} == set(range(len(vertices)))


def test_caps_wear_what_their_neighbours_wear():
    curve = np.insert(ring(8), 2, 0, axis=1)
    body = loft(np.stack([curve, curve + np.array([0, 0, 1])]))
    own = np.arange(8)[None]
    labels = panel_labels(own)
    assert len(labels) == len(body[1])
    for face, label in zip(body[1][8:], labels[8:], strict=True):
        beside = {index % 8 for index in face if index < 16}
        assert beside == {label, (label + 1) % 8}
    assert (panel_labels(own, ends=9)[8:] == 9).all()


@pytest.mark.parametrize("squareness", [2, 5, 9])
def test_a_ring_walks_in_even_steps(squareness: float):
    curve = ring(40, squareness)
    steps = np.linalg.norm(np.roll(curve, -1, axis=0) - curve, axis=1)
    assert np.abs(curve).max() == pytest.approx(1, abs=0.01)
    assert steps.max() / steps.min() < 1.25


def test_a_slab_is_closed_and_faces_outwards():
    near = np.array([(0, y, 0) for y in (0, 0.5, 1)], float)
    for shift in ([1, 0, 0], [-1, 0, 0]):
        plate = slab(near, near + shift, 0.1, (0, 0, 1))
        assert volume(plate) == pytest.approx(0.075)


def test_aim_turns_x_into_the_direction():
    for direction in ((0, -1, 0), (0, 0, 1), (1.0, 2.0, -0.5)):
        turn = aim(direction)
        assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) == pytest.approx(1)
        assert np.allclose(turn[:, 0], np.array(direction) / np.linalg.norm(direction))
    assert aim((1.0, 2.0, -0.5))[2, 2] > 0.9
