"""Results as the server gives them, made here: GLB files with UV seams, normals and textures."""

from __future__ import annotations

import json
import struct
import threading
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from tests.blender_addon.inside.conftest import PACKAGE
from tests.blender_addon.inside.resident import resident

KINDS = {np.dtype(np.float32): 5126, np.dtype(np.uint32): 5125}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}


def part(name: str) -> Any:
    """A module of the extension as it is installed."""
    return import_module(f"{PACKAGE}.{name}")


def png(rgb: tuple[int, int, int], side: int = 8) -> bytes:
    """One colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(rgb) * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write_glb(
    path: Path,
    points: np.ndarray,
    triangles: np.ndarray,
    normals: np.ndarray | None = None,
    rgb: tuple[int, int, int] = (200, 40, 30),
) -> Path:
    """`points` [N, 3] in Blender's axes, relative to the sketch's origin. As the server does it, the translation is
    the node's, and vertices are split where charts of the texture meet: here around every triangle."""
    middle = np.float32(points.mean(axis=0)).astype(np.float64)
    corners = (points - middle)[triangles].reshape(-1, 3)
    given = np.repeat(_normals(points, triangles), 3, axis=0) if normals is None else normals[triangles].reshape(-1, 3)
    uvs = np.tile([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]], (len(triangles), 1))
    arrays = [np.arange(len(corners), dtype=np.uint32), y_up(corners), y_up(given), np.float32(uvs)]
    blobs = [np.ascontiguousarray(each).tobytes() for each in arrays]
    blobs += [png(rgb), png((255, 217, 0))]  # roughness .85, no metal
    views, body = [], b""
    for blob in blobs:
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(blob)})
        body += blob + b"\0" * (-len(blob) % 4)
    tree = _tree(arrays, views, len(body), y_up(middle[None])[0].tolist())
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(body), b"BIN\0") + body
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def y_up(points: np.ndarray) -> np.ndarray:
    """Blender's +Z up as glTF's +Y up."""
    return np.float32(points[:, [0, 2, 1]] * (1, 1, -1))


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    one, two, three = (points[triangles[:, k]] for k in range(3))
    across = np.cross(two - one, three - one)
    return across / np.linalg.norm(across, axis=1, keepdims=True)


def _tree(arrays: list[np.ndarray], views: list[dict[str, int]], size: int, place: list[float]) -> dict[str, Any]:
    accessors = [
        {"bufferView": view, "componentType": KINDS[each.dtype], "count": len(each), "type": TYPES[each[0].size]}
        for view, each in enumerate(arrays)
    ]
    accessors[1] |= {"min": arrays[1].min(axis=0).tolist(), "max": arrays[1].max(axis=0).tolist()}
    attributes = {"POSITION": 1, "NORMAL": 2, "TEXCOORD_0": 3}
    shading = {"baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1}}
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "body", "translation": place, "extras": {"prompt": "a wedge", "seed": 3}}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 0, "material": 0}]}],
        "materials": [{"name": "body", "pbrMetallicRoughness": shading}],
        "textures": [{"source": 0}, {"source": 1}],
        "images": [{"bufferView": 4, "mimeType": "image/png"}, {"bufferView": 5, "mimeType": "image/png"}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": size}],
    }


def read(glb: Path, job: Any, folder: Path, alone: bool = False) -> tuple[Path, dict[str, Any]]:
    """What the extension's other Blender makes of it: the .blend file, and its answer. `alone`: a Blender that is
    started for it, as the extension does it."""
    folder.mkdir(exist_ok=True)
    blender, blend = part("background.blender"), folder / "result.blend"
    request = {"name": job.name, "matrix": list(job.matrix), "origin": list(job.origin)}
    request |= {"glb": str(glb), "blend": str(blend)}
    script = Path(blender.__file__).with_name("read_result.py")
    if alone:
        return blend, blender.run(blender.this_program(), script, request, folder, 120.0, threading.Event())
    return blend, resident(blender).run(script, request, folder)


def job_of(sketch: bpy.types.Object, **more: Any) -> Any:
    """As it is when the sketch was sent as it stands."""
    bpy.context.view_layer.update()
    (uid,) = part("scene.subject").identify([sketch])
    matrix = tuple(float(value) for row in sketch.matrix_world for value in row)
    given = {"prompt": "a wedge", "sketch_id": uid, "members": [uid], "scene": bpy.context.scene.name}
    given |= {"matrix": matrix, "origin": tuple(matrix[3:12:4])}
    return part("jobs.job").Job(name=sketch.name, **(given | more))


def blend_of(path: Path, name: str = "result", points: int = 4, value: float = 1.0) -> Path:
    """A result as read_result.py leaves it: a mesh in the sketch's own coordinates, with a material."""
    mesh = bpy.data.meshes.new(name)
    corners = [(value * np.cos(k), value * np.sin(k), value * k / points) for k in range(points)]
    mesh.from_pydata(corners, [], [tuple(range(points))])
    mesh.materials.append(bpy.data.materials.new(name))
    bpy.data.libraries.write(str(path), {mesh})
    bpy.data.batch_remove([mesh.materials[0], mesh])
    return path


def place(job: Any, blend: Path, sketch: bpy.types.Object | None, **more: Any) -> bpy.types.Object:
    """As the extension does it when the file is there."""
    return part("scene.result").place(job, blend, sketch, bpy.context.scene, **more)
