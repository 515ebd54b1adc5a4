"""The files that a job has to show: their names over HTTP, their types, and what they are called on a client's disk."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from realify.job.run_folder import LOG, RESULT, SETTINGS, SHEET, TURNTABLE

PREVIEW = "preview.png"  # the newest picture of a job, whether it runs or is done
SKETCH = "sketch"  # as it came
PUBLISHED = {
    RESULT: "model/gltf-binary",
    SHEET: "image/png",
    TURNTABLE: "image/webp",
}  # there once the job is done, and not before
TYPES = {**PUBLISHED, PREVIEW: "image/png", LOG: "text/plain; charset=utf-8", SETTINGS: "application/json"}
NAMES = (*TYPES, SKETCH)

_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_LETTERS = 100


def file_name(name: str) -> str:
    """The name without what some system refuses in a file's name; never empty."""
    plain = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]+', "_", name).strip(" .")[:_MOST_LETTERS].strip(" .")
    return f"_{plain}" if _DEVICES.fullmatch(plain) else plain or "realify"


def saved_as(job_name: str, artefact: str) -> str:
    """NAME.glb for the result, NAME-preview.png and so on for the others."""
    return file_name(job_name) + (PurePosixPath(artefact).suffix if artefact == RESULT else f"-{artefact}")
