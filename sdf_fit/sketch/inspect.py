"""A look at a sketch's file without taking it in: whether it can be used, and how large it is.

All of it happens in the capped child, the cleaning too, so that a server that looks at files of unknown origin
never holds their arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdf_fit.sketch.limits import Limits, parse_capped


@dataclass(frozen=True)
class Look:
    """Counts of the cleaned sketch, and what a user should be told about it."""

    vertices: int
    faces: int
    notes: tuple[str, ...]


def look_at(path: Path, limits: Limits) -> Look:
    """What `read_sketch` with its default options would find. Raises SketchError as it does."""
    seen = parse_capped("sdf_fit.sketch.inspect:look", path, limits)
    return Look(int(seen["vertices"]), int(seen["faces"]), tuple(str(seen["notes"]).splitlines()))


def look(path: str, max_vertices: int, max_faces: int) -> dict[str, Any]:
    """The child's part: parsed and cleaned, and only the counts handed back."""
    # Imported here, in the child: it is heavy, and the process that asks needs none of it.
    from sdf_fit.sketch.parse import parse
    from sdf_fit.sketch.read import arrange

    limits = Limits(vertices=max_vertices, faces=max_faces)
    sketch = arrange(parse(path, max_vertices, max_faces), Path(path), "auto", 1.0, 0.0, limits)
    mesh = sketch.mesh
    return {"vertices": len(mesh.vertices), "faces": len(mesh.faces), "notes": "\n".join(sketch.warnings)}
