"""The PNGs that `realify image` writes: what made them in their text, and a sheet with captions."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from realify import __version__
from realify.job.sheet import MARGIN, SheetRow, paint_sheet

TILE = 256  # pixels


def png_bytes(image: Image.Image, prompt: str, about: Mapping[str, Any]) -> bytes:
    """A PNG that carries the prompt as its Description and all of `about` as JSON under `realify`."""
    text = PngInfo()
    text.add_text("Description", prompt)  # as UTF-8 where it is not Latin
    text.add_text("Software", f"Realify {__version__}")
    text.add_text("realify", json.dumps(about, ensure_ascii=False))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def enlarged(image: Image.Image, times: int) -> Image.Image:
    """Each side `times` as long, smoothly; nothing is added."""
    if times == 1:
        return image
    return image.resize((image.width * times, image.height * times), Image.Resampling.LANCZOS)


def sheet(rows: Sequence[Mapping[str, Image.Image]]) -> Image.Image:
    """Rows of pictures of one size, the keys above them; small ones are enlarged to at least TILE."""
    size = next(iter(rows[0].values())).width
    named = [SheetRow(captions=list(row), pictures=list(row.values())) for row in rows]
    return paint_sheet(named, size * -(-TILE // size), gap=MARGIN)
