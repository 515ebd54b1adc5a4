"""Long text in a narrow panel: Blender's labels are one line and end in dots."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import blf
import bpy

# Pixels of the sidebar, at scale 1, that are no place for text.
BORDERS = 76  # its tabs, its edges, a box's
ICON = 22
LEAST = 80  # pixels; in a narrower panel words are cut as they always are


def draw_text(
    layout: bpy.types.UILayout, text: str, context: bpy.types.Context, icon: str = "NONE"
) -> None:
    """`text`, translated before, in as many lines as the region's width needs."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines(text, context, 0 if icon == "NONE" else ICON)):
        blank = "NONE" if icon == "NONE" else "BLANK1"
        column.label(text=line, icon=icon if number == 0 else blank, translate=False)


def lines(text: str, context: bpy.types.Context, beside: float = 0) -> tuple[str, ...]:
    """`text` as it fits into the region beside something that is `beside` pixels wide, at scale 1."""
    scale = context.preferences.system.ui_scale
    points = context.preferences.ui_styles[0].widget.points * scale
    width = max(LEAST * scale, context.region.width - (BORDERS + beside) * scale)
    return _measured(text, int(width), points)


def share_of_width(context: bpy.types.Context, pixels: float) -> float:
    """`pixels`, at scale 1, as a part of what a box of the sidebar has for its content."""
    return min(0.5, pixels / max(1.0, context.region.width / context.preferences.system.ui_scale - BORDERS))


@lru_cache(maxsize=512)
def _measured(text: str, width: int, points: float) -> tuple[str, ...]:
    blf.size(0, points)
    return wrapped(text, width, lambda part: blf.dimensions(0, part)[0])


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> tuple[str, ...]:
    """Lines of at most `width`, broken at spaces, and within words that are longer than a line: addresses, and
    languages that are written without spaces."""
    found, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            found.append(line)
        while measure(word) > width and len(word) > 1:
            fits = _fitting(word, width, measure)
            found.append(word[:fits])
            word = word[fits:]
        line = word
    return (*found, line) if line else tuple(found)


def _fitting(word: str, width: float, measure: Callable[[str], float]) -> int:
    """How many letters of it fit; one at least."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(word[:middle]) <= width else (low, middle - 1)
    return low
