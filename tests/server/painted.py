"""What a painting program's export leaves in its folder: GLBs with a time for each vertex and materials named for
brushes, beside other formats, written in pieces."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.server.running import SKETCHES

BRUSHES = ("ob-OilPaint", "ob-Light", "ob-MarkerFlat")


def painted_glb(sketch: str = "mushroom") -> bytes:
    """An example sketch with `_TB_TIMESTAMP` (VEC3 of seconds) at each vertex and a brush's material on each mesh."""
    data = (SKETCHES / f"{sketch}.glb").read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    tree, binary = json.loads(data[20 : 20 + length]), bytearray(data[28 + length :])
    plain = tree["materials"][0]
    tree["materials"] = [{**plain, "name": brush} for brush in BRUSHES]
    for index, mesh in enumerate(tree["meshes"]):
        for primitive in mesh["primitives"]:
            count = tree["accessors"][primitive["attributes"]["POSITION"]]["count"]
            times = b"".join(struct.pack("<3f", 0.0, count / 90, vertex / 90) for vertex in range(count))
            tree["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(times)})
            tree["accessors"].append(
                {"bufferView": len(tree["bufferViews"]) - 1, "componentType": 5126, "count": count, "type": "VEC3"}
            )
            binary += times
            primitive["attributes"]["_TB_TIMESTAMP"] = len(tree["accessors"]) - 1
            primitive["material"] = index % len(BRUSHES)
    tree["buffers"][0]["byteLength"] = len(binary)
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def obj(size: float = 1.0) -> bytes:
    """A closed pyramid."""
    corners = [(0, size, 0), (-size, 0, size), (size, 0, size), (0, 0, -size)]
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + ["f 1 2 3", "f 1 3 4", "f 1 4 2", "f 2 4 3"]
    return "\n".join(lines).encode()


def put(path: Path, data: bytes) -> None:
    """Writes the file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
