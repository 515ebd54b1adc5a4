"""The strokes of Grease Pencil, as arrays (see strokes.py): it was made anew in Blender 4.3."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from .strokes import Arrays, get, of_curves

RADIUS = 0.01  # metres: Blender's own for strokes that name none
LINE_WIDTH = 2000.0  # 4.2's width, a diameter, to a radius of a metre, as Blender itself converts it
POLY = 1


def of_layers(obj: bpy.types.Object) -> list[Arrays]:
    """Of an evaluated object of Blender 4.3 and newer, one for each visible layer at this frame; each has its
    layer's `local` [4, 4] to the object, and `shown` [S]."""
    found = []
    for layer in obj.data.layers:
        frame = layer.current_frame()
        part = None if frame is None or _is_hidden(layer) else of_curves(frame.drawing, [])
        if part is None:
            continue
        radius = part.get("radius", np.full(len(part["points"]), RADIUS, np.float32))
        part["radius"] = np.maximum(radius + layer.radius_offset, 0)
        attributes, sizes = frame.drawing.attributes, np.diff(part["offsets"])
        indices = get(attributes, "material_index", "value", np.int32, 1, len(sizes), 0)
        table, visible = _pencil_colours([slot.material for slot in obj.material_slots])
        indices = np.clip(indices, 0, len(table) - 1)
        painted = get(attributes, "vertex_color", "color", np.float32, 4, len(part["points"]), 0.0)
        base = np.repeat(table[indices], sizes, axis=0)
        part["colour"] = _painted(base, painted.reshape(-1, 4), layer.tint_color, layer.tint_factor)
        part["local"] = _layer_matrix(obj, layer)
        part["shown"] = visible[indices]
        found.append(part)
    return found


def of_legacy_layers(obj: bpy.types.Object) -> list[Arrays]:
    """Of an evaluated object of Blender 4.2, whose points have their layers' transforms already."""
    table, visible = _pencil_colours([slot.material for slot in obj.material_slots])
    found = []
    for layer in obj.data.layers:
        if layer.hide or layer.active_frame is None:
            continue
        strokes = [stroke for stroke in layer.active_frame.strokes if len(stroke.points)]
        if not strokes:
            continue
        indices = np.clip([stroke.material_index for stroke in strokes], 0, len(table) - 1)
        part = _of_legacy_strokes(strokes, layer.line_change, obj.data.pixel_factor)
        base = np.repeat(table[indices], np.diff(part["offsets"]), axis=0)
        part["colour"] = _painted(base, part["colour"], layer.tint_color, layer.tint_factor)
        part["shown"] = visible[indices]
        found.append(part)
    return found


def _of_legacy_strokes(strokes: list[Any], wider: float, factor: float) -> Arrays:
    sizes = [len(stroke.points) for stroke in strokes]
    offsets = np.cumsum([0, *sizes]).astype(np.int32)
    points, pressure = np.empty((offsets[-1], 3), np.float32), np.empty(offsets[-1], np.float32)
    painted = np.empty((offsets[-1], 4), np.float32)
    for stroke, start, end in zip(strokes, offsets[:-1], offsets[1:], strict=True):
        stroke.points.foreach_get("co", points[start:end].reshape(-1))
        stroke.points.foreach_get("pressure", pressure[start:end])
        stroke.points.foreach_get("vertex_color", painted[start:end].reshape(-1))
    widths = np.array([max(stroke.line_width + wider, 0) for stroke in strokes])
    return {
        "points": points,
        "offsets": offsets,
        "cyclic": np.array([stroke.use_cyclic for stroke in strokes]),
        "curve_type": np.full(len(strokes), POLY, np.int8),
        "resolution": np.ones(len(strokes), np.int32),
        "radius": (np.repeat(widths, sizes) * pressure * factor / LINE_WIDTH).astype(np.float32),
        "colour": painted,
    }


def _pencil_colours(materials: list[bpy.types.Material | None]) -> tuple[np.ndarray, np.ndarray]:
    """[materials, 4], and whether any is shown [materials]; black, Blender's own, where there is no material."""
    table, visible = [], []
    for material in materials:
        style = material.grease_pencil if material else None
        plain = material.diffuse_color if material else (0, 0, 0, 1)
        table.append(plain if style is None else style.color if style.show_stroke else style.fill_color)
        visible.append(style is None or not style.hide)
    black = np.array([(0, 0, 0, 1)], np.float32)
    return (np.array(table, np.float32), np.array(visible)) if table else (black, np.array([True]))


def _painted(base: np.ndarray, painted: np.ndarray, tint: Any, factor: float) -> np.ndarray:
    """Vertex paint, whose alpha is how much of it there is, over the material's colour, and the layer's tint over
    both. [P, 4]"""
    mix = base.copy()
    mix[:, :3] += (painted[:, :3] - mix[:, :3]) * painted[:, 3:]
    mix[:, :3] += (np.array(tint[:3], np.float32) - mix[:, :3]) * factor
    mix[:, 3] = 1
    return mix


def _is_hidden(layer: Any) -> bool:
    group = layer
    while group is not None:
        if group.hide:
            return True
        group = group.parent_group
    return False


def _layer_matrix(obj: bpy.types.Object, layer: Any) -> np.ndarray:
    local = np.array(layer.matrix_local, np.float64)
    if layer.parent is None:
        return local
    parent = layer.parent.matrix_world
    if layer.parent_bone and layer.parent.pose and layer.parent_bone in layer.parent.pose.bones:
        parent = parent @ layer.parent.pose.bones[layer.parent_bone].matrix
    return np.array(obj.matrix_world.inverted() @ parent @ layer.matrix_parent_inverse, np.float64) @ local
