"""Reads the selected objects as they are seen in the window, in steps that the window does not feel.

All that needs the scene as it is now happens at once, when `gather` is called; after it, whatever the user does in
between, each step reads one array of a temporary mesh that is found by its name.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

import bpy
import numpy as np

from ..trouble import Trouble
from .mesh_arrays import readers
from .pieces import Piece, Pieces, collect
from .refusals import empty, needs_flush, refusal, why_not
from .snapshot import Part, Snapshot

__all__ = ["Snapshot", "gather", "why_not"]

Steps = Generator[None, None, Snapshot]


def gather(objects: Sequence[bpy.types.Object], active: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Steps:
    """The steps that give one Snapshot of all `objects`, named after `active`, and with its place. Main thread.

    Raises Trouble at once: "no_selection", or why one of them cannot be a sketch; and in its last step "empty_sketch"
    when nothing is seen of them, or "changed" when an undo took away what was being read."""
    if not objects:
        raise Trouble("no_selection", "Nothing is selected.", "Select the sketch.")
    for obj in objects:
        if (trouble := refusal(obj, depsgraph.view_layer)) is not None:
            raise trouble
    if any(needs_flush(obj) for obj in objects):
        bpy.ops.ed.flush_edits()
        depsgraph.update()
    found = Pieces(depsgraph)
    try:
        collect(_with_families(objects, depsgraph.view_layer), found)
        matrix = np.array(active.evaluated_get(depsgraph).matrix_world, np.float64)
    except BaseException:
        found.remove_meshes()
        raise
    snapshot = Snapshot(active.name, tuple(matrix.ravel().tolist()), tuple(matrix[:3, 3].tolist()), [], found.notes)
    steps = _steps(found, snapshot)
    next(steps)  # from here on its end, whichever that is, removes the temporary meshes
    return steps


def _steps(found: Pieces, snapshot: Snapshot) -> Steps:
    try:
        yield
        for piece in found.all():
            yield from _read(piece)
            if _has_lines(piece.part):
                snapshot.parts.append({**piece.part, "matrices": np.array(piece.matrices, np.float64)})
        if not snapshot.parts:
            raise empty(snapshot.name)
        return snapshot
    finally:
        found.remove_meshes()


def _read(piece: Piece) -> Generator[None, None, None]:
    """Adds the arrays of its mesh to its part."""
    if not piece.mesh:
        return
    for reader in readers(_mesh(piece)):
        piece.part |= reader(_mesh(piece))
        yield


def _mesh(piece: Piece) -> bpy.types.Mesh:
    """Found anew each time: an undo between two steps frees it, and a reference to what is freed crashes Blender."""
    mesh = bpy.data.meshes.get((piece.mesh, None))
    if mesh is None:
        fix = "Start it again."
        raise Trouble("changed", f"“{piece.owner}” was changed by an undo while it was being read.", fix)
    return mesh


def _has_lines(part: Part) -> bool:
    """Points alone are nothing to go by."""
    return len(part.get("points", ())) > 0 or len(part.get("edge_verts", ())) > 0


def _with_families(objects: Sequence[bpy.types.Object], view_layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """Metaballs of one family are one mesh, which is that of the family's first member."""
    members = [obj for obj in view_layer.objects if obj.type == "META" and obj.visible_get(view_layer=view_layer)]
    chosen = []
    for obj in objects:
        family = [each for each in members if _family(each)[0] == _family(obj)[0]] if obj.type == "META" else [obj]
        chosen.append(min(family, key=lambda each: _family(each)[1]))
    return list(dict.fromkeys(chosen))


def _family(ball: bpy.types.Object) -> tuple[str, int]:
    """ "Ball.002" is the second of "Ball", as Blender has it."""
    stem, number = re.fullmatch(r"(.*?)(?:\.(\d+))?", ball.name, re.DOTALL).groups()
    return stem, int(number or 0)
