"""All results of a sketch; one of them is seen. They share one object, whose mesh is exchanged.

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

import time

import bpy
from bpy.props import IntProperty

from ..jobs.job import Job
from ..trouble import Trouble
from . import collection, placement, subject

JOB = "realify_job"  # a mesh's custom property: the key of the job that it is the result of


def index_of(sketch: bpy.types.Object, job: Job) -> int:
    """Of the job's version; the number of versions if it has none."""
    versions = sketch.realify.versions
    return next((index for index, each in enumerate(versions) if each.job == job.key), len(versions))


def keep(sketch: bpy.types.Object, job: Job, mesh: bpy.types.Mesh) -> None:
    """Adds the job's result, or renews it if it was there. `show` makes it seen."""
    versions = sketch.realify.versions
    own_up(sketch)
    index = index_of(sketch, job)
    version = versions[index] if index < len(versions) else versions.add()
    version.job, version.prompt, version.preset, version.seed = job.key, job.prompt, job.preset, job.seed
    version.created = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
    old, version.mesh = version.mesh, mesh
    result = held_result(sketch)
    if result is not None and result.data == old:
        result.data = mesh
    drop(old)


def show(sketch: bpy.types.Object, index: int) -> bpy.types.Object | None:
    """Makes a version the one that is seen; a result that was deleted comes back. None where there is no such
    version. Called by `Object.realify.version`'s change."""
    versions = sketch.realify.versions
    own_up(sketch)
    mesh = versions[index].mesh if index < len(versions) else None
    if mesh is None:  # deleted in the Outliner, say; the panel offers to import again
        return None
    was_there = subject.result_of(sketch) is not None
    result = result_for(sketch, mesh)
    result.data = mesh
    if not was_there and sketch.users_scene:
        _stand_again(sketch, result)
    return result


def remove(sketch: bpy.types.Object, index: int) -> None:
    """Takes a version away. With the last one the result goes, and the sketch is seen again."""
    versions, result = sketch.realify.versions, held_result(sketch)
    if not 0 <= index < len(versions):
        raise Trouble("no_version", f"{sketch.name} has no version {index + 1}.", f"It has {len(versions)}.")
    shown, mesh = sketch.realify.version, versions[index].mesh
    versions.remove(index)
    if len(versions):
        sketch.realify.version = min(shown - (index < shown), len(versions) - 1)
    else:
        sketch.realify.version = 0
        if result is not None:
            bpy.data.objects.remove(result)
        for scene in sketch.users_scene:
            collection.hide(sketch, scene, is_hidden=False)
    drop(mesh)


def held_result(sketch: bpy.types.Object) -> bpy.types.Object | None:
    """The sketch's result, even if users deleted it: an object lives on while something points at it. None if it is
    a mesh no more."""
    result = sketch.realify.result
    if result is None or result.realify.sketch != sketch or result.type != "MESH":
        return None
    return result


def own_up(sketch: bpy.types.Object) -> None:
    """A copy of a sketch carries the other's result and versions. The result is not its own; of the versions it gets
    copies, which cost nothing until one of them changes."""
    result = sketch.realify.result
    if result is None or result.realify.sketch == sketch:
        return
    sketch.realify.result = None
    for version in sketch.realify.versions:
        if version.mesh is not None:
            version.mesh = version.mesh.copy()


def result_for(sketch: bpy.types.Object, mesh: bpy.types.Mesh) -> bpy.types.Object:
    """The sketch's own result, made and linked both ways if there is none."""
    result = held_result(sketch)
    if result is None:
        result = bpy.data.objects.new(f"{sketch.name}.real", mesh)
        sketch.realify.result, result.realify.sketch = result, sketch
        placement.move_along(result, sketch)
    return result


def meshes_of(sketch: bpy.types.Object) -> list[bpy.types.Mesh]:
    """Of all its versions."""
    return [each.mesh for each in sketch.realify.versions if each.mesh is not None]


def drop(mesh: bpy.types.Mesh | None) -> None:
    """Frees a mesh that nothing uses any more, with its materials and images."""
    if mesh is None or mesh.users:
        return
    materials = [each for each in mesh.materials if each is not None]
    bpy.data.meshes.remove(mesh)
    for material in dict.fromkeys(each for each in materials if not each.users):
        nodes = material.node_tree.nodes if material.node_tree else []
        images = {node.image for node in nodes if node.type == "TEX_IMAGE" and node.image}
        bpy.data.materials.remove(material)
        for image in images:
            if not image.users:
                bpy.data.images.remove(image)


def _stand_again(sketch: bpy.types.Object, result: bpy.types.Object) -> None:
    """In the scene that is open, if the sketch is in it."""
    window = bpy.context.window_manager.windows[0]
    scene = window.scene if window.scene in sketch.users_scene else sketch.users_scene[0]
    view_layer = window.view_layer if scene == window.scene else scene.view_layers[0]
    collection.show(result, scene, view_layer)
    placement.stand_on(result, sketch, meshes_of(sketch), view_layer)
    collection.hide(sketch, scene)


class OnVersion:
    """An operator about one version of the sketch that the panel is about."""

    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Version", description="Counted from 0", min=0, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        sketch = subject.subject(context)
        cls.poll_message_set("There are no versions yet, or the window is not in Object Mode")
        return context.mode == "OBJECT" and sketch is not None and len(sketch.realify.versions) > 0

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Does it."""
        try:
            self.on(subject.subject(context))
        except Trouble as trouble:
            self.report({"ERROR"}, str(trouble))
            return {"CANCELLED"}
        return {"FINISHED"}


class REALIFY_OT_use_version(OnVersion, bpy.types.Operator):
    bl_idname = "realify.use_version"
    bl_label = "Show Version"
    bl_description = "Show this result of the sketch. One that was deleted comes back"

    def on(self, sketch: bpy.types.Object) -> None:
        count = len(sketch.realify.versions)
        if self.index >= count:
            raise Trouble("no_version", f"{sketch.name} has no version {self.index + 1}.", f"It has {count}.")
        if sketch.realify.versions[self.index].mesh is None:
            raise Trouble("no_version", "The mesh of this version was deleted.", "Import its job again.")
        sketch.realify.version = self.index


class REALIFY_OT_remove_version(OnVersion, bpy.types.Operator):
    bl_idname = "realify.remove_version"
    bl_label = "Remove Version"
    bl_description = "Take this result away. With the last one the sketch is seen again"

    def on(self, sketch: bpy.types.Object) -> None:
        remove(sketch, self.index)


CLASSES = (REALIFY_OT_use_version, REALIFY_OT_remove_version)
