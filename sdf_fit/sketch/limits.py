"""A sketch's file handed to the capped child, and every way in which that can fail told as a SketchError."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdf_fit.sandbox.capped_child import ChildError, run_capped
from sdf_fit.sketch.error import SketchError

FORMATS = (".glb", ".gltf", ".obj", ".ply", ".stl")


@dataclass(frozen=True)
class Limits:
    """What one sketch may cost. `memory_bytes` caps the child that parses it."""

    file_bytes: int = 512 * 2**20
    memory_bytes: int = 3 * 2**30
    seconds: float = 60.0
    vertices: int = 8_000_000
    faces: int = 8_000_000


def parse_capped(target: str, path: Path, limits: Limits) -> dict[str, Any]:
    """What `target` makes of the file in the capped child; every way in which it can fail as a SketchError."""
    _check_file(path, limits)
    path = path.resolve()
    order = {"path": str(path), "max_vertices": limits.vertices, "max_faces": limits.faces}
    try:
        return run_capped(
            target,
            order,
            memory_bytes=limits.memory_bytes,
            seconds=limits.seconds,
            readable=path.parent,
        )
    except ChildError as error:
        if error.error_type == "SketchError":
            raise SketchError(*error.error_args) from error
        codes = {"memory": "memory", "slow": "slow", "died": "crashed", "raised": "unreadable"}
        fixes = {
            "memory": "Export fewer strokes at once, or raise the limit.",
            "slow": "Export fewer strokes at once, or raise the limit.",
        }
        kind = path.suffix[1:].upper()
        raise SketchError(
            codes[error.kind],
            f"{path.name} could not be read as {kind}: {error}.",
            fixes.get(
                error.kind, "The file is probably damaged or of another kind: export it again, best as .glb."
            ),
        ) from error


def _check_file(path: Path, limits: Limits) -> None:
    """What can be said before a byte is parsed."""
    known = ", ".join(FORMATS)
    if not path.exists():
        raise SketchError("missing", f"There is no file {path}.", "Check the path.")
    if not path.is_file():
        raise SketchError("not_a_file", f"{path} is not a file.", f"Name a sketch file ({known}).")
    if path.suffix.lower() not in FORMATS:
        raise SketchError(
            "extension", f"{path.name} has extension '{path.suffix}'.", f"Export it as one of {known}."
        )
    size = path.stat().st_size
    if size == 0:
        raise SketchError("empty", f"{path.name} is empty.", "Export the sketch again.")
    if size > limits.file_bytes:
        message = (
            f"{path.name} has {size / 2**20:.0f} MiB, at most {limits.file_bytes / 2**20:.0f} MiB are read."
        )
        raise SketchError("too_large", message, "Export fewer strokes at once, or raise the limit.")
