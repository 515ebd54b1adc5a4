"""docs/blender-figures.md, from what the story `freeze` measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from tests.blender_addon.window.chroot import ROOT

PAGE = ROOT / "docs" / "blender-figures.md"


def write(answer: dict[str, Any], date: str, page: Path = PAGE) -> None:
    """The page; also printed."""
    text = page_of(answer, date)
    page.write_text(text, encoding="utf-8")
    print(text)


def page_of(answer: dict[str, Any], date: str) -> str:
    """`answer["spans"]` are stopwatch.Span as dicts."""
    rows = [
        f"| {span['name']} | {span['seconds']:.0f} | {span['longest_gap']:.0f} | {span['mean_gap']:.1f} "
        f"| {span['longest_call']:.1f} | {span['where'] or '-'} | {span['in_calls'] / span['seconds'] / 10:.1f} |"
        for span in answer["spans"]
    ]
    head = (
        "| while | s | longest gap, ms | mean gap, ms | longest call, ms | which | in calls, % |",
        "|---|---|---|---|---|---|---|",
    )
    machine = f"Blender {answer['blender']}, {os.cpu_count()} processor cores, {platform.machine()}, {date}"
    return "\n".join([*INTRODUCTION, f"{machine}.", "", *head, *rows, ""])


INTRODUCTION = (
    "# How long Blender's window waits for the extension",
    "",
    "Written by `make test-gui`, in a real window, while its buttons are clicked by the mouse.",
    "",
    "*Call*: time spent in the extension's own code in the window's thread: its timer, its operators, the drawing of",
    "its panel, each call by itself. Nothing of the extension may hold the window for more than 100 ms.",
    "*Gap*: time between two calls of a 5 ms timer, so everything that Blender itself does counts, too: above all",
    "drawing, which this machine does without a GPU (in a window of 1000 x 640 pixels). The rows \"Blender alone\"",
    "tell how long that takes by itself. The large sketch is shown as a box: drawing its triangles takes seconds here.",
    "",
)
