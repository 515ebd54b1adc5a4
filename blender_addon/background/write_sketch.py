"""A sketch's arrays become a GLB, by Blender's own exporter: one mesh, with lines as tubes, round its own origin.

Runs in a Blender of its own. Request: `npz` (see ../scene/snapshot.py), `glb`, `name`, `origin` [3] (the point of the
world that is the file's (0, 0, 0)), `decimate` (most triangles; 0: as it is), `radius` (metres, of strokes that have
none; 0: a share of the sketch). Answer: `glb`, `faces` (triangles), `vertices`, `notes`, `bounds` [2, 3] (the world's).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..trouble import Trouble
from . import lines, part_colours
from .operator_errors import plain
from .request import serve
from .shape import Shape, joined, placed
from .tubes import Lines, tubes

RADIUS = 0.015  # of the sketch's size, for strokes that have no radius
THIN = 0.002  # of the sketch's size: what is thinner may be lost
MANY_POINTS, MOST_POINTS = 200_000, 1_000_000  # of lines: fewer sides; too many
Part = dict[str, np.ndarray]


def write_sketch(request: dict[str, Any]) -> dict[str, Any]:
    """Raises Trouble "empty_sketch", "too_many_strokes", "not_written"."""
    bpy.ops.wm.read_factory_settings(use_empty=True)  # else a sketch named Cube would become Cube.001
    parts, notes = _load(Path(request["npz"]))
    origin = np.array(request["origin"], np.float64)
    shapes = [shape for part in parts for shape in _surfaces(part, origin, notes)]
    strokes = [each for part in parts for each in _strokes(part, origin)]
    shapes += _tubes(shapes, strokes, float(request["radius"]), notes)
    shape = joined(shapes) if shapes else None
    if shape is None or not len(shape.face_start):
        fix = "Draw something in it."
        raise Trouble("empty_sketch", f"“{request['name']}” is empty: no faces, edges or strokes.", fix)
    used = shape.position[np.unique(shape.corner_vert)]
    obj = _decimated(_object(shape, request["name"]), int(request["decimate"]), notes)
    _export(obj, Path(request["glb"]))
    return {
        "glb": request["glb"],
        "faces": _triangles(obj.data),
        "vertices": len(obj.data.vertices),
        "notes": notes,
        "bounds": [(used.min(0) + origin).tolist(), (used.max(0) + origin).tolist()],
    }


def _load(path: Path) -> tuple[list[Part], list[str]]:
    parts: dict[str, Part] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            number, _, name = key.partition(".")
            if name:
                parts.setdefault(number, {})[name] = file[key]
        return list(parts.values()), [str(note) for note in file["notes"]]


def _surfaces(part: Part, origin: np.ndarray, notes: list[str]) -> list[Shape]:
    """The faces of a part, once for each of its places."""
    if "corner_vert" not in part:
        return []
    shape = Shape(part["position"], part["corner_vert"], part["face_start"], None)
    shape.colour = part_colours.of_corners(part, shape.sizes)
    is_number = np.isfinite(part["position"]).all(1)
    if not is_number.all():
        keep = np.logical_and.reduceat(is_number[shape.corner_vert], shape.face_start)
        shape = shape.only(keep)
        shape.position = np.where(is_number[:, None], shape.position, 0)
        notes.append(f"{np.count_nonzero(~keep):,} faces have a corner that is no number; they were left out.")
    return [shape.moved(placed(shape.position, at, origin), np.linalg.det(at[:3, :3]) < 0) for at in _places(part)]


def _strokes(part: Part, origin: np.ndarray) -> list[tuple[Lines, bool]]:
    """The lines of a part, once for each of its places, with whether their radius is a real one or a factor."""
    if "edge_verts" in part:
        found = lines.of_edges(part, part_colours.of_vertices(part))
    elif "points" in part:
        found = lines.of_strokes(part)
    else:
        return []
    if not len(found.points):
        return []
    is_real, all_of_them = "radius" in part, []
    for at in _places(part):
        scale = abs(np.linalg.det(at[:3, :3])) ** (1 / 3) if is_real else 1.0
        points = placed(found.points, at, origin)
        all_of_them.append((Lines(points, found.offsets, found.radius * scale, found.cyclic, found.colour), is_real))
    return all_of_them


def _places(part: Part) -> list[np.ndarray]:
    """Where it stands; but not where it is scaled to nothing."""
    return [at for at in part["matrices"] if np.isfinite(at).all() and np.linalg.det(at[:3, :3]) != 0]


def _tubes(shapes: list[Shape], strokes: list[tuple[Lines, bool]], radius: float, notes: list[str]) -> list[Shape]:
    count = sum(len(each.points) for each, _ in strokes)
    if not count:
        return []
    if count > MOST_POINTS:
        fix = "Leave out some of them, or simplify them."
        raise Trouble("too_many_strokes", f"The strokes have {count:,} points; {MOST_POINTS:,} can be sent.", fix)
    size = _size([shape.position for shape in shapes] + [each.points for each, _ in strokes])
    usual = radius or RADIUS * (size or 1.0)
    found, thickest = [], 0.0
    for each, is_real in strokes:
        each.radius = each.radius if is_real else each.radius * usual
        thickest = max(thickest, float(np.nanmax(each.radius, initial=0)))
        tube = tubes(each, sides=8 if count <= MANY_POINTS else 4)
        colour = None if tube.colour is None else tube.colour[tube.corner_vert].astype(np.float32)
        found.append(Shape(tube.position, tube.corner_vert, tube.face_start, colour))
    if thickest < THIN * size:
        notes.append(f"The strokes are thin: {thickest:.3g} m, in a sketch of {size:.3g} m. Thicker ones keep better.")
    return found


def _size(places: list[np.ndarray]) -> float:
    """The diagonal of the box round all that is a number."""
    finite = np.concatenate([place[np.isfinite(place).all(1)] for place in places])
    return float(np.linalg.norm(finite.max(0) - finite.min(0))) if len(finite) else 0.0


def _object(shape: Shape, name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(shape.position))
    mesh.loops.add(len(shape.corner_vert))
    mesh.polygons.add(len(shape.face_start))
    mesh.attributes["position"].data.foreach_set("vector", shape.position.astype(np.float32).ravel())
    mesh.attributes[".corner_vert"].data.foreach_set("value", shape.corner_vert.astype(np.int32))
    mesh.polygons.foreach_set("loop_start", shape.face_start.astype(np.int32))
    mesh.update(calc_edges=True)
    if shape.colour is not None:
        colour = mesh.color_attributes.new("Color", "FLOAT_COLOR", "CORNER")
        colour.data.foreach_set("color", shape.colour.astype(np.float32).ravel())
        mesh.color_attributes.active_color = colour
    mesh.validate()
    return bpy.data.objects.new(name, mesh)


def _triangles(mesh: bpy.types.Mesh) -> int:
    return len(mesh.loops) - 2 * len(mesh.polygons)


def _decimated(obj: bpy.types.Object, most: int, notes: list[str]) -> bpy.types.Object:
    scene = bpy.context.scene
    scene.collection.objects.link(obj)
    before = _triangles(obj.data)
    if not 0 < most < before:
        return obj
    modifier = obj.modifiers.new("Decimate", "DECIMATE")
    modifier.ratio = most / before
    depsgraph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(
        obj.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
    )
    obj.modifiers.clear()
    whole, obj.data = obj.data, mesh
    name = whole.name
    bpy.data.meshes.remove(whole)
    mesh.name = name
    after = _triangles(mesh)
    notes.append(f"Decimated from {before:,} to {after:,} triangles before it was sent.")
    return obj


def _export(obj: bpy.types.Object, path: Path) -> None:
    """Blender's own exporter, which turns Z up into Y up. Without normals: they would split every edge."""
    bpy.ops.object.select_all(action="DESELECT")
    obj.select_set(True)
    given: dict[str, Any] = {"export_materials": "NONE", "export_normals": False, "export_texcoords": False}
    given |= {"export_animations": False, "export_skins": False, "export_morph": False, "export_yup": True}
    if obj.data.color_attributes:
        given |= {"export_vertex_color": "ACTIVE", "export_active_vertex_color_when_no_material": True}
    path.unlink(missing_ok=True)
    try:
        bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", use_selection=True, **given)
    except RuntimeError as error:
        fix = "See that there is room on the disk; if there is, the mesh itself may be broken: Mesh > Clean Up."
        raise Trouble("not_written", f"Blender could not write the sketch: {plain(error)}", fix) from error
    if not path.is_file():
        fix = "See that there is room on the disk, and that its folder can be written to."
        raise Trouble("not_written", "Blender's exporter wrote no file.", fix)


if __name__ == "__main__":
    serve(write_sketch)
