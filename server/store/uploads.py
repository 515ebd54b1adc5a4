"""Uploaded sketches, and which files of watched folders became jobs."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import asdict

from server.store.rows import UploadRow, upload_row


def add(db: sqlite3.Connection, row: UploadRow) -> None:
    """Notes an upload whose files are in their folder. One that is there already becomes young again."""
    db.execute(
        "INSERT INTO uploads VALUES"
        " (:sha256, :name, :suffix, :main, :bytes, :vertices, :faces, :notes, :created)"
        " ON CONFLICT (sha256) DO UPDATE SET created = excluded.created",
        asdict(row) | {"notes": json.dumps(row.notes)},
    )


def get(db: sqlite3.Connection, sha256: str) -> UploadRow | None:
    """The upload, or None."""
    row = db.execute("SELECT * FROM uploads WHERE sha256 = ?", (sha256,)).fetchone()
    return upload_row(row) if row else None


def unused(db: sqlite3.Connection, before: float) -> list[UploadRow]:
    """Those that no job has and that came before that time, oldest first."""
    rows = db.execute(
        "SELECT * FROM uploads WHERE created < ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE sketch = sha256)"
        " ORDER BY created",
        (before,),
    )
    return [upload_row(row) for row in rows]


def remove(db: sqlite3.Connection, sha256: str) -> bool:
    """Forgets an upload; False if a job has it (its files must stay then) or it is not there."""
    return bool(
        db.execute(
            "DELETE FROM uploads WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE sketch = sha256)", (sha256,)
        ).rowcount
    )


def watched(db: sqlite3.Connection, path: str) -> str | None:
    """The hash of what the file held when it became a job."""
    row = db.execute("SELECT sha256 FROM watched WHERE path = ?", (path,)).fetchone()
    return row[0] if row else None


def mark_watched(db: sqlite3.Connection, path: str, sha256: str, job_id: str) -> None:
    """The file's present content became this job."""
    db.execute("INSERT OR REPLACE INTO watched VALUES (?, ?, ?, ?)", (path, sha256, job_id, time.time()))
