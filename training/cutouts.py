"""What the product's renderer draws, on a transparent background, in the shards' format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from realify.stages.random_views import Material, ViewSetup, render_views
from sdf_fit import WORKING_RADIUS
from sdf_fit.cameras import View
from sdf_fit.render import Rasterizer
from sdf_fit.render.backgrounds import plain
from sdf_fit.render.shading import linear_to_srgb, srgb_to_linear
from sdf_fit.render.surface import Surface, draw, soft_mask

SAMPLES = 2  # along each side of a pixel
TOGETHER = 4  # pictures that are drawn at once, for memory's sake


@torch.no_grad()
def cutouts(
    renderer: Rasterizer, surface: Surface, material: Material, setups: Sequence[ViewSetup], size: int
) -> list[Image.Image]:
    """A textured body as the stages photograph it, RGBA, one picture a setup; their backgrounds are left out."""
    pictures = []
    for start in range(0, len(setups), TOGETHER):
        part = [replace(setup, background=plain((0, 0, 0), size)) for setup in setups[start : start + TOGETHER]]
        on_black = srgb_to_linear(render_views(renderer, surface, material, part, size, SAMPLES))
        mask = soft_mask(renderer, draw(renderer, surface, [setup.view for setup in part], size * SAMPLES))
        coverage = F.avg_pool2d(mask[:, None], SAMPLES)[:, 0]
        pictures += [straight(*pair) for pair in zip(on_black, coverage, strict=True)]
    return pictures


def straight(on_black: Tensor, coverage: Tensor) -> Image.Image:
    """RGBA with straight alpha from linear colours on black [S, S, 3] and coverage [S, S]."""
    alpha = coverage.clamp(0, 1)[..., None]
    # with less than a step of 8-bit alpha there is no colour to speak of
    color = torch.where(alpha > 1 / 255, on_black / alpha.clamp(min=1 / 255), 0)
    pixels = torch.cat([linear_to_srgb(color), alpha], dim=-1)
    return Image.fromarray((pixels * 255 + 0.5).to(torch.uint8).cpu().numpy(), "RGBA")


def camera_card(view: View) -> dict[str, Any]:
    """A camera as the world's shards describe theirs: degrees, lengths in the object's radii, Y up."""
    return {
        "azimuth": round((view.azimuth + 180) % 360 - 180, 3),
        "elevation": round(view.elevation, 3),
        "distance": round(view.distance / WORKING_RADIUS, 4),
        "fovy": view.fovy,
        "target": [round(value / WORKING_RADIUS, 4) for value in view.target],
    }
