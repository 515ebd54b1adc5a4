"""Marching tetrahedra against theory: a sphere's size, a torus's genus, closedness, finite differences."""

import importlib.util
import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor

from sdf_fit.extract import make_extractor
from sdf_fit.extract.error import ExtractorError
from sdf_fit.extract.tets import TetGrid


def grid_points(resolution: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """[R+1, R+1, R+1, 3], x slowest."""
    axis = torch.linspace(-1, 1, resolution + 1, dtype=dtype)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)


def sphere(resolution: int, radius: float = 0.7, dtype: torch.dtype = torch.float32) -> Tensor:
    return grid_points(resolution, dtype).norm(dim=-1) - radius


def volume(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = vertices[faces.long()].unbind(dim=1)
    return (a * torch.linalg.cross(b, c)).sum() / 6


def assert_closed(faces: Tensor) -> None:
    """Every edge lies in two faces, which walk it in opposite directions."""
    f = faces.numpy().astype(np.int64)
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    assert (edges[:, 0] != edges[:, 1]).all()
    size = f.max() + 1
    forth = np.sort(edges[:, 0] * size + edges[:, 1])
    back = np.sort(edges[:, 1] * size + edges[:, 0])
    assert (np.diff(forth) > 0).all(), "an edge is walked twice in the same direction"
    assert (forth == back).all(), "an edge has no opposite"


def euler_number(vertices: Tensor, faces: Tensor) -> int:
    return len(vertices) - len(faces) * 3 // 2 + len(faces)


@pytest.mark.parametrize("resolution", [16, 33])
def test_sphere(resolution: int) -> None:
    vertices, faces = TetGrid(resolution).extract(sphere(resolution))
    cell = 2 / resolution
    assert faces.dtype == torch.int32
    assert (vertices.norm(dim=1) - 0.7).abs().max() < cell**2 + 2e-3 * cell
    assert_closed(faces)
    assert euler_number(vertices, faces) == 2
    expected = 4 / 3 * math.pi * 0.7**3
    assert volume(vertices, faces).item() == pytest.approx(expected, rel=2 * cell**2)  # > 0: faces look out


def test_fine_sphere_has_the_volume_within_a_percent() -> None:
    vertices, faces = TetGrid(48).extract(sphere(48))
    assert volume(vertices, faces).item() == pytest.approx(4 / 3 * math.pi * 0.7**3, rel=0.01)


def test_axes_are_not_swapped() -> None:
    points = grid_points(32)
    scaled = points / torch.tensor([0.9, 0.6, 0.3])
    vertices, _ = TetGrid(32).extract((scaled.norm(dim=-1) - 1) * 0.3)
    assert torch.allclose(vertices.abs().amax(dim=0), torch.tensor([0.9, 0.6, 0.3]), atol=0.02)


def test_torus_has_one_hole() -> None:
    x, y, z = grid_points(32).unbind(dim=-1)
    vertices, faces = TetGrid(32).extract(torch.hypot(torch.hypot(x, z) - 0.6, y) - 0.2)
    assert_closed(faces)
    assert euler_number(vertices, faces) == 0


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_closed(seed: int) -> None:
    values = torch.randn(13, 13, 13, generator=torch.Generator().manual_seed(seed))
    vertices, faces = TetGrid(12).extract(values)
    assert_closed(faces)
    assert volume(vertices, faces) > 0
    assert vertices.abs().max() < 1


def test_zeros_at_grid_vertices_leave_no_triangle_without_area() -> None:
    values = (grid_points(8).abs().amax(dim=-1) - 0.5).round(decimals=4)  # a box on grid planes: many zeros
    assert (values == 0).any()
    values.requires_grad_()
    vertices, faces = TetGrid(8).extract(values)
    assert_closed(faces)
    a, b, c = vertices[faces.long()].unbind(dim=1)
    area = torch.linalg.cross(b - a, c - a).norm(dim=1)
    assert area.min() > 0
    area.sum().backward()
    assert values.grad is not None and torch.isfinite(values.grad).all()


def test_a_body_that_leaves_the_cube_is_cut_and_closed() -> None:
    vertices, faces = TetGrid(12).extract(torch.full((13, 13, 13), -1.0))
    assert_closed(faces)
    assert vertices.abs().max() < 1
    assert volume(vertices, faces).item() == pytest.approx(8, rel=0.25)


def test_no_body_is_an_empty_mesh() -> None:
    vertices, faces = TetGrid(4).extract(torch.ones(5, 5, 5))
    assert vertices.shape == (0, 3) and faces.shape == (0, 3)


def test_gradient_equals_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(7, 7, 7, generator=generator, dtype=torch.float64)
    values = sphere(6, 0.6, torch.float64) + 0.05 * noise
    grid = TetGrid(6)

    def area_and_volume(values: Tensor) -> Tensor:
        vertices, faces = grid.extract(values)
        a, b, c = vertices[faces.long()].unbind(dim=1)
        return torch.stack([torch.linalg.cross(b - a, c - a).norm(dim=1).sum(), volume(vertices, faces)])

    assert torch.autograd.gradcheck(area_and_volume, values.requires_grad_(), eps=1e-7, atol=1e-5)


def test_growing_the_sdf_shrinks_the_body() -> None:
    values = sphere(16).requires_grad_()
    volume(*TetGrid(16).extract(values)).backward()
    assert values.grad is not None
    # d(volume)/d(offset) = -area, since the SDF's gradient has length one.
    assert values.grad.sum().item() == pytest.approx(-4 * math.pi * 0.49, rel=0.03)


def test_kept_topology_gives_the_same_mesh() -> None:
    grid = TetGrid(16)
    grid.extract(sphere(16))
    kept = grid.topology
    moved = sphere(16) * 1.5 + 1e-4 * grid_points(16)[..., 0]
    vertices, faces = grid.extract(moved)
    assert grid.topology is kept
    fresh_vertices, fresh_faces = TetGrid(16).extract(moved)
    assert torch.equal(vertices, fresh_vertices) and torch.equal(faces, fresh_faces)
    grid.extract(sphere(16, 0.5))
    assert grid.topology is not kept


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"\[4, 4, 4\].*\[5, 5, 5\]"):
        TetGrid(4).extract(torch.ones(4, 4, 4))
    bad = torch.ones(5, 5, 5)
    bad[2, 2, 2] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        TetGrid(4).extract(bad)
    with pytest.raises(ExtractorError, match="'cubes'") as caught:
        make_extractor("cubes", 4)
    assert caught.value.fix == "Choose one of auto, tets, flexicubes."


def test_auto_is_tets() -> None:
    assert isinstance(make_extractor("auto", 4), TetGrid)


if importlib.util.find_spec("kaolin") is None:

    def test_missing_kaolin_names_the_command() -> None:
        with pytest.raises(ExtractorError, match="needs kaolin") as caught:
            make_extractor("flexicubes", 8)
        assert re.search(r"(?s)pip install kaolin==.* -f https://.*set extract to tets", caught.value.fix)

else:

    def test_flexicubes_sphere() -> None:
        vertices, faces = make_extractor("flexicubes", 16).extract(sphere(16))
        assert_closed(faces)
        assert volume(vertices, faces).item() == pytest.approx(4 / 3 * math.pi * 0.7**3, rel=0.02)
