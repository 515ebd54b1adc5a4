"""Whether an upload is a sketch that can be used: unpacked and parsed in capped children, a few at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sdf_fit.sandbox.capped_child import ChildError, run_capped
from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.inspect import look_at
from sdf_fit.sketch.limits import Limits as SketchLimits
from server.config import RequestLimits

SUFFIXES = (".glb", ".ply", ".stl", ".obj", ".zip")
AT_A_TIME = 2  # each may take SketchLimits().memory_bytes
UNPACKED = "files"  # beside the .zip


@dataclass(frozen=True)
class Checked:
    """What an upload is: `main`, the file that a job reads, below the upload's folder; counts; notes."""

    main: str
    vertices: int
    faces: int
    notes: tuple[str, ...]


def suffix_of(name: str) -> str:
    """The kind of sketch that an upload's name says. Raises SketchError for one that is not taken."""
    suffix = Path(name.replace("\\", "/")).suffix.lower()
    if suffix == ".gltf":
        raise SketchError(
            "extension", "A .gltf does not come alone.", "Send it in a .zip with its files, or export a .glb."
        )
    if suffix not in SUFFIXES:
        raise SketchError(
            "extension", f"{name[:120]!r} is none of {', '.join(SUFFIXES)}.", "Export the sketch as one of them."
        )
    return suffix


class SketchCheck:
    """Looks at uploads; `check` is to be called from one event loop."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def check(self, file: Path) -> Checked:
        """Looks at a sketch that lies alone in its folder; a .zip is unpacked beside itself.

        Raises SketchError: whatever is wrong with it.
        """
        async with self._turns:
            return await asyncio.to_thread(self._check, file)

    def _check(self, file: Path) -> Checked:
        notes: tuple[str, ...] = ()
        main = file
        if file.suffix == ".zip":
            main, notes = self._unpack(file)
        look = look_at(main, SketchLimits(file_bytes=self._limits.upload_bytes))
        return Checked(main.relative_to(file.parent).as_posix(), look.vertices, look.faces, notes + look.notes)

    def _unpack(self, file: Path) -> tuple[Path, tuple[str, ...]]:
        folder = file.parent / UNPACKED
        folder.mkdir()
        order = {
            "source": str(file.resolve()),
            "folder": str(folder.resolve()),
            "max_bytes": self._limits.unpacked_bytes,
            "max_ratio": self._limits.unpacked_ratio,
            "max_entries": self._limits.zip_entries,
        }
        caps = SketchLimits()
        try:
            found = run_capped(
                "server.sketches.archive:unpack",
                order,
                memory_bytes=caps.memory_bytes,
                seconds=caps.seconds,
                readable=file.parent,
                writable=folder,
            )
        except ChildError as error:
            if error.error_type == "SketchError":
                raise SketchError(*error.error_args) from error
            raise SketchError(
                "bad_zip", f"The .zip could not be unpacked: {error}.", "Pack it again, or send a .glb."
            ) from error
        left_out = int(found["left_out"])
        notes = (f"left out of the .zip: {left_out} files of other kinds",) if left_out else ()
        return folder / str(found["main"]), notes
