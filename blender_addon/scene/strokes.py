"""Lines that have no faces, as arrays: hair, and how thick a curve without bevel is where.

A part of strokes holds: `points` [P, 3], `offsets` [S + 1] (stroke s is points offsets[s]..offsets[s + 1]), `cyclic`
[S], `curve_type` [S] (0 Catmull-Rom, 1 poly, 2 Bezier, 3 NURBS), `resolution` [S] (segments between two points),
`handle_left` and `handle_right` [P, 3] of Bezier ones; and unless they have none `radius` [P] in the object's units, or
`factor` [P] of the radius that strokes without one get, and `colour` [P, 4], linear.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from . import colours

Arrays = dict[str, np.ndarray]
RESOLUTION = 12  # Blender's own for curves that name none


def of_curves(data: Any, materials: list[bpy.types.Material | None]) -> Arrays | None:
    """Of `Curves` (hair) or of a drawing of Grease Pencil: both have the same attributes. None without points."""
    attributes = data.attributes
    if "position" not in attributes or not len(attributes["position"].data):
        return None
    offsets = data.curve_offsets if hasattr(data, "curve_offsets") else data.curve_offset_data
    found = {"points": get(attributes, "position", "vector", np.float32, 3)}
    found["offsets"] = np.empty(len(offsets), np.int32)
    offsets.foreach_get("value", found["offsets"])
    count = len(offsets) - 1
    found["cyclic"] = get(attributes, "cyclic", "value", np.bool_, 1, count, False)
    found["curve_type"] = get(attributes, "curve_type", "value", np.int8, 1, count, 0)
    found["resolution"] = get(attributes, "resolution", "value", np.int32, 1, count, RESOLUTION)
    if "radius" in attributes:
        found["radius"] = get(attributes, "radius", "value", np.float32, 1)
    for handle in ("handle_left", "handle_right"):
        if handle in attributes:
            found[handle] = get(attributes, handle, "vector", np.float32, 3)
    if materials:
        indices = get(attributes, "material_index", "value", np.int32, 1, count, 0)
        table = colours.of_materials(materials)
        found["colour"] = np.repeat(table[np.clip(indices, 0, len(table) - 1)], np.diff(found["offsets"]), axis=0)
    return found


def of_curve(curve: bpy.types.Curve) -> Arrays:
    """How thick a curve without bevel is along its splines: `spline_radius` [N], a factor, of all splines' points,
    `spline_offsets` [S + 1]. Its shape is in its evaluated mesh, which has forgotten this."""
    splines = [(spline.bezier_points if spline.type == "BEZIER" else spline.points) for spline in curve.splines]
    found = [np.ones(len(points), np.float32) for points in splines]
    for radius, points in zip(found, splines, strict=True):
        points.foreach_get("radius", radius)
    offsets = np.cumsum([0, *map(len, found)]).astype(np.int32)
    return {"spline_radius": np.concatenate([np.empty(0, np.float32), *found]), "spline_offsets": offsets}


def get(
    attributes: Any, name: str, field: str, kind: type[np.generic], columns: int, count: int = 0, missing: Any = 0
) -> np.ndarray:
    """An attribute's [rows, columns], or `count` times `missing` when there is no attribute of this name."""
    if name not in attributes:
        return np.full(count * columns, missing, kind)
    data = attributes[name].data
    found = np.empty(len(data) * columns, kind)
    data.foreach_get(field, found)
    return found.reshape(-1, columns) if columns > 1 else found
