"""The container of a glTF sketch: GLB chunks, the JSON header, and buffers, embedded or beside the file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.files import read_beside

GEOMETRY_EXTENSIONS = (
    "KHR_draco_mesh_compression",
    "EXT_meshopt_compression",
    "KHR_mesh_quantization",
    "EXT_mesh_gpu_instancing",
)


def split_glb(data: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The JSON header and the binary chunk of a GLB; raises SketchError where it is none or is cut short."""
    if data[:4] != b"glTF":
        raise SketchError("unreadable", "The file does not begin like a GLB.", "Give it its right extension.")
    version, length = np.frombuffer(data[4:12], "<u4")
    if version != 2 or length > len(data):
        raise SketchError(
            "truncated",
            f"The GLB (version {version}) announces {length:,} bytes and has {len(data):,}.",
            "Only whole glTF 2.0 files are read: copy or export it again.",
        )
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= length:
        size, kind = (
            int(np.frombuffer(data[position : position + 4], "<u4")[0]),
            data[position + 4 : position + 8],
        )
        if position + 8 + size > len(data):
            raise SketchError(
                "truncated", "A chunk of the GLB is cut short.", "Copy or export the file again."
            )
        chunks.setdefault(kind, data[position + 8 : position + 8 + size])
        position += 8 + size
    return gltf_json(chunks.get(b"JSON", b"")), chunks.get(b"BIN\0")


def gltf_json(data: bytes) -> dict[str, Any]:
    header = json.loads(data.decode("utf-8-sig"))
    if not isinstance(header, dict) or not str(header.get("asset", {}).get("version", "2.0")).startswith(
        "2."
    ):
        raise SketchError(
            "unreadable", "The header is not one of glTF 2.0.", "Export the sketch as glTF 2.0."
        )
    return header


def check_extensions(header: dict[str, Any]) -> None:
    """Geometry that only an extension can decode must not silently come out as zeros."""
    used = {*header.get("extensionsRequired", []), *header.get("extensionsUsed", [])}
    if wrong := sorted(used.intersection(GEOMETRY_EXTENSIONS)):
        raise SketchError(
            "compressed",
            f"The geometry is stored by {', '.join(wrong)}.",
            "Export again with compression, quantisation and instancing switched off.",
        )


def load_buffers(header: dict[str, Any], binary: bytes | None, folder: Path) -> list[bytes]:
    buffers = []
    for index, buffer in enumerate(header.get("buffers", [])):
        if "uri" not in buffer and (index > 0 or binary is None):
            raise SketchError("broken", f"Buffer {index} has no data.", "Export the sketch again.")
        buffers.append(load_resource(buffer["uri"], folder) if "uri" in buffer else binary or b"")
    return buffers


def load_resource(uri: str, folder: Path) -> bytes:
    """A data: URI decoded, or a file beside the sketch."""
    if uri.startswith("data:"):
        return base64.b64decode(uri.partition(",")[2])
    return read_beside(folder, unquote(uri))
