"""Cameras on a sphere around the working frame's origin.

Frames: world and working frame are right-handed, +Y up; a camera looks down its own -Z with +Y up (OpenGL).
Azimuth 0 stands on +Z and grows towards +X; elevation grows upwards. Row 0 of every image is its top: the one
flip from OpenGL's bottom-up rows stands in `projection` and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit import WORKING_RADIUS


@dataclass(frozen=True)
class View:
    """One camera: angles in degrees, distance and target in working units."""

    azimuth: float
    elevation: float
    distance: float
    fovy: float
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    close_up: bool = False


@dataclass(frozen=True)
class CameraRanges:
    """Where random cameras may stand; `fill` is the bounding sphere's share of the picture's height."""

    fovy: tuple[float, float] = (38.0, 38.0)
    fill: tuple[float, float] = (0.6, 1.0)
    close_up_fill: tuple[float, float] = (1.5, 2.5)
    elevation: tuple[float, float] = (-10.0, 45.0)
    high_elevation: tuple[float, float] = (60.0, 85.0)
    high_share: float = 0.15
    close_up_share: float = 0.3


def distance_for_fill(fill: float, fovy: float, radius: float = WORKING_RADIUS) -> float:
    """Distance at which a sphere's outline covers `fill` of the picture's height; fovy in degrees."""
    return radius / math.sin(math.atan(fill * math.tan(math.radians(fovy) / 2)))


def sample_views(
    count: int, ranges: CameraRanges, generator: torch.Generator, aims: Tensor | None = None
) -> list[View]:
    """Random views whose azimuths are stratified, so that few views still look from all around.

    A close-up looks towards one of the aims [N, 3] (points on the body), or near the centre without any.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    start = uniform(0.0, 360.0)
    views = []
    for i in range(count):
        azimuth = (start + (i + uniform(0.0, 1.0)) * 360.0 / count) % 360.0
        high = uniform(0.0, 1.0) < ranges.high_share
        elevation = uniform(*(ranges.high_elevation if high else ranges.elevation))
        fovy = uniform(*ranges.fovy)
        close_up = uniform(0.0, 1.0) < ranges.close_up_share
        fill = uniform(*(ranges.close_up_fill if close_up else ranges.fill))
        target = _close_up_target(aims, generator) if close_up else (0.0, 0.0, 0.0)
        views.append(View(azimuth, elevation, distance_for_fill(fill, fovy), fovy, target, close_up))
    return views


def spread_views(count: int, ranges: CameraRanges, generator: torch.Generator, aims: Tensor) -> list[View]:
    """Views spread evenly from the lowest to the highest elevation of the ranges, those from afar first and the
    close-ups after them; each of the two lattices is turned at random.

    A close-up looks towards one of the aims [N, 3] (points on the body) on its own side of the body.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    near = round(count * ranges.close_up_share)
    lowest, highest = ranges.elevation[0], max(ranges.elevation[1], ranges.high_elevation[1])
    views = []
    for number, fill, close_up in ((count - near, ranges.fill, False), (near, ranges.close_up_fill, True)):
        turn = uniform(0.0, 360.0)
        for azimuth, elevation in _lattice(number, lowest, highest):
            fovy = uniform(*ranges.fovy)
            distance = distance_for_fill(uniform(*fill), fovy)
            view = View((azimuth + turn) % 360.0, elevation, distance, fovy, close_up=close_up)
            views.append(_aimed(view, aims, generator) if close_up else view)
    return views


def _aimed(view: View, aims: Tensor, generator: torch.Generator) -> View:
    """The view with a target among the aims that face its camera, if any do."""
    facing = aims[aims @ cam_to_work(view)[:3, 2].to(aims) > 0]
    return replace(view, target=_close_up_target(facing if len(facing) else aims, generator))


def _close_up_target(aims: Tensor | None, generator: torch.Generator) -> tuple[float, float, float]:
    if aims is None:
        point = F.normalize(torch.randn(3, generator=generator), dim=0) * WORKING_RADIUS / 2
    else:
        point = aims[int(torch.randint(len(aims), (), generator=generator))]
    # drawn inwards, so that the rim of the body does not fill half with nothing
    x, y, z = (0.6 * point).tolist()
    return x, y, z


def ring_of_views(count: int, elevation: float, fill: float = 0.95, fovy: float = 38.0) -> list[View]:
    """Evenly spaced views at one elevation, the first from the front (azimuth 0)."""
    distance = distance_for_fill(fill, fovy)
    return [View(360.0 * i / count, elevation, distance, fovy) for i in range(count)]


def sphere_of_views(count: int, fill: float = 0.95, fovy: float = 38.0) -> list[View]:
    """Views spread evenly over the whole sphere (Fibonacci lattice), below as well as above."""
    distance = distance_for_fill(fill, fovy)
    return [View(azimuth, elevation, distance, fovy) for azimuth, elevation in _lattice(count, -90.0, 90.0)]


def _lattice(count: int, lowest: float, highest: float) -> list[tuple[float, float]]:
    """Azimuths and elevations of the Fibonacci lattice on the sphere's zone between two elevations, from the top down;
    all in degrees.
    """
    golden = 180.0 * (3.0 - math.sqrt(5.0))
    bottom, top = math.sin(math.radians(lowest)), math.sin(math.radians(highest))
    heights = [top - (top - bottom) * (i + 0.5) / count for i in range(count)]
    return [((golden * i) % 360.0, math.degrees(math.asin(height))) for i, height in enumerate(heights)]


def cam_to_work(view: View) -> Tensor:
    """The camera's pose [4, 4], float32."""
    azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
    backward = torch.tensor(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ],
        dtype=torch.float64,
    )
    # straight up or down, +Y is no guide: take the direction that keeps the azimuth's meaning
    right = torch.tensor([math.cos(azimuth), 0.0, -math.sin(azimuth)], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, torch.linalg.cross(backward, right), backward
    pose[:3, 3] = backward * view.distance + torch.tensor(view.target, dtype=torch.float64)
    return pose.float()


def projection(fovy: float, aspect: float, near: float, far: float) -> Tensor:
    """Perspective matrix [4, 4] of a camera looking down -Z; y turned over so that image row 0 is the top."""
    f = 1.0 / math.tan(math.radians(fovy) / 2)
    matrix = torch.zeros(4, 4)
    matrix[0, 0], matrix[1, 1] = f / aspect, -f
    matrix[2, 2], matrix[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    matrix[3, 2] = -1.0
    return matrix


def clip_from_work(views: Sequence[View], aspect: float = 1.0, device: torch.device | str = "cpu") -> Tensor:
    """projection @ inverse(cam_to_work) for each view, [B, 4, 4] float32."""
    matrices = []
    for view in views:
        reach = view.distance + math.dist(view.target, (0.0, 0.0, 0.0))
        near, far = max(0.02, view.distance - 2.0), reach + 2.0
        matrices.append(projection(view.fovy, aspect, near, far) @ torch.linalg.inv(cam_to_work(view)))
    return torch.stack(matrices).to(device)


def camera_positions(views: Sequence[View], device: torch.device | str = "cpu") -> Tensor:
    """Where each camera stands in the working frame, [B, 3] float32."""
    return torch.stack([cam_to_work(view)[:3, 3] for view in views]).to(device)


def to_clip(points: Tensor, matrices: Tensor) -> Tensor:
    """Points [V, 3] through matrices [B, 4, 4] → clip coordinates [B, V, 4]."""
    return torch.matmul(points, matrices[:, :, :3].transpose(1, 2)) + matrices[:, None, :, 3]
