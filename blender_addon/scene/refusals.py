"""Why an object cannot be a sketch. Cheap: the panel asks at every redraw."""

from __future__ import annotations

from math import isfinite

import bpy

from ..trouble import Trouble

MESHES = ("MESH", "CURVE", "SURFACE", "FONT", "META")  # Blender makes a mesh of these itself
STROKES = ("CURVES", "GPENCIL", "GREASEPENCIL")  # Grease Pencil's type is GPENCIL up to 4.2
MOST_EDITED = 100_000  # faces: above it, reading a mesh in Edit Mode takes Blender more than a tenth of a second
THIN = 1e-6  # an axis this much shorter than the longest one has no inverse worth the name


def why_not(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> str | None:
    """A sentence or two, or None when `obj` can be a sketch as far as is seen without evaluating it."""
    trouble = refusal(obj, view_layer)
    return None if trouble is None else str(trouble)


def refusal(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> Trouble | None:
    """The same, with its code: "not_a_sketch", "hidden", "zero_scale", "being_edited" or "empty_sketch"."""
    seen = _of_its_type(obj) or _of_its_visibility(obj, view_layer)
    return seen or _of_its_scale(obj) or _of_its_mode(obj) or _of_its_data(obj)


def _of_its_type(obj: bpy.types.Object) -> Trouble | None:
    if obj.type in MESHES + STROKES:
        return None
    if obj.type == "EMPTY":
        if obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
            return None
        return Trouble("not_a_sketch", f"“{obj.name}” is an empty that shows no collection.", "Select a mesh.")
    kind = obj.bl_rna.properties["type"].enum_items[obj.type].name.lower()
    fix = "Select a mesh, a curve, a text, a metaball, hair, Grease Pencil or an instanced collection."
    return Trouble("not_a_sketch", f"“{obj.name}” is of the type {kind}, which has no shape.", fix)


def _of_its_visibility(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> Trouble | None:
    if view_layer.objects.get(obj.name) != obj:
        fix = "Switch on its collection in the Outliner."
        return Trouble("hidden", f"“{obj.name}” is not in the view layer “{view_layer.name}”.", fix)
    if obj.hide_viewport:
        fix = "Switch on its monitor icon in the Outliner."
        return Trouble("hidden", f"“{obj.name}” is hidden in all viewports.", fix)
    if obj.hide_get(view_layer=view_layer):
        return Trouble("hidden", f"“{obj.name}” is hidden.", "Show it with its eye icon in the Outliner.")
    if not obj.visible_get(view_layer=view_layer):
        fix = "Show its collection in the Outliner."
        return Trouble("hidden", f"“{obj.name}” is in a hidden collection.", fix)
    return None


def _of_its_scale(obj: bpy.types.Object) -> Trouble | None:
    axes = [column.to_3d() for column in obj.matrix_world.col]  # the last one is the place
    lengths = [axis.length for axis in axes[:3]]
    if not all(isfinite(number) for axis in axes for number in axis):
        message = f"“{obj.name}” stands at a place or has a scale that is no number."
        return Trouble("zero_scale", message, "Clear its transform: Object > Clear.")
    flat = [axis for axis, length in zip("XYZ", lengths, strict=True) if length <= THIN * max(lengths)]
    if flat:
        own = [axis for axis in flat if obj.scale["XYZ".index(axis)] == 0]
        whose = "its" if own else "with its parents, its"
        names = " and ".join(flat)
        fix = "Give it another scale than 0; a flat sketch has its flatness in the mesh."
        return Trouble("zero_scale", f"“{obj.name}” has no size: {whose} scale in {names} is 0.", fix)
    x, y, z = (axis.normalized() for axis in axes[:3])
    if abs(x.cross(y).dot(z)) < THIN:
        fix = "Change the scale or the rotation of its parents."
        return Trouble("zero_scale", f"“{obj.name}” is flattened by its parents.", fix)
    return None


def _of_its_mode(obj: bpy.types.Object) -> Trouble | None:
    fix = "Go back to Object Mode."
    if obj.mode == "SCULPT" and any(modifier.type == "MULTIRES" for modifier in obj.modifiers):
        message = f"“{obj.name}” is being sculpted in many resolutions, which only Sculpt Mode itself can read."
        return Trouble("being_edited", message, fix)
    is_slow = needs_flush(obj) or (obj.type == "MESH" and obj.mode == "EDIT")
    if is_slow and len(obj.data.polygons) > MOST_EDITED:
        message = f"“{obj.name}” has more than {MOST_EDITED:,} faces, which Blender is slow to read in this mode."
        return Trouble("being_edited", message, fix)
    return None


def needs_flush(obj: bpy.types.Object) -> bool:
    """Whether it is sculpted in a way that its mesh learns of only when Blender is told to flush its edits."""
    return obj.mode == "SCULPT" and not is_read_while_sculpted(obj)


def is_read_while_sculpted(obj: bpy.types.Object) -> bool:
    """Whether Sculpt Mode works on the object's own mesh, and nothing comes after that."""
    if obj.mode != "SCULPT" or obj.use_dynamic_topology_sculpting or obj.data.shape_keys is not None:
        return False
    return not any(modifier.show_viewport for modifier in obj.modifiers)


def _of_its_data(obj: bpy.types.Object) -> Trouble | None:
    if obj.mode == "EDIT" or getattr(obj, "modifiers", None) or obj.is_instancer or obj.particle_systems:
        return None  # what is there is seen after the evaluation
    data = obj.data
    if obj.type == "FONT":
        is_empty = not data.body.strip()
    else:
        within = {"MESH": "vertices", "CURVE": "splines", "SURFACE": "splines", "CURVES": "points"}
        within |= {"META": "elements", "GPENCIL": "layers", "GREASEPENCIL": "layers"}
        is_empty = obj.type in within and not len(getattr(data, within[obj.type]))
    if is_empty and obj.type != "META":  # a metaball may be a member of a family
        return empty(obj.name)
    return None


def empty(name: str) -> Trouble:
    """Also for what turns out to be empty once it is evaluated."""
    return Trouble("empty_sketch", f"“{name}” is empty: no faces, edges or strokes.", "Draw something in it.")
