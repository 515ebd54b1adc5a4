"""A small glTF writer for tests: it writes what it is told, sound or not."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

COMPONENT_TYPES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


@dataclass
class GltfWriter:
    """Collects primitives, materials and nodes; `header` is open to any change before it is written."""

    binary: bytearray = field(default_factory=bytearray)
    header: dict[str, Any] = field(
        default_factory=lambda: {
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": []}], "nodes": [], "meshes": [],
            "accessors": [], "bufferViews": [], "buffers": [{"byteLength": 0}],
        }
    )  # fmt: skip

    def accessor(self, array: np.ndarray, *, normalized: bool = False) -> int:
        """Append [N] or [N, C] values of a glTF type; their accessor's index."""
        while len(self.binary) % 4:
            self.binary.append(0)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": array.nbytes}
        self.binary += np.ascontiguousarray(array).tobytes()
        self.header["bufferViews"].append(view)
        kind = {
            "componentType": COMPONENT_TYPES[array.dtype.str[1:]],
            "count": len(array),
            "type": TYPES[array[0].size],
        }
        extra = {"normalized": True} if normalized else {}
        if kind["type"] == "VEC3" and array.dtype.kind == "f" and np.isfinite(array).all():
            extra |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.header["accessors"].append({"bufferView": len(self.header["bufferViews"]) - 1, **kind, **extra})
        return len(self.header["accessors"]) - 1

    def primitive(
        self,
        vertices: np.ndarray,
        indices: np.ndarray | None = None,
        colors: np.ndarray | None = None,
        uv: np.ndarray | None = None,
        **words: Any,
    ) -> dict[str, Any]:
        """A primitive; integer colours are normalised; `words` are material=, mode= and the like."""
        attributes = {"POSITION": self.accessor(vertices.astype("<f4"))}
        if colors is not None:
            attributes["COLOR_0"] = self.accessor(colors, normalized=colors.dtype.kind == "u")
        if uv is not None:
            attributes["TEXCOORD_0"] = self.accessor(uv.astype("<f4"))
        if indices is not None:
            words["indices"] = self.accessor(indices.reshape(-1).astype("<u4"))
        return {"attributes": attributes, **words}

    def material(self, **words: Any) -> int:
        self.header.setdefault("materials", []).append(words)
        return len(self.header["materials"]) - 1

    def node(self, *primitives: dict[str, Any], name: str = "stroke", root: bool = True, **words: Any) -> int:
        """A node, with a mesh of the primitives where there are any."""
        if primitives:
            self.header["meshes"].append({"name": name, "primitives": list(primitives)})
            words["mesh"] = len(self.header["meshes"]) - 1
        self.header["nodes"].append({"name": name, **words})
        if root:
            self.header["scenes"][0]["nodes"].append(len(self.header["nodes"]) - 1)
        return len(self.header["nodes"]) - 1

    def glb(self) -> bytes:
        self.header["buffers"][0]["byteLength"] = len(self.binary)
        text = json.dumps(self.header).encode()
        text += b" " * (-len(text) % 4)
        binary = bytes(self.binary) + bytes(-len(self.binary) % 4)
        chunks = (
            struct.pack("<II", len(text), 0x4E4F534A)
            + text
            + struct.pack("<II", len(binary), 0x004E4942)
            + binary
        )
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def write(self, path: Path) -> Path:
        """Write a .glb, or a .gltf with its buffer beside it (its URI may be set before)."""
        if path.suffix == ".glb":
            path.write_bytes(self.glb())
            return path
        self.header["buffers"][0]["byteLength"] = len(self.binary)
        if self.header["buffers"][0].setdefault("uri", "data.bin") == "data.bin":
            (path.parent / "data.bin").write_bytes(bytes(self.binary))
        path.write_text(json.dumps(self.header), encoding="utf-8")
        return path
