"""Edges put together into lines, and what becomes of strokes on the way."""

from __future__ import annotations

import numpy as np

from blender_addon.background.chains import chains
from blender_addon.background.lines import of_edges, of_strokes
from blender_addon.background.splines import POLY


def edges(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int32).reshape(-1, 2)


def test_a_path_is_one_line_whatever_the_order_of_its_edges() -> None:
    assert chains(edges((2, 3), (0, 1), (2, 1)), 5) == [([0, 1, 2, 3], False)]


def test_a_loop_is_closed_and_names_its_start_once() -> None:
    assert chains(edges((4, 5), (5, 6), (6, 4)), 8) == [([4, 5, 6], True)]


def test_lines_end_where_three_meet() -> None:
    found = chains(edges((0, 1), (1, 2), (1, 3), (3, 4)), 5)
    assert sorted(sorted((line[0], line[-1])) for line, _ in found) == [[0, 1], [1, 2], [1, 4]]
    assert not any(is_closed for _, is_closed in found)


def test_each_edge_is_in_one_line() -> None:
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, 60, size=(150, 2))
    found = chains(pairs, 60)
    covered = [
        tuple(sorted(pair))
        for line, is_closed in found
        for pair in zip(line, line[1:] + line[:1] * is_closed, strict=False)
    ]
    assert sorted(covered) == sorted(tuple(sorted(pair)) for pair in pairs.tolist() if pair[0] != pair[1])


def test_edges_of_faces_are_no_lines() -> None:
    part = {"position": np.eye(4, 3, dtype=np.float32), "edge_verts": edges((0, 1), (1, 2), (2, 0), (2, 3))}
    assert of_edges(part | {"corner_edge": np.array([0, 1, 2])}, None).offsets.tolist() == [0, 2]
    assert len(of_edges(part | {"corner_edge": np.array([0, 1, 2, 3])}, None).points) == 0


def test_a_curves_radii_are_stretched_over_its_mesh() -> None:
    place = np.stack([np.arange(5), np.zeros(5), np.zeros(5)], axis=1)
    part = {"position": place, "edge_verts": edges((0, 1), (1, 2), (2, 3), (3, 4))}
    part |= {"spline_radius": np.array([1.0, 3.0, 1.0]), "spline_offsets": np.array([0, 3])}
    assert of_edges(part, None).radius.tolist() == [1, 2, 3, 2, 1]
    part["spline_offsets"] = np.array([0, 1, 3])  # two splines, one line: a modifier was at work
    assert of_edges(part, None).radius.tolist() == [1] * 5


def test_strokes_that_are_not_shown_are_left_out() -> None:
    part = {
        "points": np.arange(15, dtype=np.float32).reshape(5, 3),
        "offsets": np.array([0, 2, 2, 5]),
        "cyclic": np.array([False, False, True]),
        "curve_type": np.full(3, POLY),
        "resolution": np.ones(3, int),
        "radius": np.array([1, 2, 3, 4, 5.0]),
        "shown": np.array([False, True, True]),
    }
    found = of_strokes(part)
    assert found.offsets.tolist() == [0, 3]
    assert found.radius.tolist() == [3, 4, 5]
    assert found.cyclic.tolist() == [True]
