"""The finished run folder as the server hands it out: under the artefacts' names, and safe from a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol


class Made(Protocol):
    """realify.pipeline.Result, or one like it."""

    @property
    def glb(self) -> Path: ...
    @property
    def contact_sheet(self) -> Path: ...
    @property
    def turntable(self) -> Path | None: ...


def settle(folder: Path, made: Made) -> None:
    """result.glb, sheet.png, preview.png (the newest one, or the sheet) and turntable.webp, flushed to disk."""
    os.replace(made.glb, folder / "result.glb")
    os.replace(made.contact_sheet, folder / "sheet.png")
    if made.turntable:
        os.replace(made.turntable, folder / "turntable.webp")
    previews = sorted((folder / "previews").glob("*.png"), key=lambda file: file.stat().st_mtime)
    shutil.copyfile(previews[-1] if previews else folder / "sheet.png", folder / "preview.png")
    for name in ("result.glb", "sheet.png", "turntable.webp", "preview.png", "log.txt", "settings.json"):
        if (folder / name).exists():
            flush(folder / name)
    flush_folder(folder)


def flush(file: Path) -> None:
    """Its bytes are on the disk after this."""
    with open(file, "rb+") as opened:
        os.fsync(opened.fileno())


def flush_folder(folder: Path) -> None:
    """The names in it are. Windows cannot open a folder, and journals them."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
