"""A sketch as it was at one moment, in arrays: what is left of Blender's data once the window goes on."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..trouble import Trouble

Part = dict[str, np.ndarray]  # see mesh_arrays.py and strokes.py for its names; with `matrices` [N, 4, 4] to the world


@dataclass
class Snapshot:
    """`matrix` (4 x 4 by rows) is the active object's to the world, `origin` its translation (metres, Z up)."""

    name: str
    matrix: tuple[float, ...]
    origin: tuple[float, ...]
    parts: list[Part]
    notes: list[str] = field(default_factory=list)  # for the user: what was left out, what came along

    def save(self, path: Path) -> None:
        """As .npz, for write_sketch.py: `NUMBER.NAME` for each array of each part, and `notes`. Any thread.
        Raises Trouble "disk_full"."""
        arrays = {f"{number}.{name}": array for number, part in enumerate(self.parts) for name, array in part.items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, notes=np.array(self.notes, dtype=np.str_), **arrays)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            path.unlink(missing_ok=True)
            fix = "Make room on it, and try again."
            raise Trouble("disk_full", f"The disk of {path.parent} is full.", fix) from error
