"""Random photographs of a body, as the prior is shown them: camera, light, background, and their words.

A multi-view prior is shown rings of views, tiled to one picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from distill.canvas import join_views
from distill.card import PriorCard
from distill.prompts import view_word
from realify.settings import Render
from realify.stages.rasterized_views import RasterizedViews, ViewSetup, rasterize_views
from sdf_fit.cameras import CameraRanges, View, camera_positions, sample_views, spread_views
from sdf_fit.render import Rasterizer
from sdf_fit.render.backgrounds import anything, around
from sdf_fit.render.shading import linear_to_srgb, sample_light, shade, shade_normals
from sdf_fit.render.surface import Surface

Material = Callable[[Tensor], Tensor]  # points [N, 3] → [N, 5]
Look = Literal["textured", "textureless", "normals"]

CLAY = (0.5, 0.5, 0.5, 0.8, 0.0)  # linear base colour, roughness, metallic of the textureless look


def camera_ranges(card: PriorCard, close_up_share: float) -> CameraRanges:
    """Where the prior likes its cameras: its own ranges if it brings some, else those of docs/conventions.md."""
    cameras = card.cameras
    if cameras is None:
        return CameraRanges(fovy=(40.0, 50.0), close_up_share=close_up_share)

    def fill(distance: float) -> float:  # distance in radii of the bounding sphere
        return math.tan(math.asin(1 / distance)) / math.tan(math.radians(cameras.fovy) / 2)

    low, high = cameras.elevation
    ranges = CameraRanges()
    return CameraRanges(
        fovy=(cameras.fovy, cameras.fovy),
        fill=(fill(cameras.distance[1]), fill(cameras.distance[0])),
        close_up_fill=(fill(cameras.close_up_distance[1]), fill(cameras.close_up_distance[0])),
        elevation=(max(low, ranges.elevation[0]), min(high, ranges.elevation[1])),
        high_elevation=(min(60.0, high), min(85.0, high)),
        close_up_share=close_up_share,
    )


def sample_setups(
    settings: Render, card: PriorCard, size: int, aims: Tensor, generator: torch.Generator
) -> list[ViewSetup]:
    """`settings.views` setups at S = size pixels; close-ups look towards one of the aims [N, 3]."""
    views = sample_views(settings.views, camera_ranges(card, settings.close_up), generator, aims)
    return _set_up(views, settings, card, size, generator)


def spread_setups(
    settings: Render, card: PriorCard, size: int, count: int, aims: Tensor, generator: torch.Generator
) -> list[ViewSetup]:
    """As `sample_setups`, but `count` that stand evenly spread, so that together they see the body from all around (as
    far as the prior's cameras go): those from afar first, then the close-ups.
    """
    views = spread_views(count, camera_ranges(card, settings.close_up), generator, aims)
    return _set_up(views, settings, card, size, generator)


def _set_up(
    views: Sequence[View], settings: Render, card: PriorCard, size: int, generator: torch.Generator
) -> list[ViewSetup]:
    """Each view with a light, a background and words of its own."""
    setups = []
    for view, camera in zip(views, camera_positions(views), strict=True):
        background, word = _background(settings, card, size, generator)
        words = view_word(card, view.azimuth, view.elevation, view.close_up)
        setups.append(ViewSetup(view, sample_light(camera, generator, card.exposure), background, word, words))
    return setups


def sample_rings(
    settings: Render, card: PriorCard, size: int, together: int, generator: torch.Generator
) -> list[ViewSetup]:
    """Shots in groups of `together` around the body, one after another, which a multi-view prior sees as one picture.

    A group shares elevation, distance, field of view, background and the light (in the body's frame); its first
    azimuth is random. The cameras tell the views, so there are no words for them.
    """
    ranges = replace(camera_ranges(card, 0.0), high_share=0.0)
    setups = []
    firsts = sample_views(count_pictures(settings, together), ranges, generator)
    for first, camera in zip(firsts, camera_positions(firsts), strict=True):
        background, word = _background(settings, card, size, generator)
        light = sample_light(camera, generator, card.exposure)
        for i in range(together):
            view = replace(first, azimuth=(first.azimuth + i * 360.0 / together) % 360.0)
            setups.append(ViewSetup(view, light, background, word, ""))
    return setups


def count_pictures(settings: Render, together: int) -> int:
    """How many pictures of `together` setups come closest to `settings.views` setups, but one at least."""
    return max(1, (settings.views + together // 2) // together)


def _background(
    settings: Render, card: PriorCard, size: int, generator: torch.Generator
) -> tuple[Tensor, str | None]:
    names = sorted(card.backgrounds)
    if not names or float(torch.rand((), generator=generator)) < settings.random_background:
        return anything(size, generator), None
    name = names[int(torch.randint(len(names), (), generator=generator))]
    return around(card.backgrounds[name], size, generator), name


def sample_look(textureless: float, generator: torch.Generator) -> Look:
    """How this step shows the body: in that share of the steps without its texture, as clay or as normals."""
    if float(torch.rand((), generator=generator)) >= textureless:
        return "textured"
    return "normals" if float(torch.rand((), generator=generator)) < 0.5 else "textureless"


def render_views(
    renderer: Rasterizer,
    surface: Surface,
    material: Material,
    setups: Sequence[ViewSetup],
    size: int,
    supersample: int = 1,
    look: Look = "textured",
) -> Tensor:
    """Pictures of the setups as sRGB images [B, size, size, 3] in 0..1, with the gradient to surface and material."""
    return shade_views(rasterize_views(renderer, surface, setups, size, supersample), material, look)


def shade_views(rasterized: RasterizedViews, material: Material, look: Look = "textured") -> Tensor:
    """The photographs of what was rasterised, as `render_views` has them."""
    if look == "normals":
        radiance = shade_normals(rasterized.normals)
    else:
        points = rasterized.points
        surfaces = material(points) if look == "textured" else points.new_tensor(CLAY).expand(len(points), 5)
        radiance = shade(surfaces, rasterized.normals, rasterized.to_camera(), rasterized.lights())
    return linear_to_srgb(rasterized.picture(radiance, rasterized.backgrounds()))


def tile(images: Tensor, together: int) -> Tensor:
    """Images [B n, S, S, 3] of n setups each as pictures [B, s S, s S, 3] of s² = n, in reading order."""
    return images if together == 1 else join_views(images.permute(0, 3, 1, 2), together).permute(0, 2, 3, 1)
