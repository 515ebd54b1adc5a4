"""Tubes round lines: closed, facing outwards, as thick as told, whatever the line does."""

from __future__ import annotations

import numpy as np
import pytest

from blender_addon.background.tubes import Lines, Tubes, tubes


def lines(*each: object, radius: float = 0.1, cyclic: bool = False) -> Lines:
    points = [np.array(line, np.float64) for line in each]
    offsets = np.cumsum([0, *map(len, points)])
    return Lines(np.concatenate(points), offsets, np.full(offsets[-1], radius), np.full(len(points), cyclic))


def triangles(made: Tubes) -> np.ndarray:
    ends = np.append(made.face_start[1:], len(made.corner_vert))
    faces = [made.corner_vert[start:end] for start, end in zip(made.face_start, ends, strict=True)]
    return np.array([(face[0], face[i], face[i + 1]) for face in faces for i in range(1, len(face) - 1)])


def volume(made: Tubes) -> float:
    a, b, c = made.position[triangles(made)].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def assert_closed(made: Tubes) -> None:
    """Each edge is used once in each direction: closed, and wound the same way all over."""
    sides = np.concatenate([triangles(made)[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    there = {tuple(side) for side in sides.tolist()}
    assert len(there) == len(sides)
    assert {(b, a) for a, b in there} == there
    assert np.isfinite(made.position).all()


def circle(count: int, radius: float = 1.0) -> np.ndarray:
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)


def area(radius: float, sides: int = 8) -> float:
    return sides / 2 * radius**2 * np.sin(2 * np.pi / sides)


def test_a_straight_line_is_a_prism() -> None:
    made = tubes(lines([(0, 0, 0), (0, 0, 1), (0, 0, 3)]))
    assert_closed(made)
    assert volume(made) == pytest.approx(3 * area(0.1))
    assert np.linalg.norm(made.position[:, :2], axis=1) == pytest.approx(0.1)


def test_a_circle_is_a_ring_without_a_seam() -> None:
    made = tubes(lines(circle(96), cyclic=True))
    assert_closed(made)
    assert len(made.position) == 96 * 8
    assert volume(made) == pytest.approx(2 * np.pi * area(0.1), rel=5e-3)  # Pappus


def test_a_closed_line_in_space_does_not_twist_at_its_start() -> None:
    angle = np.arange(200) * 2 * np.pi / 200
    knot = np.stack([np.cos(angle), np.sin(2 * angle) / 2, np.sin(angle + 1) / 2], axis=1)
    made = tubes(lines(knot, cyclic=True))
    assert_closed(made)
    rings = made.position.reshape(200, 8, 3)
    spoke = (rings[:, 0] - knot) / 0.1
    turn = (spoke * np.roll(spoke, -1, axis=0)).sum(1)
    assert turn.min() > np.cos(0.12)  # radians from one ring to the next; without the spreading the last jumps


def test_a_closed_line_that_names_its_first_point_again_is_the_same() -> None:
    once, twice = circle(12), np.concatenate([circle(12), circle(12)[:1]])
    assert len(tubes(lines(twice, cyclic=True)).position) == len(tubes(lines(once, cyclic=True)).position)


def test_one_point_is_a_ball() -> None:
    for place in ([(1, 2, 3)], [(1, 2, 3)] * 5):
        made = tubes(lines(place, radius=0.5, cyclic=len(place) > 1))
        assert_closed(made)
        assert np.linalg.norm(made.position - (1, 2, 3), axis=1) == pytest.approx(0.5)
        assert volume(made) == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.2)


def test_repeated_points_and_points_that_are_no_numbers_make_no_difference() -> None:
    clean = tubes(lines([(0, 0, 0), (1, 0, 0), (2, 1, 0)]))
    nan = float("nan")
    messy = tubes(lines([(0, 0, 0), (0, 0, 0), (1, 0, 0), (nan, 0, 0), (1, 0, 0), (2, 1, 0), (2, 1, 0)]))
    assert np.allclose(messy.position, clean.position)
    assert np.array_equal(messy.corner_vert, clean.corner_vert)


def test_a_bent_line_is_as_thick_in_its_bends() -> None:
    made = tubes(lines([(0, 0, 0), (1, 0, 0), (1, 2, 0), (1, 2, 1), (1.5, 3, 1)]))
    assert_closed(made)
    assert volume(made) == pytest.approx(area(0.1) * (4 + np.sqrt(1.25)))  # what a mitre adds outside it takes inside


def test_a_line_that_turns_back_stays_closed_and_does_not_burst() -> None:
    made = tubes(lines([(0, 0, 0), (1, 0, 0), (0, 0, 0), (0, 1, 0), (0, 1, 1), (0.01, 1, 0)]))
    assert_closed(made)
    rings = made.position.reshape(-1, 8, 3)
    spokes = np.linalg.norm(rings - rings.mean(1, keepdims=True), axis=2)
    assert spokes.min() >= 0.1 - 1e-9
    assert spokes.max() <= 0.2 + 1e-9


def test_a_stroke_that_thins_out_to_nothing_has_no_folds() -> None:
    line = lines([(0, 0, 0), (1, 0, 0), (2, 0, 0)])
    line.radius = np.array([0.0, 0.2, 0.0])
    made = tubes(line)
    assert_closed(made)
    assert np.ptp(made.position.reshape(3, 8, 3)[0], axis=0).max() > 0
    line.radius = np.zeros(3)
    assert len(tubes(line).face_start) == 0


def test_many_lines_are_each_as_they_are_alone() -> None:
    rng = np.random.default_rng(0)
    many = [rng.normal(size=(count, 3)) for count in (5, 1, 9, 2, 40)]
    made = tubes(lines(*many))
    assert_closed(made)
    alone = np.concatenate([tubes(lines(each)).position for each in many])
    assert np.allclose(made.position, alone)


def test_colours_go_round_the_rings() -> None:
    line = lines([(0, 0, 0), (1, 0, 0)])
    line.colour = np.array([(1, 0, 0, 1), (0, 1, 0, 1)], np.float32)
    made = tubes(line)
    assert made.colour is not None
    assert np.array_equal(made.colour[:, 1], made.position[:, 0])


def test_no_lines_are_no_tubes() -> None:
    made = tubes(Lines(np.empty((0, 3)), np.zeros(1, int), np.empty(0), np.empty(0, bool)))
    assert len(made.position) == len(made.face_start) == 0
