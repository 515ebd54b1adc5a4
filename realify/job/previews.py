"""A quick picture of the body as it is now."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image

from realify.job.atomic import write_atomic
from realify.stages.random_views import render_views
from realify.stages.rasterized_views import ViewSetup
from sdf_fit.body.body import Body
from sdf_fit.cameras import ring_of_views
from sdf_fit.render import Rasterizer
from sdf_fit.render.backgrounds import plain
from sdf_fit.render.shading import STUDIO

SIZE, ELEVATION, GREY = 256, 15.0, (0.93, 0.93, 0.93)


@torch.no_grad()
def write_preview(path: Path, body: Body, renderer: Rasterizer) -> None:
    """Front and back of the body in the studio's light, side by side, as a PNG; whole or not at all."""
    views = ring_of_views(8, ELEVATION)
    background = plain(GREY, SIZE)
    setups = [ViewSetup(view, STUDIO, background, None, "") for view in (views[1], views[5])]
    images = render_views(renderer, body.surface(), body.material, setups, SIZE, supersample=2)
    strip = torch.cat(list(images), 1)
    buffer = io.BytesIO()
    Image.fromarray((strip * 255 + 0.5).byte().cpu().numpy()).save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())
