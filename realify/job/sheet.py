"""Sheets: rows of pictures with words above them, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARGIN, LINE = 10, 18  # pixels
PAPER, INK = (237, 237, 237), (70, 70, 70)
# For words in scripts that Pillow's own font lacks; whichever the system has.
WIDE_FONTS = ("NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "msyh.ttc", "PingFang.ttc", "DejaVuSans.ttf")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class SheetRow:
    """Square pictures side by side, Pillow's or 8-bit arrays [S, S, 3] (none: words alone), under a line of title
    and a caption each.
    """

    title: str = ""
    pictures: Sequence[Image.Image | np.ndarray] = ()
    captions: Sequence[str] = ()


def paint_sheet(rows: Sequence[SheetRow], tile: int, *, gap: int = 0, lines: int = 2) -> Image.Image:
    """The rows below each other; pictures are scaled to `tile` pixels, `gap` apart, captions have so many lines."""
    columns = max(max(len(row.pictures), len(row.captions)) for row in rows)
    width = columns * (tile + gap) - gap
    page = Image.new("RGB", (width + 2 * MARGIN, MARGIN + sum(_height(row, tile, lines) for row in rows)), PAPER)
    pen, top = ImageDraw.Draw(page), MARGIN
    for row in rows:
        if row.title:
            _write(pen, (MARGIN, top), row.title, width, 1)
        under = top + bool(row.title) * LINE
        for column in range(columns):
            left = MARGIN + column * (tile + gap)
            if column < len(row.captions):
                _write(pen, (left, under), row.captions[column], tile, lines)
            if column < len(row.pictures):
                page.paste(_scaled(row.pictures[column], tile), (left, top + _head(row, lines)))
        top += _height(row, tile, lines)
    return page


def wrapped(text: str, font: Font, width: int, lines: int) -> list[str]:
    """At most so many lines of `width` pixels; what finds no room ends in an ellipsis. Breaks words only where one
    fills a line, as in scripts without spaces.
    """
    found: list[str] = []
    rest = " ".join(text.split())
    while rest and len(found) < lines:
        end = len(rest)
        last = len(found) == lines - 1
        while end > 1 and font.getlength(rest[:end] + ("…" if last and end < len(rest) else "")) > width:
            end -= 1
        space = rest.rfind(" ", 0, end + 1)
        if end < len(rest) and space > 0 and not last:
            end = space
        found.append(rest[:end].strip() + ("…" if last and end < len(rest) else ""))
        rest = rest[end:].strip()
    return found


def _head(row: SheetRow, lines: int) -> int:
    """Pixels of the words."""
    count = bool(row.title) + lines * any(row.captions)
    return count * LINE + 4 * (count > 0)


def _height(row: SheetRow, tile: int, lines: int) -> int:
    return _head(row, lines) + (tile + MARGIN if row.pictures else 0)


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, width: int, lines: int) -> None:
    font = _font(text)
    for number, line in enumerate(wrapped(text, font, width, lines)):
        pen.text((place[0], place[1] + number * LINE), line, INK, font)


def _scaled(picture: Image.Image | np.ndarray, tile: int) -> Image.Image:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return image if image.width == tile else image.resize((tile, tile), Image.Resampling.LANCZOS)


def _font(text: str) -> Font:
    """Pillow's own font, or for letters beyond Latin one of the system's, if it has one."""
    if all(ord(letter) < 0x250 or letter in "°…–—’“”" for letter in text):
        return ImageFont.load_default(14)
    for name in WIDE_FONTS:
        try:
            return ImageFont.truetype(name, 14)
        except OSError:
            continue
    return ImageFont.load_default(14)
