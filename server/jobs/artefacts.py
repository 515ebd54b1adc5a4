"""Which of its files a job has now, and where they lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from realify.job.run_folder import LOG, RESULT, SETTINGS
from server.artefacts import PREVIEW, SKETCH, TYPES, saved_as
from server.folders import Folders
from server.store.rows import JobRow, UploadRow

SKETCH_TYPES = {
    ".glb": "model/gltf-binary",
    ".obj": "model/obj",
    ".ply": "application/octet-stream",
    ".stl": "model/stl",
    ".zip": "application/zip",
}


@dataclass(frozen=True)
class Artefact:
    """A file, what it is, and what a browser saves it as."""

    path: Path
    media_type: str
    disposition: str


def find(row: JobRow, upload: UploadRow | None, folders: Folders, name: str) -> Artefact | None:
    """The artefact of that name if the job may have it now; its file can still be missing."""
    if name == SKETCH:
        return _sketch(row, upload, folders)
    path = _path(row, folders, name)
    if path is None:
        return None
    how = "attachment" if name == RESULT else "inline"
    return Artefact(path, TYPES[name], f"{how}; {_filename(row.name, name)}")


def present(row: JobRow, folders: Folders) -> list[str]:
    """The names whose files are there. The sketch is kept as long as a job has it."""
    paths = {name: _path(row, folders, name) for name in TYPES if name != SETTINGS}
    return [name for name, path in paths.items() if path and path.is_file()] + [SETTINGS, SKETCH]


def settings_json(row: JobRow) -> bytes:
    """settings.json, which every job has from the first."""
    return (json.dumps(row.full_settings, indent=2, ensure_ascii=False) + "\n").encode()


def preview_address(job_id: str, preview: str | None) -> str | None:
    """Where the newest preview is; another address for each, so that a page sees that there is a new one."""
    if preview is None:
        return None
    return f"/v1/jobs/{job_id}/artefacts/{PREVIEW}?at={quote(PurePosixPath(preview).stem)}"


def _path(row: JobRow, folders: Folders, name: str) -> Path | None:
    if row.result_attempt is not None:
        return folders.attempt(row.id, row.result_attempt) / name if name in TYPES else None
    if name == LOG and row.attempt > 0:
        return folders.attempt(row.id, row.attempt) / name
    if name == PREVIEW and row.preview is not None:
        return folders.attempt(row.id, row.attempt) / row.preview
    return None


def _sketch(row: JobRow, upload: UploadRow | None, folders: Folders) -> Artefact | None:
    if upload is None:
        return None
    path = folders.upload(row.sketch) / f"{SKETCH}{upload.suffix}"
    return Artefact(path, SKETCH_TYPES[upload.suffix], f"attachment; {_filename(row.name, path.name)}")


def _filename(job_name: str, name: str) -> str:
    """What a browser is to call it, as a header says it."""
    whole = saved_as(job_name, name)
    plain = whole.encode("ascii", "replace").decode().replace("?", "_")
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"
