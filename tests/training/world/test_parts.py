"""The shapes are closed, face outwards and have the size that they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.world.dice import Dice
from training.world.parts import (
    Part,
    bitten,
    box,
    extrude,
    lathe,
    loft,
    petal,
    ring_angles,
    rotation,
    rounded_box,
    sphere,
    spline,
    torus,
    triangulate,
    tube,
    volume,
)

ARROW = [(0, 0), (1, 0), (1, 1), (0.5, 0.3), (0, 1)]  # concave, area .65
CIRCLE = np.stack([np.cos(ring_angles(40)), np.sin(ring_angles(40))], 1)


def at_height(z: float) -> np.ndarray:
    return np.insert(CIRCLE, 2, z, axis=1)


CLOSED: dict[str, tuple[Part, float]] = {
    "sphere": (sphere(48, 32), 4 / 3 * math.pi),
    "box": (box(), 1.0),
    "rounded box": (rounded_box(0.01), 1.0),
    "rounded box, stretched": (rounded_box(0.01, (1, 3, 0.5)), 1.5),
    "tube": (tube([(0, 0, 0), (0, 0, 1), (0, 0, 2)], 0.5, 40), math.pi / 2),
    "tube, bent": (tube(spline([(0, 0, 0), (0, 0, 1), (0.4, 0, 1.9)], 20), 0.1, 30), math.pi * 0.01 * 2.0),
    "torus": (torus(1, 0.3, 60, 30), 2 * math.pi**2 * 0.09),
    "plate": (extrude(ARROW, 0.2), 0.13),
    "plate, clockwise": (extrude(ARROW[::-1], 0.2), 0.13),
    "plate, bevelled": (extrude(ARROW, 0.2, 0.01), 0.13),
    "loft": (loft([at_height(0), at_height(1), at_height(2)]), 2 * math.pi),
    "loft, downwards": (loft([at_height(2), at_height(0)]), 2 * math.pi),
    "cone": (lathe([(0, 0), (1, 0), (0, 3)], 60), math.pi),
}


@pytest.mark.parametrize("name", CLOSED)
def test_faces_outwards_and_has_its_volume(name: str) -> None:
    part, expected = CLOSED[name]
    assert volume(part) == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("name", [name for name in CLOSED if name not in ("sphere", "cone")])
def test_every_edge_is_walked_once_each_way(name: str) -> None:
    edges = [
        (face[k - 1], face[k])
        for face in CLOSED[name][0][1]
        for k in range(len(face))
    ]  # fmt: skip
    assert len(set(edges)) == len(edges)
    assert {(b, a) for a, b in edges} == set(edges)


@pytest.mark.parametrize("axis", "xyz")
def test_rotation_is_counter_clockwise_about_its_axis(axis: str) -> None:
    turn = rotation(axis, 0.3)
    own, following, last = np.roll(np.eye(3), -"xyz".index(axis), axis=0)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn @ own, own)
    np.testing.assert_allclose(turn @ following, math.cos(0.3) * following + math.sin(0.3) * last)


def test_spline_goes_through_its_control_points() -> None:
    control = np.array([(0, 0), (1, 2), (3, 1), (4, 4)], dtype=float)
    np.testing.assert_allclose(spline(control, 13)[::4], control, atol=1e-12)


def test_tube_does_not_twist_where_it_turns() -> None:
    angle = np.linspace(0, 1.5 * math.pi, 30)
    vertices, _ = tube(np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1), 0.1, 4)
    steps = np.linalg.norm(np.diff(vertices.reshape(30, 4, 3), axis=0), axis=2)
    assert steps.max() < 1.15 * (angle[1] - angle[0])


def test_ribs_stand_out() -> None:
    vertices, _ = lathe([(1, 0), (1, 1)], 40, (10, 0.1))
    radius = np.linalg.norm(vertices[:, :2], axis=1)
    assert radius.max() == pytest.approx(1.1)
    assert radius.min() == pytest.approx(0.9)


def test_triangles_fill_a_concave_outline() -> None:
    points = np.array(ARROW, dtype=float)
    triangles = points[np.array(triangulate(points))]
    edge, other = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    areas = (edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]) / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(0.65)


def test_petal_has_its_length_and_width() -> None:
    vertices, faces = petal(Dice(0), 2.0, 0.5, 0.0, cup=0)
    assert vertices[:, 0].max() == pytest.approx(2.0)
    assert np.abs(vertices[:, 1]).max() == pytest.approx(0.5, rel=0.02)
    assert len(faces) == 6 * 4


def distances(part: Part, center: np.ndarray) -> np.ndarray:
    """From `center` to those vertices that the part's faces have."""
    used = np.unique(np.concatenate([np.array(face) for face in part[1]]))
    return np.linalg.norm(part[0][used] - center, axis=1)


def test_a_bite_leaves_skin_outside_the_ball_and_a_hollow_on_it() -> None:
    center, radius = np.array([0, -1.0, 0]), 0.5
    skin, hollow = bitten(sphere(48, 32), [center], radius)
    assert distances(skin, center).min() > radius - 1e-6
    np.testing.assert_allclose(distances(hollow, center), radius, atol=1e-6)
    assert len(skin[1]) + len(hollow[1]) == len(sphere(48, 32)[1])
