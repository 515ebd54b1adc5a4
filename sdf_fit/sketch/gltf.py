"""glTF and GLB sketches, through trimesh's reader (runs in the capped child).

trimesh reads plain triangles well; it drops triangle fans, line strips and a line's indices, keeps only eight
bits of a colour, and loses nodes below a camera. So the header is first rewritten into what it reads well:
one mesh a primitive, plain indexed triangles (a line a-b as the triangle a, b, b), colours as a custom
attribute, no cameras, no lights, buffers already loaded and checked. glTF 2.0 specification: chapters 3 and
4.4 (GLB).
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from trimesh.exchange.gltf import load_gltf

from sdf_fit.sketch.colors import PLAIN, open_image, rgba, sample, unit_floats
from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.gltf_file import check_extensions, gltf_json, load_buffers, load_resource, split_glb
from sdf_fit.sketch.parts import VISIBLE_ALPHA, Part, Parts, check_counts

POINTS, LINES, LINE_LOOP, LINE_STRIP, TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = range(7)
COMPONENT_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
TYPE_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def read_gltf(path: Path, max_vertices: int) -> Parts:
    """Every visible or invisible primitive of the file's scene as a placed Part."""
    header, binary = (
        split_glb(path.read_bytes())
        if path.suffix.lower() == ".glb"
        else (gltf_json(path.read_bytes()), None)
    )
    check_extensions(header)
    found = Parts()
    rewriter = _Rewriter(header, load_buffers(header, binary, path.parent), max_vertices, path.parent, found)
    rewritten, buffers = rewriter.rewrite()
    loaded = load_gltf(io.BytesIO(json.dumps(rewritten).encode()), resolver=buffers, skip_materials=True)
    frames = {loaded["base_frame"]: np.eye(4)}
    total = 0
    for edge in loaded["graph"]:  # parents come before their children
        frames[edge["frame_to"]] = matrix = frames[edge["frame_from"]] @ edge["matrix"]
        if "geometry" not in edge:
            continue
        if not _has_volume(matrix):
            found.flat_nodes += 1
            continue
        part = rewriter.part(int(edge["geometry"]), loaded["geometry"][edge["geometry"]])
        total += len(part.vertices)
        check_counts(total, max_vertices, "vertices")
        found.parts.append(part.placed(matrix))
    found.parts.reverse()  # trimesh walks the nodes from the last to the first
    return found


def _has_volume(matrix: np.ndarray) -> bool:
    """False for a zero-scale (or non-finite) node: it draws nothing."""
    scale = float(np.abs(matrix[:3, :3]).max())
    return bool(np.isfinite(scale)) and abs(np.linalg.det(matrix[:3, :3] / (scale or 1.0))) > 1e-9


class _Rewriter:
    """Turns a header into one that trimesh reads well, and its geometry back into Parts."""

    def __init__(
        self, header: dict[str, Any], buffers: list[bytes], limit: int, folder: Path, found: Parts
    ) -> None:
        self.header, self.buffers, self.limit, self.folder, self.found = header, buffers, limit, folder, found
        self.views: list[dict[str, Any]] = list(header.get("bufferViews", []))
        self.accessors: list[dict[str, Any]] = []
        self.kept: dict[int, int] = {}
        self.meshes: list[dict[str, Any]] = []
        self.primitives: list[dict[str, Any]] = []  # for each new mesh: name, material, lines
        self.images: dict[int, Any] = {}

    def rewrite(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        of_mesh = [
            [self._primitive(mesh, one) for one in mesh["primitives"]]
            for mesh in self.header.get("meshes", [])
        ]
        nodes = self._nodes([[number for number in numbers if number is not None] for numbers in of_mesh])
        children = {child for node in nodes for child in node["children"]}
        scenes = self.header.get("scenes") or [{"nodes": [i for i in range(len(nodes)) if i not in children]}]
        header = {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": scene.get("nodes", [])} for scene in scenes],
            "scene": self.header.get("scene", 0),
            "nodes": nodes,
            "meshes": self.meshes,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"uri": str(i)} for i in range(len(self.buffers))],
        }
        return header, {str(i): buffer for i, buffer in enumerate(self.buffers)}

    def part(self, number: int, geometry: dict[str, Any]) -> Part:
        """The Part of new mesh `number`, in its node's frame, from what trimesh read."""
        info = self.primitives[number]
        faces = np.asarray(geometry["faces"], dtype=np.int64)
        lines, none = info["lines"], np.zeros((0, 3), np.int64)
        attributes = geometry.get("vertex_attributes", {})
        vertices = np.asarray(geometry["vertices"], dtype=np.float64)
        colors, cutoff = self._colors(info, len(vertices), attributes.get("_COLOR"), attributes.get("_UV"))
        return Part(
            info["name"],
            vertices,
            none if lines else faces,
            faces[:, :2] if lines else none[:, :2],
            colors,
            cutoff,
        )

    def _nodes(self, of_mesh: list[list[int]]) -> list[dict[str, Any]]:
        """Nodes without cameras and lights; a mesh of several primitives becomes as many child nodes."""
        nodes: list[dict[str, Any]] = []
        extra: list[dict[str, Any]] = []
        old = self.header.get("nodes", [])
        for index, node in enumerate(old):
            kept = {key: node[key] for key in ("matrix", "translation", "rotation", "scale") if key in node}
            kept |= {"name": f"node{index}", "children": list(node.get("children", []))}
            self.found.cameras += "camera" in node
            self.found.lights += "KHR_lights_punctual" in node.get("extensions", {})
            for number in of_mesh[node["mesh"]] if "mesh" in node else ():
                kept["children"].append(len(old) + len(extra))
                extra.append({"name": f"part{len(extra)}", "mesh": number, "children": []})
            nodes.append(kept)
        return nodes + extra

    def _primitive(self, mesh: dict[str, Any], primitive: dict[str, Any]) -> int | None:
        """Add one primitive as a mesh of plain triangles; its number, or None where it has nothing to
        draw."""
        mode, attributes = primitive.get("mode", TRIANGLES), primitive["attributes"]
        position = self.header["accessors"][attributes["POSITION"]]
        if mode == POINTS:
            self.found.loose_points += int(position["count"])
            return None
        kept = {"POSITION": self._keep(attributes["POSITION"], ("VEC3",))}
        if "COLOR_0" in attributes:
            kept["_COLOR"] = self._keep(attributes["COLOR_0"], ("VEC3", "VEC4"))
        texture = self._base(primitive)[1]
        if texture and (coordinates := f"TEXCOORD_{texture.get('texCoord', 0)}") in attributes:
            kept["_UV"] = self._keep(attributes[coordinates], ("VEC2",))
        new = {"attributes": kept, "mode": TRIANGLES}
        if mode == TRIANGLES and "indices" in primitive:
            new["indices"] = self._keep(primitive["indices"], ("SCALAR",))
        else:
            order = self._order(primitive, int(position["count"]))
            new["indices"] = self._add_indices(_triangles(order, mode))
        self.meshes.append({"name": str(len(self.meshes)), "primitives": [new]})
        self.primitives.append(
            {
                "name": str(mesh.get("name", "")),
                "lines": mode in (LINES, LINE_LOOP, LINE_STRIP),
                "material": self._material(primitive),
                "base": self._base(primitive),
            }
        )
        return len(self.meshes) - 1

    def _keep(self, index: int, types: tuple[str, ...]) -> int:
        """Carry an accessor over once it is known to lie within its data; its new index."""
        if index not in self.kept:
            accessor = self.header["accessors"][index]
            self._check(accessor, types)
            self.kept[index] = len(self.accessors)
            self.accessors.append(accessor)
        return self.kept[index]

    def _check(self, accessor: dict[str, Any], types: tuple[str, ...]) -> None:
        count, width = int(accessor["count"]), TYPE_WIDTHS[accessor["type"]]
        check_counts(count, 6 * self.limit, "numbers in one list")
        if accessor["type"] not in types or "sparse" in accessor or "bufferView" not in accessor or count < 0:
            raise SketchError(
                "unsupported",
                f"A list of {accessor['type']} is sparse, empty, or not of {' or '.join(types)}.",
                "Export the sketch again as plain glTF 2.0.",
            )
        view = self.views[accessor["bufferView"]]
        item = width * np.dtype(COMPONENT_TYPES[accessor["componentType"]]).itemsize
        last = int(accessor.get("byteOffset", 0)) + (count - 1) * int(view.get("byteStride", item)) + item
        held = len(self.buffers[view["buffer"]]) - int(view.get("byteOffset", 0))
        if count and last > min(int(view["byteLength"]), held):
            raise SketchError(
                "broken",
                f"A list of {count:,} {accessor['type']} needs {last:,} bytes, its data has {held:,}.",
                "The file is cut short or damaged: export the sketch again.",
            )

    def _order(self, primitive: dict[str, Any], count: int) -> np.ndarray:
        """The vertex numbers in drawing order: the index list, or 0, 1, 2, ... where there is none."""
        if "indices" not in primitive:
            return np.arange(count)
        accessor = self.header["accessors"][primitive["indices"]]
        self._check(accessor, ("SCALAR",))
        view = self.views[accessor["bufferView"]]
        start = int(view.get("byteOffset", 0)) + int(accessor.get("byteOffset", 0))
        dtype = np.dtype(COMPONENT_TYPES[accessor["componentType"]])
        return np.frombuffer(self.buffers[view["buffer"]], dtype, int(accessor["count"]), start).astype(
            np.int64
        )

    def _add_indices(self, faces: np.ndarray) -> int:
        data = faces.astype("<u4").tobytes()
        self.views.append({"buffer": len(self.buffers), "byteLength": len(data)})
        self.buffers.append(data)
        accessor = {
            "bufferView": len(self.views) - 1,
            "componentType": 5125,
            "count": faces.size,
            "type": "SCALAR",
        }
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def _material(self, primitive: dict[str, Any]) -> dict[str, Any]:
        return self.header["materials"][primitive["material"]] if "material" in primitive else {}

    def _base(self, primitive: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
        """Base-colour factor and texture reference; the archived specular-glossiness extension counts too."""
        material = self._material(primitive)
        gloss = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness", {})
        plain = material.get("pbrMetallicRoughness", {})
        factor = plain.get("baseColorFactor") or gloss.get("diffuseFactor") or (1.0, 1.0, 1.0, 1.0)
        return factor, plain.get("baseColorTexture") or gloss.get("diffuseTexture")

    def _colors(
        self, info: dict[str, Any], count: int, vertex_colors: np.ndarray | None, uv: np.ndarray | None
    ) -> tuple[np.ndarray, float]:
        """Vertex colour x base-colour factor x texture, all linear: [V, 4] float32; and the alpha cutoff."""
        factor, texture = info["base"]
        own = rgba(vertex_colors, count, srgb=False)
        plain = PLAIN if own is None and not info["material"] else (1.0, 1.0, 1.0, 1.0)
        colors = (np.ones((count, 4), np.float32) if own is None else own) * np.asarray(plain, np.float32)
        colors *= np.clip(np.asarray(factor, np.float32), 0.0, 1.0)
        image = self._image(texture) if texture and uv is not None else None
        if image is not None and uv is not None:
            colors[:, :3] *= sample(image, unit_floats(uv).astype(np.float64))
        masked = info["material"].get("alphaMode") == "MASK"
        return colors, float(info["material"].get("alphaCutoff", 0.5)) if masked else VISIBLE_ALPHA

    def _image(self, texture: dict[str, Any]) -> Any:
        """The texture's image, or None with a note where it cannot be read: a sketch is more than its
        texture."""
        source = self.header["textures"][texture["index"]].get("source")
        if source is None:  # an extension's image format
            return None
        if source not in self.images:
            entry = self.header["images"][source]
            try:
                self.images[source] = open_image(self._image_bytes(entry))
            except (OSError, ValueError, SyntaxError) as error:  # Pillow's plugins raise all three
                self.images[source] = None
                self.found.notes.append(
                    f"texture {entry.get('name') or entry.get('uri', source)!s:.80} left out: {error}"
                )
        return self.images[source]

    def _image_bytes(self, entry: dict[str, Any]) -> bytes:
        if "uri" in entry:
            return load_resource(entry["uri"], self.folder)
        view = self.views[entry["bufferView"]]
        start = int(view.get("byteOffset", 0))
        return self.buffers[view["buffer"]][start : start + int(view["byteLength"])]


def _triangles(order: np.ndarray, mode: int) -> np.ndarray:
    """Indices in drawing order as faces [F, 3]; a line a-b as (a, b, b). glTF 2.0, section 3.7.2.1."""
    if mode in (LINES, LINE_STRIP, LINE_LOOP):
        if mode == LINES:
            pairs = order[: len(order) // 2 * 2].reshape(-1, 2)
        else:
            following = np.roll(order, -1) if mode == LINE_LOOP else order[1:]
            pairs = np.column_stack([order[: len(following)], following])
        return pairs[:, [0, 1, 1]]
    if mode == TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if mode not in (TRIANGLE_STRIP, TRIANGLE_FAN):
        raise SketchError(
            "unsupported", f"Drawing mode {mode!r} is not one of glTF.", "Export the sketch again."
        )
    faces = np.column_stack([order[:-2], order[1:-1], order[2:]])
    if mode == TRIANGLE_FAN:
        faces[:, 0] = order[0] if len(order) else 0
    else:
        faces[1::2] = faces[1::2][:, [1, 0, 2]]
    return faces
