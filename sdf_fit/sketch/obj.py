"""OBJ sketches through trimesh's reader, with what it leaves out: polylines and counting back from the
end."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from trimesh.exchange.obj import load_obj, parse_mtl
from trimesh.resolvers import Resolver
from trimesh.visual.material import SimpleMaterial

from sdf_fit.sketch.colors import PLAIN, rgba, sample
from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.files import read_beside
from sdf_fit.sketch.parts import Part, Parts

UNSAID = SimpleMaterial().diffuse  # what trimesh fills in where a file names no colour


class BesideResolver(Resolver):
    """Gives trimesh the files beside the sketch, and remembers which it could not give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused: list[str] = []

    def get(self, key: str) -> bytes:
        try:
            return read_beside(self.folder, key)
        except SketchError as error:
            self.refused.append(f"{key[:80]} left out: {error.message}")
            raise FileNotFoundError(str(error)) from error

    def write(self, name: str, data: Any) -> None:
        raise PermissionError("reading a sketch writes nothing")

    def namespaced(self, namespace: str) -> BesideResolver:
        return BesideResolver(self.folder / namespace)

    def keys(self) -> tuple[str, ...]:
        return ()


def read_obj(path: Path) -> Parts:
    """Faces grouped by material, and polylines; colours are sRGB."""
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\r", "\n").replace("\\\n", " ")
    if re.search(r"^[fl]\s.*-\d", text, re.MULTILINE):
        text = _absolute(text)
    resolver = BesideResolver(path.parent)
    loaded = load_obj(io.BytesIO(text.encode()), resolver=resolver)
    found = Parts(notes=resolver.refused)
    for name, geometry in loaded.get("geometry", {}).items():
        found.parts.append(_part(name, geometry))
    if re.search(r"^l\s", text, re.MULTILINE):
        found.parts.extend(_polylines(text, resolver))
    if not found.parts and "vertices" in loaded:
        found.loose_points = len(loaded["vertices"])
    found.notes = list(dict.fromkeys(found.notes))
    return found


def _part(name: str, geometry: dict[str, Any]) -> Part:
    vertices, faces = np.asarray(geometry["vertices"]), np.asarray(geometry["faces"], dtype=np.int64)
    own = rgba(geometry.get("vertex_colors"), len(vertices), srgb=True)
    visual = geometry.get("visual")
    colors = textured_colors(own, visual, len(vertices))
    return Part(name, vertices, faces, np.zeros((0, 2), np.int64), colors)


def textured_colors(own: np.ndarray | None, visual: Any, count: int) -> np.ndarray:
    """Vertex colours x the texture, or x the diffuse colour where there is none; linear [V, 4] float32."""
    material = getattr(visual, "material", None)
    if material is None or (material.image is None and np.array_equal(material.diffuse, UNSAID)):
        return np.tile(np.asarray(PLAIN, np.float32), (count, 1)) if own is None else own
    colors = np.ones((count, 4), np.float32) if own is None else own
    if material.image is not None and visual.uv is not None:
        colors[:, :3] *= sample(
            material.image, np.asarray(visual.uv) * (1, -1) + (0, 1)
        )  # v = 0 is the bottom here
    else:
        diffuse = rgba(np.asarray(material.diffuse)[None, :], 1, srgb=True)
        colors = colors * diffuse if diffuse is not None else colors
    colors[:, 3] *= _opacity(material.kwargs)
    return colors


def _opacity(words: dict[str, Any]) -> float:
    """d (opacity) or Tr (transparency) of an MTL material; 1 where it says neither."""
    if "d" in words:
        return float(words["d"][-1])
    return 1.0 - float(words["tr"][-1]) if "tr" in words else 1.0


def _absolute(text: str) -> str:
    """Face and line indices that count back (-1 is the latest vertex so far) as ordinary ones."""
    counts = {"v": 0, "vt": 0, "vn": 0}
    lines = []
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] in counts:
            counts[words[0]] += 1
        elif words and words[0] in ("f", "l") and "-" in line:
            line = " ".join(
                [words[0], *(_absolute_corner(word, list(counts.values())) for word in words[1:])]
            )
        lines.append(line)
    return "\n".join(lines)


def _absolute_corner(corner: str, counts: list[int]) -> str:
    """One v/vt/vn corner with negative numbers resolved."""
    numbers = corner.split("/")
    fixed = [
        str(count + 1 + int(word)) if word.startswith("-") else word
        for word, count in zip(numbers, counts, strict=False)
    ]
    return "/".join(fixed)


def _polylines(text: str, resolver: BesideResolver) -> list[Part]:
    """All `l` elements as one part per material."""
    rows = [row.split()[:6] for row in re.findall(r"^v\s+(.+)$", text, re.MULTILINE)]
    vertices = np.array([row[:3] for row in rows], dtype=np.float64).reshape(-1, 3)
    colored = bool(rows) and all(len(row) == 6 for row in rows)
    own = (
        rgba(np.array([row[3:] for row in rows], dtype=np.float64), len(rows), srgb=True) if colored else None
    )
    parts = []
    for name, segments in _segments_by_material(text).items():
        colors = np.tile(np.asarray(PLAIN, np.float32), (len(rows), 1)) if own is None else own
        diffuse = _line_color(text, name, resolver)
        if diffuse is not None:
            colors = (np.ones_like(colors) if own is None else own) * diffuse
        if len(segments) and not (segments.min() >= 0 and segments.max() < len(rows)):
            raise SketchError(
                "broken", f"A line points past the {len(rows)} vertices.", "Export the sketch again."
            )
        used, inverse = np.unique(segments, return_inverse=True)
        none = np.zeros((0, 3), np.int64)
        parts.append(Part(name, vertices[used], none, inverse.reshape(-1, 2), colors[used]))
    return parts


def _segments_by_material(text: str) -> dict[str, np.ndarray]:
    segments: dict[str, list[tuple[int, int]]] = {}
    material = ""
    for kind, rest in re.findall(r"^(l|usemtl)\s+(.+)$", text, re.MULTILINE):
        if kind == "usemtl":
            material = rest.strip()
            continue
        points = [int(word.split("/")[0]) - 1 for word in rest.split()]
        segments.setdefault(material, []).extend(pairwise(points))
    return {name: np.array(pairs, dtype=np.int64).reshape(-1, 2) for name, pairs in segments.items()}


def _line_color(text: str, name: str, resolver: BesideResolver) -> np.ndarray | None:
    """Linear rgba of material `name`, or None where the file or its library does not know it."""
    library = re.search(r"^mtllib\s+(.+)$", text, re.MULTILINE)
    if not name or library is None:
        return None
    try:
        materials = parse_mtl(resolver.get(library[1].strip()), resolver=resolver)
    except FileNotFoundError:  # remembered by the resolver
        return None
    diffuse = materials.get(name, {}).get("diffuse")
    return None if diffuse is None else rgba(np.asarray(diffuse, dtype=np.float64)[None, :3], 1, srgb=True)
