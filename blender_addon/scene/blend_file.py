"""Takes out of a .blend file what a Blender of its own has put there."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..trouble import Trouble


def append(blend: Path, kind: str) -> bpy.types.ID:
    """The first block of that kind ("meshes", "collections"), with all that it uses. Raises Trouble "no_result"."""
    fix = "Retry: it is made anew."
    known = set(bpy.data.libraries)
    try:
        with bpy.data.libraries.load(str(blend)) as (there, here):
            setattr(here, kind, getattr(there, kind)[:1])
    except OSError as error:
        raise Trouble("no_result", f"{blend} cannot be read: {error}", fix) from error
    for library in set(bpy.data.libraries) - known:  # what was appended needs it no more
        bpy.data.libraries.remove(library)
    found = getattr(here, kind)
    if not found or found[0] is None:
        raise Trouble("no_result", f"{blend} is empty.", fix)
    return found[0]
