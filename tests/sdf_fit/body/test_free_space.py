"""The start of the fit: carving, and the shell that keeps what is too thin for the grid."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sdf_fit.body.free_space import SHELL_CELLS, carve, initial_distance
from sdf_fit.body.targets import sketch_targets
from sdf_fit.cameras import sphere_of_views
from sdf_fit.extract.tets import TetGrid
from sdf_fit.measures import precision_recall
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch.tubes import sweep
from tests.sdf_fit.shapes import ball, box, grid_points, together

RENDERER = NumbaRasterizer()
RESOLUTION = 32
CELL = 2 / RESOLUTION


def start(mesh: Mesh, resolution: int = RESOLUTION) -> tuple[Tensor, Tensor]:
    targets = sketch_targets(mesh, 0.05, sphere_of_views(48), 128, RENDERER)
    return initial_distance(mesh, targets, resolution, seed=0)


def test_carving_leaves_a_ball() -> None:
    mesh = ball(4, 0.6, centre=(0.1, -0.2, 0.05))
    targets = sketch_targets(mesh, 0.05, sphere_of_views(48), 128, RENDERER)
    inside = carve(targets, RESOLUTION)
    distance = (grid_points(RESOLUTION) - torch.tensor([0.1, -0.2, 0.05])).norm(dim=-1) - 0.6
    assert inside[distance < -CELL / 2].all() and not inside[distance > CELL].any()


def test_a_hollow_that_views_see_is_outside() -> None:
    """A cup: a box with a pit that opens upwards."""
    walls = [box((0.1, 1.0, 1.0), (x, 0, 0)) for x in (-0.5, 0.5)] + [
        box((1.0, 1.0, 0.1), (0, 0, z)) for z in (-0.5, 0.5)
    ]
    cup = together(*walls, box((1.0, 0.1, 1.0), (0, -0.5, 0)))
    values, _ = start(cup)
    centre = RESOLUTION // 2
    assert values[centre, centre, centre] > 0 and values[centre, centre + 4, centre] > 0
    assert values[0, 0, 0] > 0


def test_a_ball_starts_as_a_distance() -> None:
    values, bound = start(ball(4, 0.6))
    distance = grid_points(RESOLUTION).norm(dim=-1) - 0.6
    near = distance.abs() < 3 * CELL
    assert (values - distance)[near].abs().max() < CELL
    assert values.dtype == torch.float32 and bound.isinf().all()  # nothing about it is thin


def test_a_thin_sheet_keeps_a_shell() -> None:
    """An open sheet without thickness, tilted against the grid, next to a solid ball."""
    corners = np.array(
        [[-0.7, -0.2, -0.6], [0.7, -0.1, -0.5], [0.6, 0.25, 0.6], [-0.7, 0.15, 0.55]], np.float32
    )
    sheet = Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    values, bound = start(sheet)
    vertices, faces = TetGrid(RESOLUTION).extract(values)
    body = Mesh(vertices.numpy(), faces.numpy())
    precision, recall = precision_recall(body, sheet, distance=1.1 * CELL)
    assert precision == 1 and recall > 0.99
    assert values.min() < 0 and bound.min() == pytest.approx(-SHELL_CELLS * CELL, abs=0.5 * CELL)
    # pulled up everywhere, the field under its bound still holds the whole sheet
    vertices, faces = TetGrid(RESOLUTION).extract(torch.minimum(values + 10 * CELL, bound))
    assert precision_recall(Mesh(vertices.numpy(), faces.numpy()), sheet, distance=1.1 * CELL)[1] > 0.99


@pytest.mark.parametrize("cells", [1.6, 2.0])
def test_a_tube_hardly_thicker_than_a_cell_keeps_its_own_thickness(cells: float) -> None:
    radius = cells * CELL
    tube, faces = sweep(np.array([[-0.6, -0.5, 0.1], [0.0, 0.1, 0.0], [0.55, 0.6, -0.2]]), radius, sides=24)
    mesh = Mesh(tube.astype(np.float32), faces.astype(np.int32))
    values, _ = start(mesh)
    vertices, body_faces = TetGrid(RESOLUTION).extract(values)
    body = Mesh(vertices.numpy(), body_faces.numpy())
    precision, recall = precision_recall(body, mesh, distance=0.6 * CELL)
    assert precision > 0.9 and recall > 0.9


def test_one_seed_gives_one_start() -> None:
    sheet = Mesh(np.eye(3, dtype=np.float32) * 0.8, np.array([[0, 1, 2]], np.int32))
    for one, other in zip(start(sheet), start(sheet), strict=True):
        assert torch.equal(one, other)
