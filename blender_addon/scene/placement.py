"""A result stands exactly where its sketch stands.

The result's mesh is in the sketch's own coordinates, so it is enough that both objects have the same matrix to the
world. The result gets the sketch's parent and transform; constraints and animation, too, when it is made. Where the
two matrices differ all the same (physics, a lost sketch that was sheared), the rest goes into the meshes:

    world = result.matrix_world @ rest @ point,   rest = inverse(result.matrix_world) @ wanted

A mesh remembers the `rest` it has got, so that another one replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from mathutils import Matrix

REST = "realify_rest"  # a mesh's custom property: 16 numbers, by rows
CLOSE = 1e-7  # of the mesh's size
FLAT = 1e12
PLACE = (
    "rotation_mode", "location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale",
    "delta_location", "delta_rotation_euler", "delta_rotation_quaternion", "delta_scale",
)  # fmt: skip
TRANSFORMS = ("location", "rotation", "scale", "delta_")  # how data paths of an object's place begin
DEFORMING = ("ARMATURE", "LATTICE")  # the sketch was read as they had deformed it


def stand_on(
    result: bpy.types.Object,
    sketch: bpy.types.Object,
    meshes: Iterable[bpy.types.Mesh],
    view_layer: bpy.types.ViewLayer,
) -> None:
    """Places `result`, which has one of `meshes`, where `sketch` stands now. Both may be hidden."""
    wanted = _world(sketch, view_layer)
    for name in PLACE:
        setattr(result, name, getattr(sketch, name))
    _take_parent(result, sketch)
    _put_rest(result, wanted, meshes, view_layer)


def stand_at(
    result: bpy.types.Object, matrix: Iterable[float], meshes: Iterable[bpy.types.Mesh], view_layer: bpy.types.ViewLayer
) -> None:
    """The same for a sketch that is gone; `matrix` is 16 numbers by rows."""
    wanted = np.array(list(matrix), np.float64).reshape(4, 4)
    result.parent = None
    result.delta_location, result.delta_rotation_euler, result.delta_scale = (0, 0, 0), (0, 0, 0), (1, 1, 1)
    result.delta_rotation_quaternion = (1, 0, 0, 0)
    result.matrix_world = Matrix(wanted.tolist())
    _put_rest(result, wanted, meshes, view_layer)


def move_along(result: bpy.types.Object, sketch: bpy.types.Object) -> None:
    """A new result gets the sketch's constraints and animation of its place."""
    for constraint in sketch.constraints:
        result.constraints.copy(constraint)
    there = sketch.animation_data
    if there is None:
        return
    here = result.animation_data_create()
    here.action = there.action
    if there.action is not None and hasattr(there, "action_slot"):  # Blender 4.4 and newer
        here.action_slot = there.action_slot
    for driver in there.drivers:
        if driver.data_path.startswith(TRANSFORMS):
            here.drivers.from_existing(src_driver=driver)


def _world(sketch: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> np.ndarray:
    """[4, 4]. Blender does not keep the matrix of a hidden object up to date; that of one which copies it, it does.
    And the sketch itself, which may be large, need not be evaluated."""
    probe = bpy.data.objects.new("realify", None)
    view_layer.layer_collection.collection.objects.link(probe)
    probe.constraints.new("COPY_TRANSFORMS").target = sketch
    view_layer.update()
    found = np.array(probe.matrix_world, np.float64)
    bpy.data.objects.remove(probe)
    return found


def _take_parent(result: bpy.types.Object, sketch: bpy.types.Object) -> None:
    result.parent = None if _hangs_on(sketch, result) else sketch.parent
    if result.parent is None:
        return
    result.parent_type = "OBJECT" if sketch.parent_type in DEFORMING else sketch.parent_type
    if result.parent_type == "BONE":
        result.parent_bone = sketch.parent_bone
    if result.parent_type in ("VERTEX", "VERTEX_3"):
        result.parent_vertices = sketch.parent_vertices
    result.matrix_parent_inverse = sketch.matrix_parent_inverse


def _hangs_on(sketch: bpy.types.Object, result: bpy.types.Object) -> bool:
    """Whether the result is among the sketch's parents; it cannot be its own."""
    above = sketch.parent
    while above is not None and above != result:
        above = above.parent
    return above is not None


def _put_rest(
    result: bpy.types.Object, wanted: np.ndarray, meshes: Iterable[bpy.types.Mesh], view_layer: bpy.types.ViewLayer
) -> None:
    """What the object's own transform cannot tell goes into all its meshes."""
    view_layer.update()
    stands = np.array(result.matrix_world, np.float64)
    rest = np.eye(4)
    # What is flat now, as the sketch is, can be nothing else
    if not _alike(stands, wanted, result) and np.linalg.cond(stands[:3, :3]) < FLAT:
        rest[:3, :3] = np.linalg.solve(stands[:3, :3], wanted[:3, :3])
        rest[:3, 3] = np.linalg.solve(stands[:3, :3], wanted[:3, 3] - stands[:3, 3])
    for mesh in meshes:
        _set_rest(mesh, rest)


def _alike(one: np.ndarray, other: np.ndarray, obj: bpy.types.Object) -> bool:
    """Whether the object's corners land on the same points under both."""
    corners = np.array([corner[:] for corner in obj.bound_box], np.float64)
    apart = corners @ (one - other)[:3, :3].T + (one - other)[:3, 3]
    size = np.ptp(corners @ other[:3, :3].T, axis=0).max()
    return bool(np.abs(apart).max() <= CLOSE * size)


def _set_rest(mesh: bpy.types.Mesh, rest: np.ndarray) -> None:
    before = np.array(mesh.get(REST, np.eye(4).ravel()), np.float64).reshape(4, 4)
    if np.array_equal(before, rest):
        return
    change = rest @ np.linalg.inv(before)
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.attributes["position"].data.foreach_get("vector", points)
    moved = points.reshape(-1, 3).astype(np.float64) @ change[:3, :3].T + change[:3, 3]
    mesh.attributes["position"].data.foreach_set("vector", moved.astype(np.float32).ravel())
    if np.linalg.det(change[:3, :3]) < 0:
        mesh.flip_normals()
    mesh.update()
    if np.array_equal(rest, np.eye(4)):
        del mesh[REST]
    else:
        mesh[REST] = rest.ravel().tolist()
