"""A sketch: strokes read from a file, cleaned, in the working frame, with the way back to where they stood.

The file is parsed in a capped child (sketch_parsing.py), what comes back is checked, cleaned
(sketch_cleaning.py) and moved into the working frame: the smallest bounding sphere at the origin with radius
.9, the front towards +Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdf_fit import WORKING_RADIUS
from sdf_fit.mesh import Mesh
from sdf_fit.sketch.clean import Strokes, clean, describe
from sdf_fit.sketch.error import SketchError
from sdf_fit.sketch.limits import Limits, parse_capped
from sdf_fit.sketch.shape import enclosing_sphere, stroke_width

__all__ = ["Limits", "Sketch", "SketchError", "read_sketch"]

STROKE_WIDTHS = (0.01, 0.2)  # working units: a single closed body has no stroke width to speak of
Y_FROM_Z = np.array(
    [[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]
)  # as Blender's glTF export turns


@dataclass(frozen=True)
class Sketch:
    """mesh in the working frame with colours; world_from_work [4, 4] float64 takes it to Y-up metres where
    the sketch stood; stroke_width, the typical full width of a stroke in working units; warnings for the
    user; the file's name."""

    mesh: Mesh
    world_from_work: np.ndarray
    stroke_width: float
    warnings: tuple[str, ...]
    name: str


def read_sketch(
    path: str | Path,
    *,
    up: str = "auto",
    scale: float = 1.0,
    front: float = 0.0,
    limits: Limits | None = None,
) -> Sketch:
    """Read a GLB, glTF, OBJ, PLY or STL file of strokes.

    Args:
        path: the file; only its own folder is read, and no URL.
        up: the file's up axis, "y", "z" or "auto" (z for STL, y otherwise).
        scale: metres per unit of the file.
        front: azimuth in degrees of the sketch's front, 0 = +Z, 90 = +X (after the up axis is set). It turns
        the
            working frame alone: the result still lands where the sketch stood.
        limits: what reading may cost; Limits() by default.

    Raises:
        SketchError: whatever is wrong with the file; it says what came, what was wanted and how to mend it.
        ValueError: an option out of its range.
    """
    if up not in ("auto", "y", "z"):
        raise ValueError(f"up is {up!r}, wanted 'auto', 'y' or 'z'")
    if not (math.isfinite(scale) and scale > 0 and math.isfinite(front)):
        raise ValueError(f"scale is {scale}, wanted above 0; front is {front}, wanted degrees")
    path, limits = Path(path), limits or Limits()
    return arrange(parse_capped("sdf_fit.sketch.parse:parse", path, limits), path, up, scale, front, limits)


def arrange(
    parsed: dict[str, Any], path: Path, up: str, scale: float, front: float, limits: Limits
) -> Sketch:
    """A sketch from the arrays that its file was parsed into (Parts.as_arrays); else as `read_sketch`."""
    _check_arrays(parsed, limits)
    suffix = path.suffix.lower()
    z_up = up == "z" or (up == "auto" and suffix == ".stl")
    world_from_file = (Y_FROM_Z if z_up else np.eye(4)) * np.array([[scale], [scale], [scale], [1.0]])
    strokes = _strokes(parsed, world_from_file)
    vertices, faces, colors = clean(strokes)
    work_from_world = _working_frame(vertices, front)
    vertices = vertices @ work_from_world[:3, :3].T + work_from_world[:3, 3]

    notes = [str(parsed["notes"])] if parsed["notes"] else []
    if up == "auto" and suffix not in (".glb", ".gltf"):
        notes.append(
            f"up axis taken as {'z' if z_up else 'y'} ({suffix[1:].upper()} does not say); sketch.up tells it"
        )
    if strokes.dropped:
        notes.append(f"dropped from the sketch: {describe(strokes.dropped)}")
    return Sketch(
        mesh=Mesh(vertices.astype(np.float32), faces.astype(np.int32), colors.astype(np.float32)),
        world_from_work=np.linalg.inv(work_from_world),
        stroke_width=float(np.clip(stroke_width(vertices, faces), *STROKE_WIDTHS)),
        warnings=tuple(line for note in notes for line in note.splitlines()),
        name=path.stem,
    )


def _check_arrays(parsed: dict[str, Any], limits: Limits) -> None:
    """The child is not trusted: shapes, counts and index ranges once more, on this side."""
    vertices, faces, segments = parsed["vertices"], parsed["faces"], parsed["segments"]
    parts = len(parsed["part_names"])
    sound = (
        vertices.shape == (len(vertices), 3)
        and parsed["colors"].shape == (len(vertices), 4)
        and faces.shape == (len(faces), 3)
        and segments.shape == (len(segments), 2)
        and parsed["face_part"].shape == (len(faces),)
        and parsed["segment_part"].shape == (len(segments),)
        and parsed["part_cutoffs"].shape == (parts,)
        and np.isfinite(parsed["colors"]).all()
        and len(vertices) <= limits.vertices
        and len(faces) + len(segments) <= limits.faces
        and all(_within(parsed[key], len(vertices)) for key in ("faces", "segments"))
        and all(_within(parsed[key], parts) for key in ("face_part", "segment_part"))
    )
    if not sound:
        raise SketchError(
            "broken", "The sketch's lists do not fit together.", "Export the sketch again, best as .glb."
        )


def _within(indices: np.ndarray, count: int) -> bool:
    return indices.dtype.kind == "i" and (not len(indices) or (indices.min() >= 0 and indices.max() < count))


def _strokes(parsed: dict[str, Any], world_from_file: np.ndarray) -> Strokes:
    strokes = Strokes(
        vertices=parsed["vertices"] @ world_from_file[:3, :3].T,
        colors=parsed["colors"],
        faces=parsed["faces"],
        face_part=parsed["face_part"],
        segments=parsed["segments"],
        segment_part=parsed["segment_part"],
        names=parsed["part_names"],
        cutoffs=parsed["part_cutoffs"],
    )
    for what in ("cameras", "lights", "flat_nodes", "loose_points"):
        strokes.drop(
            {"flat_nodes": "parts of zero scale", "loose_points": "loose points"}.get(what, what),
            parsed[what],
        )
    return strokes


def _working_frame(vertices: np.ndarray, front: float) -> np.ndarray:
    """work_from_world [4, 4]: sphere centre to the origin, its radius to .9, the front's azimuth to +Z."""
    centre, radius = enclosing_sphere(vertices)
    turn = math.radians(-front)
    rotation = np.array(
        [[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]]
    )
    frame = np.eye(4)
    frame[:3, :3] = rotation * (WORKING_RADIUS / radius)
    frame[:3, 3] = -frame[:3, :3] @ centre
    return frame
