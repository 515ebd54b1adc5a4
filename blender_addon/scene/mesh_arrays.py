"""The arrays of one mesh, one a step, so that no step of a large mesh keeps the window waiting.

They are read from attributes, which is a copy of memory; `Mesh.loops` and the like take ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import bpy
import numpy as np

from . import colours
from .memory import rows

SAMPLES = 5  # rows by which what was read from memory is held against Blender's own word

Arrays = dict[str, np.ndarray]


def readers(mesh: bpy.types.Mesh) -> list[Callable[[bpy.types.Mesh], Arrays]]:
    """Each gives some of: `position` [V, 3]; `corner_vert` [L], `corner_edge` [L] and `face_start` [F]; `edge_verts`
    [E, 2]; `material_index` [F]; `colour` [N, 4], linear float32, or sRGB uint8, for each of its `colour_domain`
    (POINT, FACE or CORNER). Call each with the same mesh, found by its name anew."""
    wanted: list[Callable[[bpy.types.Mesh], Arrays]] = [_positions]
    if len(mesh.edges):
        wanted.append(_edges)
    if len(mesh.polygons):
        wanted += [_corners, _corner_edges, _faces]
    if "material_index" in mesh.attributes:
        wanted.append(_material_indices)
    if (attribute := colours.attribute(mesh)) is not None:
        name = attribute.name
        wanted.append(lambda same: _colours(same, name))
    return wanted


def _get(mesh: bpy.types.Mesh, attribute: str, field: str, kind: type[np.generic], columns: int) -> np.ndarray:
    data = mesh.attributes[attribute].data
    found = np.empty(len(data) * columns, kind)
    data.foreach_get(field, found)
    return found.reshape(-1, columns) if columns > 1 else found


def _positions(mesh: bpy.types.Mesh) -> Arrays:
    return {"position": _get(mesh, "position", "vector", np.float32, 3)}


def _edges(mesh: bpy.types.Mesh) -> Arrays:
    return {"edge_verts": _get(mesh, ".edge_verts", "value", np.int32, 2)}


def _corners(mesh: bpy.types.Mesh) -> Arrays:
    return {"corner_vert": _get(mesh, ".corner_vert", "value", np.int32, 1)}


def _corner_edges(mesh: bpy.types.Mesh) -> Arrays:
    return {"corner_edge": _get(mesh, ".corner_edge", "value", np.int32, 1)}


def _material_indices(mesh: bpy.types.Mesh) -> Arrays:
    return {"material_index": _get(mesh, "material_index", "value", np.int32, 1)}


def _faces(mesh: bpy.types.Mesh) -> Arrays:
    found = rows(mesh.polygons, np.int32, 1)
    samples = _samples(len(mesh.polygons))
    if found is None or any(found[row, 0] != mesh.polygons[row].loop_start for row in samples):
        found = np.empty((len(mesh.polygons), 1), np.int32)
        mesh.polygons.foreach_get("loop_start", found.ravel())
    return {"face_start": found[:, 0]}


def _colours(mesh: bpy.types.Mesh, name: str) -> Arrays:
    attribute = mesh.attributes[name]
    domain = np.array(attribute.domain)
    if attribute.data_type == "FLOAT_COLOR":
        return {"colour": _get(mesh, name, "color", np.float32, 4), "colour_domain": domain}
    found = rows(attribute.data, np.uint8, 4)
    if found is None or not all(_is_colour(found[row], attribute.data[row]) for row in _samples(len(found))):
        found = (_get(mesh, name, "color_srgb", np.float32, 4) * 255 + 0.5).astype(np.uint8)
    return {"colour": found, "colour_domain": domain}


def _is_colour(row: np.ndarray, told: bpy.types.ByteColorAttributeValue) -> bool:
    return bool(np.allclose(row / 255, told.color_srgb, atol=1 / 255))


def _samples(count: int) -> Iterator[int]:
    return iter(np.linspace(0, count - 1, min(count, SAMPLES)).astype(int).tolist())
