"""In a Blender of its own: a result's GLB becomes one mesh in the sketch's own coordinates, kept in a .blend file.

`local = inverse(matrix) @ (imported + origin)`, where `matrix` [4, 4] is the sketch's to the world, `origin` the
point of the world that is the file's (0, 0, 0), and Blender's own importer has turned the file's +Y up into +Z up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..trouble import Trouble
from . import materials
from .importing import call
from .request import serve

NORMAL = "normal_of_the_file"
AGREES = np.cos(np.radians(15.0))  # a normal that is no farther from Blender's own one is that
ODD = 0.01  # the part of the corners that may be farther off: needles, whose normals mean nothing


def read(request: dict[str, Any]) -> dict[str, Any]:
    """`request`: glb, blend, name, matrix (16 by rows), origin (3). Answers faces, vertices and mesh, its name in the
    .blend file. Raises Trouble "bad_result", "empty_result", "zero_scale", "not_written"."""
    matrix = np.array(request["matrix"], np.float64).reshape(4, 4)
    obj = imported(Path(request["glb"]))
    to_local = local_from_file(matrix, np.array(request["origin"], np.float64))
    bring_into(obj, to_local @ np.array(obj.matrix_world, np.float64))
    mesh = obj.data
    mesh.name = request["name"]
    for key in obj.keys():  # noqa: SIM118 - an object is no dict; what the server tells of the result
        mesh[key] = obj[key]
    materials.finish(mesh, request["name"])
    write(Path(request["blend"]), mesh)
    return {"faces": len(mesh.polygons), "vertices": len(mesh.vertices), "mesh": mesh.name}


def imported(glb: Path) -> bpy.types.Object:
    """All meshes of the file as one object."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bad = Trouble("bad_result", f"{glb.name} cannot be read.", "Retry: it is fetched anew.")
    try:
        call(
            bpy.ops.import_scene.gltf, bad, filepath=str(glb), import_shading="NORMALS", import_pack_images=True
        )
    except Trouble:
        glb.unlink()  # it stands in the way of another download
        raise
    meshes = [obj for obj in bpy.data.objects if obj.type == "MESH" and len(obj.data.polygons)]
    if not meshes:
        raise Trouble("empty_result", "The result has no faces.", "Try another seed, or a plainer prompt.")
    bpy.context.view_layer.update()
    if len(meshes) > 1:
        with bpy.context.temp_override(
            active_object=meshes[0], object=meshes[0], selected_objects=meshes, selected_editable_objects=meshes
        ):
            bpy.ops.object.join()
    return meshes[0]


def local_from_file(matrix: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """[4, 4]. The translation is told in small numbers: `matrix`'s own and `origin` may be both far away and near
    each other."""
    try:
        linear = np.linalg.inv(matrix[:3, :3])
    except np.linalg.LinAlgError as error:
        fix = "Give it another scale than 0."
        raise Trouble("zero_scale", "The sketch was flat when it was sent.", fix) from error
    found = np.eye(4)
    found[:3, :3], found[:3, 3] = linear, linear @ (origin - matrix[:3, 3])
    return found


def bring_into(obj: bpy.types.Object, matrix: np.ndarray) -> None:
    """Moves the mesh by `matrix`, joins what UV seams had split, and keeps the file's normals where they are not
    what Blender's own smooth shading gives."""
    mesh, linear = obj.data, matrix[:3, :3]
    normals = _vectors(mesh.corner_normals, "vector") @ np.linalg.inv(linear)  # the inverse transpose, from the right
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    with bpy.context.temp_override(active_object=obj, object=obj):
        bpy.ops.mesh.customdata_custom_splitnormals_clear()
    points = _vectors(mesh.vertices, "co") @ linear.T + matrix[:3, 3]
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    kept = mesh.attributes.new(NORMAL, "FLOAT_VECTOR", "CORNER")
    kept.data.foreach_set("vector", normals.astype(np.float32).ravel())
    _join_seams(mesh, is_mirrored=np.linalg.det(linear) < 0)
    for name in {"sharp_edge", "sharp_face"} & set(mesh.attributes.keys()):
        mesh.attributes.remove(mesh.attributes[name])
    normals = _vectors(mesh.attributes[NORMAL].data, "vector")
    mesh.attributes.remove(mesh.attributes[NORMAL])
    alike = (normals * _vectors(mesh.corner_normals, "vector")).sum(axis=1)
    if (alike < AGREES).mean() > ODD:
        mesh.normals_split_custom_set(normals.tolist())


def _join_seams(mesh: bpy.types.Mesh, is_mirrored: bool) -> None:
    """Vertices at the very same place become one. A mirrored mesh is turned inside out, and back here."""
    import bmesh  # where bpy is a module, it is there only after bpy

    body = bmesh.new()
    body.from_mesh(mesh)
    body.verts.ensure_lookup_table()
    # Not remove_doubles: with a distance of 0 it does nothing up to Blender 4.5
    _, first, same = np.unique(_vectors(mesh.vertices, "co"), axis=0, return_index=True, return_inverse=True)
    target = first[same.ravel()]
    doubles = np.flatnonzero(target != np.arange(len(target)))
    bmesh.ops.weld_verts(body, targetmap={body.verts[one]: body.verts[target[one]] for one in doubles})
    if is_mirrored:
        bmesh.ops.reverse_faces(body, faces=body.faces)
    body.to_mesh(mesh)
    body.free()
    mesh.update()


def _vectors(rows: Any, name: str) -> np.ndarray:
    """[N, 3] float64."""
    found = np.empty(3 * len(rows), np.float32)
    rows.foreach_get(name, found)
    return found.reshape(-1, 3).astype(np.float64)


def write(blend: Path, *blocks: bpy.types.ID) -> None:
    """Keeps them, and what they use, in a .blend file."""
    try:
        bpy.data.libraries.write(str(blend), set(blocks))
    except (OSError, RuntimeError) as error:
        raise Trouble("not_written", f"{blend} cannot be written: {error}", "Make room on that disk.") from error


if __name__ == "__main__":
    serve(read)
