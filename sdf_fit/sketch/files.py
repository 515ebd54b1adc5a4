"""Files beside a sketch: nothing outside its own folder is read, and no URL is followed."""

from __future__ import annotations

import re
from pathlib import Path

from sdf_fit.sketch.error import SketchError


def read_beside(folder: Path, name: str) -> bytes:
    """The bytes of `folder/name`; raises SketchError where the name is a URL or leads out of the folder."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:|//", name):  # two letters or more before the colon: C:\ is a path
        raise SketchError(
            "url",
            f"The sketch points at {name[:120]}; URLs are not fetched.",
            "Export it as one .glb, or put that file beside it.",
        )
    root = folder.resolve()
    path = (root / name.strip().replace("\\", "/")).resolve()  # also where a link leads
    if not path.is_relative_to(root):
        raise SketchError(
            "outside",
            f"The sketch points at {name[:120]}, outside its own folder.",
            "Export it as one .glb, or put that file beside it.",
        )
    if not path.is_file():
        raise SketchError(
            "missing_part", f"The sketch needs {name[:120]}, which is not there.", "Put it beside the sketch."
        )
    return path.read_bytes()
