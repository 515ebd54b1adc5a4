"""Reads a GLB without Blender, so that what Blender wrote is looked at from outside."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass
class Glb:
    """`position` [V, 3] with Z up, `triangles` [T, 3], `colour` [V, 3 or 4] linear or None, `names` of its nodes."""

    position: np.ndarray
    triangles: np.ndarray
    colour: np.ndarray | None
    names: list[str]

    @property
    def volume(self) -> float:
        """Positive when its faces look outwards."""
        a, b, c = self.position[self.triangles].transpose(1, 0, 2)
        return float((a * np.cross(b, c)).sum() / 6)


def read(path: Path) -> Glb:
    """Of a file with one mesh of one primitive in one node that is not moved."""
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    told = json.loads(data[20 : 20 + length])
    assert len(told["meshes"]) == 1
    assert not {"matrix", "translation", "rotation", "scale"} & told["nodes"][0].keys()
    (primitive,) = told["meshes"][0]["primitives"]
    attributes = {name: _array(told, data[28 + length :], at) for name, at in primitive["attributes"].items()}
    x, y, z = attributes["POSITION"].astype(np.float64).T
    triangles = _array(told, data[28 + length :], primitive["indices"]).reshape(-1, 3)
    colour = attributes.get("COLOR_0")
    if colour is not None and colour.dtype.kind == "u":
        colour = colour / np.iinfo(colour.dtype).max
    return Glb(np.stack([x, -z, y], axis=1), triangles, colour, [node["name"] for node in told["nodes"]])


def _array(told: dict[str, Any], binary: bytes, number: int) -> np.ndarray:
    accessor = told["accessors"][number]
    view = told["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    columns = COLUMNS[accessor["type"]]
    found = np.frombuffer(binary, KINDS[accessor["componentType"]], accessor["count"] * columns, start)
    return found.reshape(-1, columns) if columns > 1 else found
