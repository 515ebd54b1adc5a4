"""Parts come together in one mesh: placed, coloured, brought to size."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.dice import Dice
from training.world.materials import plain
from training.world.model import Mesh, Model
from training.world.parts import box, rotation, sphere, volume

RED, BLUE = plain(Dice(1), "red"), plain(Dice(2), "blue")


def two_boxes() -> Model:
    model = Model()
    model.add(box(), RED, smooth=False, scale=(2, 1, 1), rotate=rotation("z", np.pi / 2), move=(5, 0, 3))
    model.add(box(), BLUE)
    model.add(box(), RED, move=(0, 0, -1))
    return model


def test_scales_then_rotates_then_moves() -> None:
    corners = two_boxes().mesh().vertices[:8]
    np.testing.assert_allclose(corners.min(0), (4.5, -1, 2.5), atol=1e-12)
    np.testing.assert_allclose(corners.max(0), (5.5, 1, 3.5), atol=1e-12)


def test_keeps_faces_with_their_materials() -> None:
    mesh = two_boxes().mesh()
    assert mesh.materials == [RED, BLUE]
    assert mesh.material_index == [0] * 6 + [1] * 6 + [0] * 6
    assert mesh.smooth == [False] * 6 + [True] * 12
    assert sorted({index for face in mesh.faces for index in face}) == list(range(24))


def test_mirroring_keeps_faces_outwards() -> None:
    model = Model()
    model.add(sphere(), RED, scale=(-1, 1, 1))
    mesh = model.mesh()
    assert volume((mesh.vertices, mesh.faces)) > 3


def test_normalised_stands_on_the_ground_with_radius_one() -> None:
    mesh = two_boxes().normalised()
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    np.testing.assert_allclose((low + high)[:2], 0, atol=1e-12)
    assert low[2] == pytest.approx(0)
    assert np.linalg.norm(mesh.vertices - (low + high) / 2, axis=1).max() == pytest.approx(1)


def test_triangles_carry_their_material() -> None:
    mesh = two_boxes().mesh()
    triangles, material = mesh.triangles()
    assert triangles.shape == (36, 3)
    assert material.tolist() == [0] * 12 + [1] * 12 + [0] * 12
    as_faces = [tuple(triangle) for triangle in triangles.tolist()]
    assert volume((mesh.vertices, as_faces)) == pytest.approx(4)


def test_vertices_without_faces_are_left_out() -> None:
    vertices, faces = box()
    model = Model()
    model.add((np.concatenate([[(9.0, 9, 9)], vertices]), [tuple(k + 1 for k in face) for face in faces]), RED)
    mesh = model.mesh()
    assert len(mesh.vertices) == 8
    assert volume((mesh.vertices, mesh.faces)) == pytest.approx(1)


def test_warp_bends_a_little_and_follows_its_dice() -> None:
    def bent(seed: int) -> Mesh:
        model = two_boxes()
        model.warp(Dice(seed), 0.01)
        return model.mesh()

    moved = np.linalg.norm(bent(1).vertices - two_boxes().mesh().vertices, axis=1)
    assert 0 < moved.max() < 0.1
    np.testing.assert_array_equal(bent(1).vertices, bent(1).vertices)
    assert not np.array_equal(bent(1).vertices, bent(2).vertices)
