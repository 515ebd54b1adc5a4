"""The PNGs that `realify image` writes: what made them in their text, and a sheet with captions."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from realify import __version__

TILE, MARGIN, LINE, LINES = 256, 10, 18, 2  # pixels; lines of a caption
PAPER, INK = (244, 244, 244), (70, 70, 70)
# For captions in scripts that Pillow's own font lacks; whichever the system has.
WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "msyh.ttc", "PingFang.ttc", "DejaVuSans.ttf")


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
    """Rows of pictures of one size, the keys above them; small ones are enlarged to TILE."""
    size = next(iter(rows[0].values())).width
    times = -(-TILE // size)
    tile, head = size * times, LINES * LINE + 4
    columns = max(map(len, rows))
    page = Image.new("RGB", (MARGIN + columns * (tile + MARGIN), len(rows) * (head + tile + MARGIN)), PAPER)
    pen = ImageDraw.Draw(page)
    for down, row in enumerate(rows):
        for across, (caption, picture) in enumerate(row.items()):
            left, top = MARGIN + across * (tile + MARGIN), down * (head + tile + MARGIN)
            font = _font(caption)
            for number, line in enumerate(wrapped(caption, font, tile)):
                pen.text((left, top + 2 + number * LINE), line, INK, font)
            page.paste(enlarged(picture, times), (left, top + head))
    return page


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """At most LINES lines of `width` pixels; what finds no room ends in an ellipsis. Breaks words only where one
    fills a line, as in scripts without spaces.
    """
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest and len(lines) < LINES:
        end = len(rest)
        last = len(lines) == LINES - 1
        while end > 1 and font.getlength(rest[:end] + ("…" if last and end < len(rest) else "")) > width:
            end -= 1
        space = rest.rfind(" ", 0, end + 1)
        if end < len(rest) and space > 0 and not last:
            end = space
        lines.append(rest[:end].strip() + ("…" if last and end < len(rest) else ""))
        rest = rest[end:].strip()
    return lines


def _font(text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, or for letters beyond Latin one of the system's, if it has one."""
    if all(ord(letter) < 0x250 or letter in "°…–—’“”" for letter in text):
        return ImageFont.load_default(14)
    for name in WIDE_FONTS:
        try:
            return ImageFont.truetype(name, 14)
        except OSError:
            continue
    return ImageFont.load_default(14)
