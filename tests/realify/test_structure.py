"""What a ControlNet is shown of a ball: depth, brightest at the nearest point, and normals, each in its colour."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from realify.structure import FARTHEST, structure_pictures
from sdf_fit.cameras import View, cam_to_work, camera_positions
from sdf_fit.surface import Surface, draw
from tests.realify.stage_bodies import RADIUS, RENDERER, ball_body

SIZE = 64
VIEWS = [View(0.0, 0.0, 2.5, 40.0), View(130.0, 35.0, 3.0, 35.0), View(270.0, -10.0, 2.5, 45.0, (0.2, 0.1, 0.0))]


@pytest.fixture(scope="module")
def surface() -> Surface:
    with torch.no_grad():
        return ball_body().surface()


def seen(surface: Surface, structure: str, views: list[View]) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures [B, H, W, 3], where the body is, and where its surface lies."""
    pictures = structure_pictures(structure, RENDERER, surface, views, SIZE)  # type: ignore[arg-type]
    assert pictures.shape == (len(views), 3, SIZE, SIZE)
    assert pictures.min() >= 0 and pictures.max() <= 1 + 1e-6
    drawing = draw(RENDERER, surface, views, SIZE)
    return pictures.permute(0, 2, 3, 1), drawing.hit, drawing.position


def test_a_ball_is_brightest_at_its_nearest_point(surface: Surface) -> None:
    depth, hit, position = seen(surface, "depth", VIEWS)
    for i, camera in enumerate(camera_positions(VIEWS)):
        picture = depth[i, ..., 0]
        assert torch.equal(depth[i, ..., 1], picture) and torch.equal(depth[i, ..., 2], picture)
        row, column = divmod(int(picture.argmax()), SIZE)
        assert picture[row, column] == pytest.approx(1.0)
        # nearness counts along the view's axis, so the nearest point is where the ball looks straight back
        towards = cam_to_work(VIEWS[i])[:3, 2] * RADIUS
        assert (position[i, row, column] - towards).norm() < 0.25 * RADIUS
        assert (picture[~hit[i]] == 0).all()
        assert picture[hit[i]].min() == pytest.approx(FARTHEST, abs=1e-6)
        along = ((position[i] - camera) @ -cam_to_work(VIEWS[i])[:3, 2])[hit[i]]
        order = along.argsort()
        assert (picture[hit[i]][order].diff() <= 1e-6).all()  # the farther, the darker


def test_depth_is_normalised_in_each_picture(surface: Surface) -> None:
    near, far = View(20.0, 10.0, 2.0, 40.0), View(20.0, 10.0, 6.0, 40.0)
    together = structure_pictures("depth", RENDERER, surface, [near, far], SIZE)
    for i, view in enumerate((near, far)):
        alone = structure_pictures("depth", RENDERER, surface, [view], SIZE)
        assert torch.allclose(together[i], alone[0], atol=1e-6)
        assert alone.max() == pytest.approx(1.0)


def test_an_empty_picture_is_empty(surface: Surface) -> None:
    aside = View(0.0, 0.0, 2.0, 20.0, (3.0, 0.0, 0.0))
    assert not structure_pictures("depth", RENDERER, surface, [aside], SIZE).any()
    flat = structure_pictures("normal", RENDERER, surface, [aside], SIZE)
    assert torch.equal(flat[0, :, 0, 0], torch.tensor([0.5, 0.5, 1.0])) and flat.flatten(2).std(2).max() == 0


def test_normals_are_red_to_the_left_green_up_and_blue_towards_the_camera(surface: Surface) -> None:
    (picture,), (hit,), _ = seen(surface, "normal", VIEWS[:1])
    middle = SIZE // 2
    columns, rows = hit[middle].nonzero()[:, 0], hit[:, middle].nonzero()[:, 0]
    left, right, top, bottom = columns[0], columns[-1], rows[0], rows[-1]
    assert picture[middle, left, 0] > 0.9 and picture[middle, right, 0] < 0.1
    assert picture[top, middle, 1] > 0.9 and picture[bottom, middle, 1] < 0.1
    assert picture[middle, middle].tolist() == pytest.approx([0.5, 0.5, 1.0], abs=0.05)
    assert picture[0, 0].tolist() == [0.5, 0.5, 1.0]


def test_normals_are_those_of_the_ball_from_any_side(surface: Surface) -> None:
    pictures, hit, position = seen(surface, "normal", VIEWS)
    for i, view in enumerate(VIEWS):
        azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
        right = torch.tensor([math.cos(azimuth), 0, -math.sin(azimuth)])
        back = torch.tensor(
            [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
        )
        up = torch.linalg.cross(back, right)
        outward = position[i][hit[i]] / RADIUS
        wanted = torch.stack([-(outward @ right), outward @ up, outward @ back], -1) / 2 + 0.5
        assert (pictures[i][hit[i]] - wanted).abs().max() < 0.06  # a ball of few triangles


@pytest.mark.parametrize("structure", ["depth", "normal"])
def test_no_gradient_goes_through(structure: str) -> None:
    surface = ball_body().surface()
    assert surface.vertices.requires_grad
    pictures = structure_pictures(structure, RENDERER, surface, VIEWS, SIZE)  # type: ignore[arg-type]
    assert not pictures.requires_grad
