"""In a Blender of its own: a sketch file becomes a collection of objects, kept in a .blend file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..trouble import Trouble
from .importing import read_file
from .read_result import write
from .request import serve

SHAPES = ("MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD")


def read(request: dict[str, Any]) -> dict[str, Any]:
    """`request`: file, blend. Answers collection, its name in the .blend file, and objects, how many have a shape.
    Raises Trouble "unknown_format", "bad_sketch", "empty_sketch", "not_written"."""
    file = Path(request["file"])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    read_file(file)
    shapes = [obj for obj in bpy.data.objects if obj.type in SHAPES]
    if not any(len(obj.data.vertices) for obj in shapes if obj.type == "MESH"):
        raise Trouble("empty_sketch", f"{file.name} has no shape in it.", "Save the file anew, with its meshes.")
    collection = bpy.data.collections.new(file.stem)
    for obj in bpy.data.objects:
        collection.objects.link(obj)
    bpy.data.use_autopack = False
    for image in bpy.data.images:  # beside an OBJ or a .gltf file, they would be looked for beside the .blend file
        if image.source == "FILE" and image.packed_file is None and Path(bpy.path.abspath(image.filepath)).is_file():
            image.pack()
    write(Path(request["blend"]), collection)
    return {"collection": collection.name, "objects": len(shapes)}


if __name__ == "__main__":
    serve(read)
