"""An animation that walks once around the result."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from realify.job.atomic import write_atomic
from realify.result.bake import Textures
from realify.result.render_views import draw_result
from realify.result.unwrap import UnwrappedMesh
from sdf_fit.cameras import ring_of_views
from sdf_fit.render import Rasterizer

FRAMES, ELEVATION = 48, 15.0  # degrees
MILLISECONDS = 60  # a frame; browsers draw faster animations more slowly than they ask for


def write_turntable(
    path: Path,
    mesh: UnwrappedMesh,
    textures: Textures,
    renderer: Rasterizer,
    size: int = 384,
    frames: int = FRAMES,
) -> None:
    """Write an endless animation of `frames` square pictures as .webp (small, in full colour) or .gif.

    mesh: in the working frame; size: pixels each side. Raises ValueError for another extension, OSError where
    the file cannot be written.
    """
    kind = path.suffix.lower()
    options = {".webp": {"format": "WEBP", "quality": 85, "method": 4}, ".gif": {"format": "GIF"}}.get(kind)
    if options is None:
        raise ValueError(f"a turntable is written as .webp or .gif, not {kind or 'without an extension'}")
    pictures = draw_result(mesh, textures, ring_of_views(frames, ELEVATION), size, renderer)
    first, *others = [Image.fromarray(picture) for picture in pictures]
    buffer = io.BytesIO()
    first.save(buffer, save_all=True, append_images=others, duration=MILLISECONDS, loop=0, **options)
    write_atomic(path, buffer.getvalue())
