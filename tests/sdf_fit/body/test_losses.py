"""The losses against shapes for which the answer is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sdf_fit.body.losses import (
    DEPTH_CAP,
    MATERIAL_FREEDOM,
    mask_and_depth_loss,
    material_drift,
    normal_consistency,
    sdf_terms,
    silhouette_loss,
)
from sdf_fit.body.targets import Targets, silhouette_targets
from sdf_fit.extract.tets import TetGrid
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import srgb_to_linear
from sdf_fit.render.surface import Surface
from tests.sdf_fit.shapes import ball, grid_points

RENDERER = NumbaRasterizer()


def ball_field(
    resolution: int, radius: float = 0.6, centre: tuple[float, float, float] = (0, 0, 0)
) -> Tensor:
    return (grid_points(resolution) - torch.tensor(centre)).norm(dim=-1) - radius


def surface(radius: float) -> Surface:
    mesh = ball(4, radius)
    return Surface.of(torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces))


@pytest.fixture(scope="module")
def targets() -> Targets:
    return silhouette_targets(ball(4, 0.6), 0.1, RENDERER)


def test_eikonal_is_zero_on_a_distance_and_one_quarter_at_half_the_slope() -> None:
    plane = grid_points(24) @ torch.tensor([0.6, 0.0, 0.8]) - 0.1
    assert sdf_terms(plane).eikonal < 1e-6
    assert sdf_terms(ball_field(32)).eikonal < 1e-3
    assert sdf_terms(0.5 * plane).eikonal == pytest.approx(0.25, rel=1e-3)
    assert sdf_terms(2.0 * plane).eikonal == pytest.approx(1.0, rel=1e-3)


def test_smoothness_is_zero_on_a_plane_and_feels_noise() -> None:
    plane = grid_points(24)[..., 0] * 0.8 + grid_points(24)[..., 1] * 0.6
    assert sdf_terms(plane).smoothness < 1e-6
    noise = torch.randn(plane.shape, generator=torch.Generator().manual_seed(0)) * 0.1 * (2 / 24)
    # a Laplacian weighs the centre 6 and six neighbours 1: (36 + 6) times the noise's variance in cells
    assert sdf_terms(plane + noise).smoothness == pytest.approx(42 * 0.1**2, rel=0.15)


def test_terms_do_not_know_the_grid() -> None:
    coarse, fine = (sdf_terms(0.7 * ball_field(resolution)) for resolution in (24, 48))
    assert float(fine.eikonal) == pytest.approx(float(coarse.eikonal), rel=0.05)


def test_the_sign_term_removes_a_floater() -> None:
    """One vertex inside among outside ones: it is pulled out by all six, each of them in by one alone."""
    values = torch.full((17, 17, 17), 1.5 * 2 / 16)
    values[8, 8, 8] = -0.3 * 2 / 16
    with_floater = values.clone().requires_grad_(True)
    term = sdf_terms(with_floater).sign
    term.backward()
    assert with_floater.grad is not None
    here, beside = with_floater.grad[8, 8, 8], with_floater.grad[8, 8, 9]
    assert here < 0 < beside and -here > 3 * beside
    values[8, 8, 8] = 1.5 * 2 / 16
    assert term > 0 == sdf_terms(values).sign


def test_normals_agree_on_a_plane_and_differ_at_a_fold() -> None:
    corners = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [2, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 5], [1, 5, 2]], dtype=torch.int32)
    assert normal_consistency(Surface.of(corners, faces)) == pytest.approx(0.0, abs=1e-6)
    folded = corners.clone()
    folded[4:] = torch.tensor([[1.0, 0, 1], [1, 1, 1]])
    # the flat sides' normals and the fold's are 45° apart along most sides
    assert normal_consistency(Surface.of(folded, faces)) > 0.5 * (1 - math.cos(math.pi / 4))
    fine, coarse = (Surface.of(*TetGrid(r).extract(ball_field(r))) for r in (40, 20))
    assert normal_consistency(fine) < normal_consistency(coarse) / 2


def test_the_silhouette_loss_counts_the_pixels_between_two_outlines(targets: Targets) -> None:
    chosen = list(range(6))
    assert silhouette_loss(surface(0.6), targets, chosen, RENDERER) < 0.005
    # outlines of two balls around one centre: circles
    view = targets.views[0]
    scale = 0.5 / math.tan(math.radians(view.fovy) / 2)  # picture heights in a tangent of 1
    outline = [scale * math.tan(math.asin(radius / view.distance)) for radius in (0.6, 0.66)]
    between = math.pi * (outline[1] ** 2 - outline[0] ** 2)
    loss = silhouette_loss(surface(0.66), targets, chosen, RENDERER)
    assert float(loss) == pytest.approx(between, rel=0.05)


def test_the_silhouette_pulls_a_body_towards_the_sketch(targets: Targets) -> None:
    for radius, sign in ((0.5, -1), (0.7, 1)):  # too small: growing lowers the loss
        small = surface(radius)
        vertices = small.vertices.clone().requires_grad_(True)
        silhouette_loss(Surface.of(vertices, small.faces), targets, [0, 5, 9], RENDERER).backward()
        assert vertices.grad is not None
        outwards = (vertices.grad * small.vertices).sum()
        assert outwards * sign > 0


def test_depth_is_a_mean_over_the_picture_and_capped(targets: Targets) -> None:
    mask, depth = mask_and_depth_loss(surface(0.6), targets, [0, 1], RENDERER)
    covered = float(targets.mask[:2].float().mean())
    assert mask < 0.005 and depth < 2e-3 * covered
    behind = Targets(targets.views, targets.mask, targets.depth + 0.05, targets.color)
    _, depth = mask_and_depth_loss(surface(0.6), behind, [0, 1], RENDERER)
    assert float(depth) == pytest.approx(0.05 * covered, rel=0.05)
    far = Targets(targets.views, targets.mask, targets.depth + 5, targets.color)
    _, depth = mask_and_depth_loss(surface(0.6), far, [0, 1], RENDERER)
    assert float(depth) == pytest.approx(DEPTH_CAP * covered, rel=0.05)


def test_materials_are_free_within_bounds() -> None:
    def material(*values: float) -> Tensor:
        """Ten points of one material, its colour given in sRGB."""
        shown = torch.tensor(values).expand(10, 5)
        return torch.cat([srgb_to_linear(shown[:, :3]), shown[:, 3:]], 1)

    drawn = (0.5, 0.4, 0.45, 0.5, 0.3)
    for k, freedom in enumerate(MATERIAL_FREEDOM):
        near, off = (list(drawn) for _ in range(2))
        near[k] += freedom - 0.01
        off[k] -= freedom + 0.1
        assert material_drift(material(*near), material(*drawn)) == 0
        assert float(material_drift(material(*off), material(*drawn))) == pytest.approx(0.01, rel=1e-3)
