"""From a sketch file to plain arrays. Runs in the capped child: import it from nowhere else.

Every format is read by trimesh; what it leaves out is added in sketch_gltf.py and sketch_obj.py. Colours come
out linear: glTF's vertex colours and factors are linear, its textures and all colours of PLY and OBJ are
sRGB.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from trimesh.exchange.ply import load_ply
from trimesh.exchange.stl import load_stl

from sdf_fit.sketch.colors import PLAIN, rgba
from sdf_fit.sketch.diagnose import what_is_wrong
from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.gltf import read_gltf
from sdf_fit.sketch.obj import BesideResolver, read_obj, textured_colors
from sdf_fit.sketch.parts import Part, Parts, check_counts


def parse(path: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    """The sketch as arrays, see Parts.as_arrays; raises SketchError, or whatever the format's reader
    raises where a second look does not find what is wrong either."""
    file = Path(path)
    try:
        return _read(file, max_vertices).as_arrays(max_vertices, max_faces)
    except (SketchError, MemoryError):
        raise
    except Exception as error:
        wrong = what_is_wrong(file)
        if wrong is None:
            raise
        fix = "The file is damaged, or was written by hand: export the sketch again, best as .glb."
        raise SketchError("unreadable", wrong, fix) from error


def _read(file: Path, max_vertices: int) -> Parts:
    suffix = file.suffix.lower()
    if suffix in (".glb", ".gltf"):
        return read_gltf(file, max_vertices)
    if suffix == ".obj":
        return read_obj(file)
    return _read_ply(file, max_vertices) if suffix == ".ply" else _read_stl(file)


def _read_ply(path: Path, max_vertices: int) -> Parts:
    data = path.read_bytes()
    if not data.startswith(b"ply"):
        raise SketchError("unreadable", "The file does not begin like a PLY.", "Give it its right extension.")
    _check_ply_header(data, max_vertices)
    resolver = BesideResolver(path.parent)
    loaded = load_ply(io.BytesIO(data), resolver=resolver)
    found = Parts(notes=resolver.refused)
    raw = loaded.get("metadata", {}).get("_ply_raw", {})
    if "vertices" not in loaded:
        return found
    vertices, edges = np.asarray(loaded["vertices"], dtype=np.float64), _ply_edges(raw)
    faces = np.asarray(loaded.get("faces", np.zeros((0, 3))), dtype=np.int64)
    if not len(faces) and not len(edges):
        found.loose_points = len(vertices)
        return found
    faces = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]) if faces.shape[1] == 4 else faces
    own = rgba(loaded.get("vertex_colors"), len(vertices), srgb=True)
    by_face = rgba(loaded.get("face_colors"), len(faces), srgb=True)
    if own is None and by_face is not None:  # a corner of its own for each face
        vertices, own = vertices[faces.reshape(-1)], by_face.repeat(3, axis=0)
        faces, edges = np.arange(len(vertices)).reshape(-1, 3), edges[:0]
    colors = textured_colors(own, loaded.get("visual"), len(vertices))
    found.parts.append(Part(path.stem, vertices, faces, edges, colors))
    return found


def _check_ply_header(data: bytes, max_vertices: int) -> None:
    """An announced count is refused before trimesh reserves memory for it."""
    header = data[: data.find(b"end_header")].decode("ascii", errors="replace")
    for line in header.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "element":
            check_counts(int(words[2]), 3 * max_vertices, words[1])
            if int(words[2]) < 0:
                raise SketchError("broken", f"The PLY announces {words[2]} {words[1]}.", "Export it again.")


def _ply_edges(raw: dict[str, Any]) -> np.ndarray:
    """[S, 2] int64 from a PLY's edge element."""
    data = raw.get("edge", {}).get("data")
    if data is None:
        return np.zeros((0, 2), np.int64)
    return (
        np.column_stack([np.asarray(data["vertex1"]), np.asarray(data["vertex2"])])
        .astype(np.int64)
        .reshape(-1, 2)
    )


def _read_stl(path: Path) -> Parts:
    loaded = load_stl(io.BytesIO(path.read_bytes()))
    solids = loaded.get("geometry", {path.stem: loaded})
    if not solids or "vertices" not in next(iter(solids.values())):
        raise SketchError("unreadable", "The file holds no whole STL solid.", "Copy or export it again.")
    found = Parts()
    for name, solid in solids.items():
        vertices = np.asarray(solid["vertices"], dtype=np.float64)
        colors = np.tile(np.asarray(PLAIN, np.float32), (len(vertices), 1))
        faces = np.asarray(solid["faces"], dtype=np.int64)
        found.parts.append(Part(str(name), vertices, faces, np.zeros((0, 2), np.int64), colors))
    return found
