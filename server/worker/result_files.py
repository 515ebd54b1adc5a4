"""The finished run folder as the server hands it out: with a last picture, and safe from a power cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from realify.job.run_folder import LOG, PREVIEWS, RESULT, SETTINGS, SHEET, TURNTABLE
from server.artefacts import PREVIEW


def settle(folder: Path) -> None:
    """Puts preview.png (the newest one, or the sheet) beside the pipeline's files; all of them are flushed to disk."""
    previews = sorted((folder / PREVIEWS).glob("*.png"), key=lambda file: file.stat().st_mtime)
    shutil.copyfile(previews[-1] if previews else folder / SHEET, folder / PREVIEW)
    for name in (RESULT, SHEET, TURNTABLE, PREVIEW, LOG, SETTINGS):
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
