"""Jobs on the disk, so that one whose .blend file was not saved before Blender closed is found again.

    FOLDER/KEY/job.json      beside the job's other files
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..trouble import Trouble
from .job import Job

NAME = "job.json"


def keep(folder: Path, job: Job) -> None:
    """Writes it down. Raises Trouble disk_full."""
    place = folder / job.key
    text = json.dumps(job.as_dict(), ensure_ascii=False)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{NAME}.part").write_text(text, encoding="utf-8")
        os.replace(place / f"{NAME}.part", place / NAME)
    except OSError as error:
        raise cannot_write(place, error) from error


def cannot_write(place: Path, error: OSError) -> Trouble:
    """As users are told of it."""
    return Trouble("disk_full", f"{place} cannot be written: {error.strerror or error}.", "Make room on that disk.")


def kept(folder: Path) -> Iterator[Job]:
    """All that were written down, oldest first; half written ones are none."""
    found = []
    for path in folder.glob(f"*/{NAME}"):
        try:
            found.append(Job.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue  # a crash while it was written; nothing can be said about it
    yield from sorted(found, key=lambda job: job.created)


def forget(folder: Path, key: str, keep_files: bool = False) -> None:
    """Removes the job's folder with all that is in it; or, if its files are to stay, what makes it a job."""
    if keep_files:
        (folder / key / NAME).unlink(missing_ok=True)
    else:
        shutil.rmtree(folder / key, ignore_errors=True)
