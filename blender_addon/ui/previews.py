"""The jobs' pictures as icons. A file that changed is read in a thread, and handed to Blender between two drawings."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np

from .. import runtime
from ..trouble import Trouble
from . import png

LOOK_SECONDS = 0.5
NAME = "preview.png"

_icons: bpy.utils.previews.ImagePreviewCollection | None = None
_seen: dict[str, int] = {}  # by the job's key: when the file that was read last was written (ns)


def icon(key: str) -> int:
    """The number of the job's icon; 0 while there is none."""
    return _icons[key].icon_id if _icons is not None and key in _icons else 0


def refresh() -> None:
    """Begins to read what changed, and lets go what belongs to no job."""
    for key in [key for key in _seen if key not in runtime.state.jobs]:
        del _seen[key]
        if key in _icons:
            del _icons[key]
    for key in runtime.state.jobs:
        path = runtime.flow.folder / key / NAME
        written = _written(path)
        if written not in (None, _seen.get(key)):
            _seen[key] = written
            _read(key, path)


def _written(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None  # not there yet


def _read(key: str, path: Path) -> None:
    def work(_: object) -> np.ndarray:
        try:
            return png.read_square(path)
        except (OSError, ValueError) as error:
            raise Trouble("no_preview", str(error)) from error

    # The picture before it stays, or none is shown; the job is none the worse for it.
    runtime.tasks.start(work, lambda picture: _show(key, picture), failed=lambda trouble: print(f"Realify: {trouble}"))


def _show(key: str, picture: np.ndarray) -> None:
    """`picture`: uint8 [N, N, 4], top row first."""
    if _icons is None or key not in runtime.state.jobs:
        return
    image = _icons.get(key) or _icons.new(key)
    upwards = np.ascontiguousarray(picture[::-1])
    image.image_size = upwards.shape[:2]
    image.image_pixels.foreach_set(upwards.view(np.int32).ravel())
    runtime.state.touch()


def _timer() -> float:
    refresh()
    return LOOK_SECONDS


def register() -> None:
    """Looks for changed files from now on."""
    global _icons
    _icons = bpy.utils.previews.new()
    bpy.app.timers.register(_timer, first_interval=LOOK_SECONDS, persistent=True)


def unregister() -> None:
    """Forgets all pictures."""
    global _icons
    if bpy.app.timers.is_registered(_timer):
        bpy.app.timers.unregister(_timer)
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
    _icons = None
    _seen.clear()
