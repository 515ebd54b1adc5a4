"""An attempt's run folder: made before it starts, with what the attempts before left; thinned out after it ended.

Each attempt has a folder of its own, so that a worker which outlived its server for a moment writes where nobody
reads any more.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from realify.job.atomic import write_atomic
from realify.job.run_folder import CHECKPOINT, LOG, PREVIEWS, SETTINGS
from server.folders import Folders
from server.store.retention import remove_tree
from server.store.rows import JobRow


def make_attempt_folder(folders: Folders, row: JobRow) -> Path:
    """The folder of the row's current attempt, with settings.json, the log so far, and the newest checkpoint.

    A checkpoint is whole wherever it stands (realify.job.atomic), so the newest one serves, whether or not the store
    heard of it. Raises OSError, as on a full disk.
    """
    folder = folders.attempt(row.id, row.attempt)
    remove_tree(folder)
    folder.mkdir(parents=True)
    write_atomic(folder / SETTINGS, (json.dumps(row.full_settings, indent=2) + "\n").encode())
    before = _attempts(folders, row.id, below=row.attempt)
    if log := _newest(before, LOG):
        shutil.copyfile(log, folder / LOG)  # it is written on, so it cannot be the same file
    if checkpoint := _newest(before, CHECKPOINT):
        _link(checkpoint, folder / CHECKPOINT)  # replaced as a whole, never written into
    for old in before:
        if old not in (checkpoint and checkpoint.parent, before[0]):
            remove_tree(old)
    return folder


def keep_only_attempt(folders: Folders, row: JobRow) -> None:
    """After the job's end: the other attempts go, and of a published one what only a running job needs. One that
    was not published keeps its checkpoint, for a retry."""
    for old in _attempts(folders, row.id, below=row.attempt):
        remove_tree(old)
    if row.state == "done":
        folder = folders.attempt(row.id, row.attempt)
        remove_tree(folder / PREVIEWS)
        remove_tree(folder / CHECKPOINT)


def _attempts(folders: Folders, job_id: str, below: int) -> list[Path]:
    """The folders of earlier attempts, newest first."""
    parent = folders.attempt(job_id, below).parent
    there = [int(entry.name) for entry in parent.iterdir() if entry.name.isdigit()] if parent.is_dir() else []
    return [parent / str(number) for number in sorted(there, reverse=True) if number < below]


def _newest(attempts: list[Path], name: str) -> Path | None:
    return next((folder / name for folder in attempts if (folder / name).exists()), None)


def _link(source: Path, target: Path) -> None:
    """One file under two names; a copy where the disk's format knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
