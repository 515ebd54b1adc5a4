"""Blender's own importers, and what they say when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..trouble import Trouble


def call(importer: Callable[..., set[str]], trouble: Trouble, **arguments: Any) -> None:
    """Calls it; raises `trouble`, with the importer's last words, when it fails."""
    try:
        outcome = importer(**arguments)
    except RuntimeError as error:  # as Blender tells of an operator's error, of whichever kind
        words = [line.strip().removeprefix("Error: ") for line in str(error).split("\n") if line.strip()]
        said = f"{trouble.message} Blender says: {words[-1].rstrip('.')}." if words else trouble.message
        raise Trouble(trouble.code, said, trouble.fix) from error
    if outcome != {"FINISHED"}:
        raise trouble


def by_extension() -> dict[str, Callable[..., set[str]]]:
    """The importer for each kind of sketch file."""
    gltf = bpy.ops.import_scene.gltf
    others = {".obj": bpy.ops.wm.obj_import, ".ply": bpy.ops.wm.ply_import, ".stl": bpy.ops.wm.stl_import}
    return {".glb": gltf, ".gltf": gltf, **others}


def read_file(file: Path) -> None:
    """Its objects into the open scene. Raises Trouble "unknown_format" and "bad_sketch"."""
    importers = by_extension()
    importer = importers.get(file.suffix.lower())
    if importer is None:
        raise Trouble("unknown_format", f"{file.name} is no sketch file.", f"It can be {', '.join(importers)}.")
    fix = "Open it in the program that wrote it, and save it anew."
    call(importer, Trouble("bad_sketch", f"{file.name} cannot be read.", fix), filepath=str(file))
