"""What the fit compares with: gaps under a stroke are closed in mask, depth and colour; wider holes stay."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sdf_fit.body.targets import (
    FAR,
    SILHOUETTE_SIZE,
    SILHOUETTE_VIEWS,
    Targets,
    silhouette_targets,
    sketch_targets,
)
from sdf_fit.cameras import View, distance_for_fill
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from tests.sdf_fit.shapes import ball, painted, together

RENDERER = NumbaRasterizer()
FRONT = View(0.0, 0.0, distance_for_fill(0.95, 38.0), 38.0)
SIZE = 128
RED, BLUE = (0.6, 0.02, 0.01), (0.02, 0.03, 0.5)


def strip(left: float, right: float, z: float = 0.0, flipped: bool = False) -> Mesh:
    """An upright ribbon from x = left to x = right, -0.6..0.6 high, facing +Z."""
    corners = [(left, -0.6, z), (right, -0.6, z), (right, 0.6, z), (left, 0.6, z)]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(np.array(corners, np.float32), faces[:, ::-1].copy() if flipped else faces)


def column(x: float) -> int:
    """The pixel column of a point on the plane z = 0 in the front view."""
    return math.floor((x / (FRONT.distance * math.tan(math.radians(19))) + 1) / 2 * SIZE)


def front(mesh: Mesh, stroke_width: float) -> Targets:
    return sketch_targets(mesh, stroke_width, [FRONT], SIZE, RENDERER)


def ribbons_with_a_wall_behind() -> Mesh:
    """Red ribbons .2 wide with gaps of .06 and one of .4, and a blue wall .5 behind them."""
    spans = [(-0.72, -0.52), (-0.46, -0.26), (0.14, 0.34), (0.40, 0.60)]
    ribbons = [painted(strip(*span), RED) for span in spans]
    return together(*ribbons, painted(strip(-0.8, 0.8, z=-0.5), BLUE))


def test_gaps_under_a_stroke_are_closed_and_wider_holes_stay() -> None:
    targets = front(ribbons_with_a_wall_behind(), stroke_width=0.2)
    middle = SIZE // 2
    depth, color = targets.depth[0, middle], targets.color[0, middle]
    for x in (-0.62, -0.49, -0.36, 0.24, 0.37, 0.50):  # ribbons and the narrow gaps between them
        assert targets.mask[0, middle, column(x)]
        assert depth[column(x)] == pytest.approx(FRONT.distance, abs=1e-3)
        torch.testing.assert_close(color[column(x)], torch.tensor(RED))
    assert depth[column(-0.06)] == pytest.approx(FRONT.distance + 0.5, abs=1e-3)  # through the wide one
    torch.testing.assert_close(color[column(-0.06)], torch.tensor(BLUE))


def test_gaps_before_nothing_are_closed_too() -> None:
    sheet = together(strip(-0.5, -0.03), strip(0.03, 0.5))
    closed, open_ = (front(sheet, stroke_width=width) for width in (0.2, 0.02))
    middle = column(0.0)
    assert closed.mask[0, SIZE // 2, middle] and not open_.mask[0, SIZE // 2, middle]
    assert closed.depth[0, SIZE // 2, middle] == pytest.approx(FRONT.distance, abs=1e-3)
    # closing does not grow the outline
    outline = closed.mask[0].nonzero()
    reference = front(strip(-0.5, 0.5), 0.02).mask[0].nonzero()
    assert torch.equal(outline.amin(0), reference.amin(0)) and torch.equal(outline.amax(0), reference.amax(0))


def test_both_sides_of_a_sheet_count() -> None:
    one, other = (front(strip(-0.4, 0.4, flipped=flipped), 0.1) for flipped in (False, True))
    assert one.mask.any() and torch.equal(one.mask, other.mask) and torch.equal(one.depth, other.depth)


def test_depth_is_that_along_the_view_axis() -> None:
    """A plane across the axis has one depth all over, and nothing has FAR."""
    targets = front(strip(-0.7, 0.7), 0.1)
    assert targets.mask.shape == targets.depth.shape == (1, SIZE, SIZE) and targets.mask.dtype == torch.bool
    assert (targets.depth[targets.mask] - FRONT.distance).abs().max() < 1e-3
    assert (targets.depth[~targets.mask] == FAR).all()


def test_a_sketch_without_colours_is_grey() -> None:
    targets = front(strip(-0.4, 0.4), 0.1)
    assert (targets.color[targets.mask] - 0.5).abs().max() < 1e-6


def test_silhouettes_look_from_everywhere() -> None:
    targets = silhouette_targets(ball(3, 0.9), 0.1, RENDERER)
    assert targets.mask.shape == (SILHOUETTE_VIEWS, SILHOUETTE_SIZE, SILHOUETTE_SIZE)
    diameter = 0.95 * SILHOUETTE_SIZE
    areas = targets.mask.float().sum((1, 2))
    assert ((areas / (math.pi / 4 * diameter**2) - 1).abs() < 0.02).all()
