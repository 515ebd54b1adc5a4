"""The two measures of geometry on shapes whose overlap is known."""

from __future__ import annotations

import numpy as np
import pytest

from sdf_fit.measures import precision_recall, silhouette_iou
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch.read import Sketch
from tests.sdf_fit.shapes import ball, box, together

RENDERER = NumbaRasterizer()


def sketch(mesh: Mesh, stroke_width: float = 0.05) -> Sketch:
    return Sketch(mesh, np.eye(4), stroke_width, (), "test")


def test_iou_of_a_body_with_itself_and_with_a_smaller_one() -> None:
    whole = ball(4, 0.8)
    assert silhouette_iou(whole, sketch(whole), RENDERER) > 0.999
    assert silhouette_iou(ball(4, 0.4), sketch(whole), RENDERER) == pytest.approx(0.23, abs=0.02)
    inside_out = Mesh(whole.vertices, whole.faces[:, ::-1].copy())
    assert silhouette_iou(inside_out, sketch(whole), RENDERER) > 0.999


def test_gaps_narrower_than_a_stroke_count_as_covered() -> None:
    slabs = together(*(box((0.1, 1.2, 1.2), (x, 0, 0)) for x in np.linspace(-0.58, 0.58, 11)))
    whole = box((1.26, 1.2, 1.2))
    assert silhouette_iou(whole, sketch(slabs, stroke_width=0.1), RENDERER) > 0.985


def test_precision_and_recall() -> None:
    small, large = ball(4, 0.6), ball(4, 0.65)
    assert precision_recall(small, small) == (1.0, 1.0)
    assert precision_recall(small, large, distance=0.06) == (1.0, 1.0)
    assert precision_recall(small, large, distance=0.04) == (0.0, 0.0)
    both = together(small, ball(4, 0.6, (2.0, 0, 0)))
    precision, recall = precision_recall(both, small)
    assert precision == pytest.approx(0.5, abs=0.02) and recall > 0.99
    precision, recall = precision_recall(small, both)
    assert precision > 0.99 and recall == pytest.approx(0.5, abs=0.02)


def test_of_a_union_only_the_outside_counts() -> None:
    """Two boxes that share a half: the body is their hull, without the walls inside."""
    parts = [box((0.8, 0.6, 0.6), (x, 0, 0)) for x in (-0.2, 0.2)]
    assert precision_recall(box((1.2, 0.6, 0.6)), parts) == (1.0, 1.0)
    assert precision_recall(box((1.2, 0.6, 0.6)), together(*parts))[1] < 0.9
