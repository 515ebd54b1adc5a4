"""A picture to judge a job by: the sketch from four sides, and below it the result."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from realify.job.atomic import write_atomic
from realify.result.bake import Textures
from realify.result.render_views import BACKGROUND, draw_result, draw_sketch
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.cameras import ring_of_views
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer

VIEWS, ELEVATION = 4, 15.0  # evenly around, from the front; degrees
CAPTION, MARGIN = 28, 10  # pixels
PAPER, INK = (round(BACKGROUND * 255),) * 3, (70, 70, 70)


def write_contact_sheet(
    path: Path,
    sketch: Mesh,
    result: UnwrappedMesh,
    textures: Textures,
    renderer: Rasterizer,
    caption: str,
    size: int = 320,
) -> None:
    """Write a PNG of 4 x 2 views of `size` pixels; the result's row is headed by `caption` (prompt, preset).

    Both meshes in the working frame. Raises OSError where the file cannot be written.
    """
    views = ring_of_views(VIEWS, ELEVATION)
    rows = {
        "sketch": draw_sketch(sketch, views, size, renderer),
        caption: draw_result(result, textures, views, size, renderer),
    }
    row_height = CAPTION + size
    sheet = Image.new("RGB", (2 * MARGIN + VIEWS * size, 2 * (MARGIN + row_height)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, (title, pictures) in enumerate(rows.items()):
        top = MARGIN + row * (MARGIN + row_height)
        pen.text((MARGIN, top + 4), _shortened(title, font, VIEWS * size), INK, font)
        strip = Image.fromarray(np.concatenate(pictures, axis=1))
        sheet.paste(strip, (MARGIN, top + CAPTION))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomic(Path(path), buffer.getvalue())


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text` on one line, cut with an ellipsis where it is wider than `width` pixels."""
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
