"""Puts a result into the scene: where its sketch stands, in place of the one that was there, undone by one Ctrl-Z."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..jobs.job import Job
from ..text.words import tr
from . import collection, placement, subject, undo, versions
from .blend_file import append

SKETCH = "realify_sketch"  # a custom property of a result whose sketch is gone: the identity of that
WAITS_FOR = {"UNDO", "BLOCKING", "GRAB_CURSOR"}  # of a modal operator: it changes the scene, or holds the mouse


def place(
    job: Job, blend: Path, sketch: bpy.types.Object | None, scene: bpy.types.Scene, hide: bool = True
) -> bpy.types.Object:
    """The result of `job`, which read_result.py wrote to `blend`, becomes the newest version of `sketch`, or renews
    the one that this job made before. `sketch` None: it is deleted, and the result goes to where it stood.

    With `hide` the sketch and all objects that were sent with it are hidden. Raises Trouble "no_result"."""
    _leave_other_modes()
    view_layer = _view_layer(scene)
    mesh = append(blend, "meshes")
    mesh[versions.JOB] = job.key
    known = sketch or _deleted(job.sketch_id)
    result = _alone(job, mesh) if known is None else _as_version(known, job, mesh)
    mesh.name = result.name
    collection.show(result, scene, view_layer)
    if known is not None:
        known.realify.version = versions.index_of(known, job)
    meshes = [mesh] if known is None else versions.meshes_of(known)
    if sketch is None:
        placement.stand_at(result, job.matrix, meshes, view_layer)
    else:
        placement.stand_on(result, sketch, meshes, view_layer)
    if hide:
        for each in {sketch, *subject.find_all(job.members)} - {None, result}:
            collection.hide(each, scene)
    collection.select(result, view_layer)
    undo.push(f"Realify {result.name}")
    return result


def can_import_now(context: bpy.types.Context) -> str | None:
    """The reason to wait, None if there is none."""
    if context.mode != "OBJECT":
        return tr("Leave this mode, and the result comes")
    if bpy.app.is_job_running("RENDER"):
        return tr("The result comes after the rendering")
    for window in context.window_manager.windows:
        for operator in window.modal_operators:
            if operator.bl_options & WAITS_FOR:
                return tr("The result comes after {}").format(operator.name)
    return None


def _as_version(sketch: bpy.types.Object, job: Job, mesh: bpy.types.Mesh) -> bpy.types.Object:
    """The sketch's one result, with this mesh."""
    versions.keep(sketch, job, mesh)
    result = versions.result_for(sketch, mesh)
    result.data = mesh
    return result


def _alone(job: Job, mesh: bpy.types.Mesh) -> bpy.types.Object:
    """A result whose sketch is nowhere any more: the one that an earlier import made, or a new one."""
    for result in bpy.data.objects:
        if result.get(SKETCH) == job.sketch_id and result.type == "MESH" and result.users_scene:
            old, result.data = result.data, mesh
            versions.drop(old)
            return result
    result = bpy.data.objects.new(f"{job.name}.real", mesh)
    result[SKETCH] = job.sketch_id
    return result


def _deleted(uid: str) -> bpy.types.Object | None:
    """A sketch that was deleted, and lives on because its result points at it."""
    return next((obj for obj in bpy.data.objects if uid and obj.realify.uid == uid and not obj.users_scene), None)


def _leave_other_modes() -> None:
    """A script may have called from Edit Mode."""
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def _view_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The one that is looked at, if the scene is."""
    looked_at = [each.view_layer for each in bpy.context.window_manager.windows if each.scene == scene]
    return looked_at[0] if looked_at else scene.view_layers[0]
