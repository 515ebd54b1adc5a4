"""Objects to realify."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

STROKE = [(0, 0, 0), (0.5, 0, 0.5), (1, 0, 0), (1.5, 0.3, 0.5)]


def link(name: str, data: Any) -> bpy.types.Object:
    """A new object in the scene, selected and active."""
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    select(obj)
    return obj


def select(*objects: bpy.types.Object) -> None:
    """These and no others; the first one is active."""
    bpy.context.view_layer.update()  # it does not list new objects before
    for each in bpy.context.view_layer.objects:
        each.select_set(each in objects)
    bpy.context.view_layer.objects.active = objects[0] if objects else None
    bpy.context.view_layer.update()


def wedge(name: str = "wedge", size: float = 1.0) -> bpy.types.Object:
    """A body that is different from each side."""
    corners = np.array([(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0), (0, 0, 1.5), (0.5, 1, 1)]) * size
    faces = [(0, 3, 2, 1), (0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners.tolist(), [], faces)
    return link(name, mesh)


def curve(name: str = "line") -> bpy.types.Object:
    """A curve without bevel."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    spline = data.splines.new("POLY")
    spline.points.add(3)
    for point, place in zip(spline.points, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)], strict=True):
        point.co = (*place, 1)
    return link(name, data)


def drawing(name: str = "drawing") -> bpy.types.Object:
    """Grease Pencil with one stroke, in whichever form this Blender has it."""
    if bpy.app.version < (4, 3):
        data = bpy.data.grease_pencils.new(name)
        stroke = data.layers.new("lines").frames.new(1).strokes.new()
        stroke.points.add(len(STROKE))
        for point, place in zip(stroke.points, STROKE, strict=True):
            point.co, point.pressure = place, 1.0
        stroke.line_width = 60
        return link(name, data)
    kind = bpy.data.grease_pencils_v3 if bpy.app.version < (5, 0) else bpy.data.grease_pencils
    data = kind.new(name)
    strokes = data.layers.new("lines").frames.new(1).drawing
    strokes.add_strokes([len(STROKE)])
    for point, place in zip(strokes.strokes[0].points, STROKE, strict=True):
        point.position, point.radius = place, 0.05
    return link(name, data)


def world_points(obj: bpy.types.Object) -> np.ndarray:
    """[N, 3] float64: where its evaluated vertices stand, or the points of `drawing`."""
    if obj.type in ("MESH", "CURVE"):
        mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        local = np.array([vertex.co[:] for vertex in mesh.vertices], dtype=np.float64)
    else:
        local = np.array(STROKE, dtype=np.float64)
    matrix = np.array(obj.matrix_world, dtype=np.float64)
    return local @ matrix[:3, :3].T + matrix[:3, 3]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The farthest that any point of either is from the other's nearest one."""
    apart = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))
