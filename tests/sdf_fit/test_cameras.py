"""Cameras: the frame's handedness, the one flip, and the ranges that views are drawn from."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from sdf_fit import WORKING_RADIUS
from sdf_fit.cameras import (
    CameraRanges,
    View,
    cam_to_work,
    camera_positions,
    clip_from_work,
    distance_for_fill,
    ring_of_views,
    sample_views,
    sphere_of_views,
    spread_views,
    to_clip,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def row_and_column(point: list[float], view: View, height: int = 100, width: int = 100) -> tuple[float, float]:
    """Where a point falls in the picture, in pixels from its upper left corner."""
    x, y, _, w = to_clip(torch.tensor([point]), clip_from_work([view], width / height))[0, 0].tolist()
    return (y / w + 1) / 2 * height, (x / w + 1) / 2 * width


def test_unprojecting_a_projection_is_the_identity() -> None:
    points = F.normalize(torch.randn(200, 3, generator=seeded()), dim=1) * 0.9
    views = sample_views(6, CameraRanges(fovy=(20.0, 70.0)), seeded(1), points)
    for aspect in (1.0, 1.6):
        matrices = clip_from_work(views, aspect)
        clip = to_clip(points, matrices)
        back = torch.linalg.solve(matrices, clip.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(back[..., :3], points.expand(6, -1, -1), atol=1e-4, rtol=0)
        torch.testing.assert_close(back[..., 3], torch.ones(6, 200), atol=1e-4, rtol=0)
        # all of the working sphere lies between near and far, and w is the distance along the view axis
        assert (clip[..., 2].abs() < clip[..., 3]).all()
        cameras = camera_positions(views)
        forward = -torch.stack([cam_to_work(view)[:3, 2] for view in views])
        along = ((points - cameras[:, None]) * forward[:, None]).sum(-1)
        torch.testing.assert_close(clip[..., 3], along, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [
        (0.0, 0.0, (0.0, 0.0, 1.0)),
        (90.0, 0.0, (1.0, 0.0, 0.0)),
        (180.0, 0.0, (0.0, 0.0, -1.0)),
        (270.0, 0.0, (-1.0, 0.0, 0.0)),
        (37.0, 90.0, (0.0, 1.0, 0.0)),
        (0.0, -90.0, (0.0, -1.0, 0.0)),
    ],
)
def test_where_the_camera_stands(azimuth: float, elevation: float, direction: tuple[float, ...]) -> None:
    pose = cam_to_work(View(azimuth, elevation, 3.0, 38.0, (0.1, 0.2, 0.3)))
    expected = torch.tensor(direction) * 3 + torch.tensor([0.1, 0.2, 0.3])
    torch.testing.assert_close(pose[:3, 3], expected, atol=1e-6, rtol=0)
    rotation = pose[:3, :3]
    torch.testing.assert_close(rotation.T @ rotation, torch.eye(3), atol=1e-6, rtol=0)
    assert torch.linalg.det(rotation) == pytest.approx(1.0)


def test_row_0_is_the_top_and_column_0_the_left() -> None:
    front = View(0.0, 0.0, 3.0, 38.0)
    assert row_and_column([0.0, 0.5, 0.0], front)[0] < 40  # up is towards row 0
    assert row_and_column([0.5, 0.0, 0.0], front)[1] > 60  # from the front, +X is on the right
    right = View(90.0, 0.0, 3.0, 38.0)
    assert row_and_column([0.0, 0.0, 0.5], right)[1] < 40  # from +X, the front lies on the left
    above = View(0.0, 90.0, 3.0, 38.0)
    assert row_and_column([0.0, 0.0, 0.5], above)[0] > 60  # from above, the front lies below
    row, column = row_and_column([0.5, 0.5, 0.0], front, height=100, width=200)
    assert 50 - row == pytest.approx(column - 100, rel=1e-5)  # pixels are square at any aspect
    assert row_and_column([0.0, 0.0, 0.0], front) == pytest.approx((50, 50))


@pytest.mark.parametrize(("fill", "fovy"), [(0.6, 38.0), (0.95, 50.0), (2.0, 38.0)])
def test_the_sphere_fills_its_share_of_the_height(fill: float, fovy: float) -> None:
    points = F.normalize(torch.randn(40_000, 3, generator=seeded()), dim=1) * WORKING_RADIUS
    clip = to_clip(points, clip_from_work([View(20.0, 10.0, distance_for_fill(fill, fovy), fovy)]))[0]
    height = (clip[:, 1] / clip[:, 3]).amax() - (clip[:, 1] / clip[:, 3]).amin()
    assert height / 2 == pytest.approx(fill, rel=0.02)


def test_sampled_views_keep_to_their_ranges() -> None:
    ranges = CameraRanges()
    views = [view for seed in range(100) for view in sample_views(8, ranges, seeded(seed))]
    high = [view for view in views if view.elevation > ranges.elevation[1]]
    close = [view for view in views if view.close_up]
    assert len(high) / len(views) == pytest.approx(ranges.high_share, abs=0.04)
    assert len(close) / len(views) == pytest.approx(ranges.close_up_share, abs=0.05)
    for view in views:
        low_ok = ranges.elevation[0] <= view.elevation <= ranges.elevation[1]
        assert low_ok or ranges.high_elevation[0] <= view.elevation <= ranges.high_elevation[1]
        fills = ranges.close_up_fill if view.close_up else ranges.fill
        nearest, farthest = (distance_for_fill(fill, view.fovy) for fill in reversed(fills))
        assert nearest - 1e-9 <= view.distance <= farthest + 1e-9
        assert view.close_up or view.target == (0.0, 0.0, 0.0)


def test_azimuths_are_stratified() -> None:
    for seed in range(20):
        azimuths = sorted(view.azimuth for view in sample_views(6, CameraRanges(), seeded(seed)))
        gaps = [b - a for a, b in zip(azimuths, [*azimuths[1:], azimuths[0] + 360], strict=True)]
        assert max(gaps) < 2 * 360 / 6  # one in each sixth of the circle
    first = [sample_views(1, CameraRanges(), seeded(seed))[0].azimuth for seed in range(200)]
    assert max(first) > 330 and min(first) < 30  # yet anywhere on it


def test_close_ups_look_towards_their_aims() -> None:
    aims = torch.tensor([[0.8, 0.1, 0.0], [0.0, -0.7, 0.2]])
    views = sample_views(30, CameraRanges(close_up_share=1.0), seeded(), aims)
    for view in views:
        target = torch.tensor(view.target)
        towards = F.cosine_similarity(target[None], aims)
        assert towards.max() == pytest.approx(1.0) and 0 < target.norm() < aims.norm(dim=1).max()
    assert len({view.target for view in views}) == 2


def test_spread_views_leave_no_side_out() -> None:
    """Two lattices, from afar and close up, each over the whole zone of the ranges; turned by the generator."""
    ranges = CameraRanges()
    aims = F.normalize(torch.randn(200, 3, generator=seeded(9)), dim=1) * 0.7
    views = spread_views(40, ranges, seeded(1), aims)
    assert [view.close_up for view in views] == [False] * 28 + [True] * 12
    for close_up, fills in ((False, ranges.fill), (True, ranges.close_up_fill)):
        some = [view for view in views if view.close_up == close_up]
        heights = torch.tensor([math.sin(math.radians(view.elevation)) for view in some])
        low, high = math.sin(math.radians(-10)), math.sin(math.radians(85))
        steps = -heights.diff()
        assert torch.allclose(steps, torch.full_like(steps, (high - low) / len(some)), atol=1e-5)
        assert float(heights[0]) == pytest.approx(high - (high - low) / 2 / len(some))
        azimuths = sorted(view.azimuth for view in some)
        gaps = [b - a for a, b in zip(azimuths, [*azimuths[1:], azimuths[0] + 360], strict=True)]
        assert max(gaps) < 2.5 * 360 / len(some)
        nearest, farthest = (distance_for_fill(fill, 38.0) for fill in reversed(fills))
        assert all(nearest - 1e-9 <= view.distance <= farthest + 1e-9 for view in some)
    for view in views[28:]:  # each looks at its own side of the body
        assert torch.tensor(view.target) @ cam_to_work(view)[:3, 2] > 0
    assert all(view.target == (0.0, 0.0, 0.0) for view in views[:28])
    assert views == spread_views(40, ranges, seeded(1), aims) != spread_views(40, ranges, seeded(2), aims)


def test_one_generator_state_gives_one_set_of_views() -> None:
    aims = torch.randn(50, 3, generator=seeded(9))
    draws = [sample_views(5, CameraRanges(), seeded(3), aims) for _ in range(2)]
    assert draws[0] == draws[1] != sample_views(5, CameraRanges(), seeded(4), aims)


def test_fixed_views_are_even() -> None:
    ring = ring_of_views(4, 15.0)
    assert [view.azimuth for view in ring] == [0, 90, 180, 270]
    assert {view.elevation for view in ring} == {15.0}
    directions = F.normalize(camera_positions(sphere_of_views(48)), dim=1)
    assert directions.mean(0).norm() < 0.02
    nearest = (directions @ directions.T - 2 * torch.eye(48)).amax(1).clamp(max=1).acos()
    even = math.sqrt(4 * math.pi / 48)  # side of a square that holds a view's share of the sphere
    assert nearest.min() > 0.6 * even and nearest.max() < 1.4 * even
