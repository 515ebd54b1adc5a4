"""A picture to judge a job by: the sketch from four sides, and below it the result."""

from __future__ import annotations

import io
from pathlib import Path

from realify.job.atomic import write_atomic
from realify.job.sheet import SheetRow, paint_sheet
from realify.result.bake import Textures
from realify.result.render_views import draw_result, draw_sketch
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.cameras import ring_of_views
from sdf_fit.mesh import Mesh
from sdf_fit.render import Rasterizer

VIEWS, ELEVATION = 4, 15.0  # evenly around, from the front; degrees


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
    rows = [
        SheetRow("sketch", draw_sketch(sketch, views, size, renderer)),
        SheetRow(caption, draw_result(result, textures, views, size, renderer)),
    ]
    buffer = io.BytesIO()
    paint_sheet(rows, size).save(buffer, "PNG")
    write_atomic(Path(path), buffer.getvalue())
