"""One part of a sketch file as the readers give it: a primitive, a group, or a whole file's triangles and
lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sdf_fit.sketch.colors import PLAIN
from sdf_fit.sketch.error import SketchError

VISIBLE_ALPHA = 0.5 / 255  # below half of the smallest 8-bit step nothing is drawn


@dataclass(frozen=True)
class Part:
    """vertices [V, 3] float64 in file units, faces [F, 3] int64, segments [S, 2] int64 (lines without faces),
    colors [V, 4] float32 linear rgb and alpha; a vertex whose alpha is below `cutoff` is not drawn."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    segments: np.ndarray
    colors: np.ndarray
    cutoff: float = VISIBLE_ALPHA

    def placed(self, matrix: np.ndarray) -> Part:
        """The part under an affine [4, 4] matrix; faces are turned over where it mirrors."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        mirrors = np.linalg.det(matrix[:3, :3]) < 0
        return replace(self, vertices=vertices, faces=self.faces[:, ::-1] if mirrors else self.faces)

    def check_indices(self) -> None:
        """Raises SketchError where a face or line points past the vertices."""
        for what, indices in (("face", self.faces), ("line", self.segments)):
            if len(indices) and not (indices.min() >= 0 and indices.max() < len(self.vertices)):
                raise SketchError(
                    "broken",
                    f"A {what} of '{self.name}' points at vertex {indices.max()} of {len(self.vertices)}.",
                    "The file is damaged: export the sketch again.",
                )


@dataclass
class Parts:
    """What a reader found: the parts, what it left out, and what the user should know."""

    parts: list[Part] = field(default_factory=list)
    cameras: int = 0
    lights: int = 0
    flat_nodes: int = 0
    loose_points: int = 0
    notes: list[str] = field(default_factory=list)

    def as_arrays(self, max_vertices: int, max_faces: int) -> dict[str, Any]:
        """All parts joined into plain arrays, checked against the limits before any memory is spent on
        them."""
        check_counts(sum(len(part.vertices) for part in self.parts), max_vertices, "vertices")
        check_counts(sum(len(part.faces) + len(part.segments) for part in self.parts), max_faces, "faces")
        for part in self.parts:
            part.check_indices()
        starts = np.cumsum([0] + [len(part.vertices) for part in self.parts])
        numbers = np.arange(len(self.parts), dtype=np.int32)
        colors = _join([part.colors for part in self.parts], 4, np.float32)
        lost = ~np.isfinite(colors).all(1)
        if lost.any():
            colors[lost] = PLAIN
            self.notes.append(f"{lost.sum()} vertices have a colour that is no number; they are taken as grey")
        return {
            "vertices": _join([part.vertices for part in self.parts], 3, np.float64),
            "colors": colors,
            "faces": _join(
                [part.faces + start for part, start in zip(self.parts, starts, strict=False)], 3, np.int64
            ),
            "face_part": np.repeat(numbers, [len(part.faces) for part in self.parts]),
            "segments": _join(
                [part.segments + start for part, start in zip(self.parts, starts, strict=False)], 2, np.int64
            ),
            "segment_part": np.repeat(numbers, [len(part.segments) for part in self.parts]),
            "part_names": np.array([part.name[:80] for part in self.parts], dtype="<U80"),
            "part_cutoffs": np.array([part.cutoff for part in self.parts], dtype=np.float64),
            "cameras": self.cameras,
            "lights": self.lights,
            "flat_nodes": self.flat_nodes,
            "loose_points": self.loose_points,
            "notes": "\n".join(self.notes),
        }


def check_counts(count: int, limit: int, what: str) -> None:
    """Raises SketchError where a file holds, or claims to hold, more than the limit."""
    if count > limit:
        raise SketchError(
            "too_large",
            f"The sketch has {count:,} {what}, at most {limit:,} are read.",
            "Export fewer strokes at once, or raise the limit.",
        )


def _join(arrays: list[np.ndarray], width: int, dtype: type) -> np.ndarray:
    return np.concatenate(
        [np.zeros((0, width), dtype), *(array.astype(dtype, copy=False) for array in arrays)]
    )
