"""Jobs and batches handed in, once for each Idempotency-Key."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from server.config import RequestLimits
from server.problem import Problem
from server.store import jobs
from server.store.rows import BatchRow, JobRow, NewRow

QUEUED_JOBS = RequestLimits.queued_jobs


def add_job(
    db: sqlite3.Connection, new: NewRow, key: str | None = None, body_sha: str = "", limit: int = QUEUED_JOBS
) -> tuple[JobRow, bool]:
    """The new job and True, or the one that this key made before and False; at most `limit` may wait.

    Raises Problem 409 idempotency_conflict, 404 unknown_sketch, 429 queue_full.
    """
    if (seen := _seen(db, key, body_sha)) is not None and seen["job"] is not None:
        return jobs.known(db, seen["job"]), False
    jobs.require_room(db, 1, limit)
    row = jobs.insert(db, new)
    _remember(db, key, body_sha, job=row.id, batch=None)
    return row, True


def add_jobs(
    db: sqlite3.Connection,
    rows: Sequence[NewRow],
    batch_id: str,
    name: str,
    key: str | None = None,
    body_sha: str = "",
    limit: int = QUEUED_JOBS,
) -> list[JobRow]:
    """All of them or none, as one batch; those that this key made before, if it did. Raises as add_job."""
    if (seen := _seen(db, key, body_sha)) is not None and seen["batch"] is not None:
        return jobs.page(db, (), seen["batch"], None, len(rows))[0][::-1]
    jobs.require_room(db, len(rows), limit)
    db.execute("INSERT INTO batches VALUES (?, ?, ?)", (batch_id, name, time.time()))
    added = [jobs.insert(db, row, batch_id) for row in rows]
    _remember(db, key, body_sha, job=None, batch=batch_id)
    return added


def batch(db: sqlite3.Connection, batch_id: str) -> BatchRow | None:
    """The batch with its jobs' ids, or None."""
    row = db.execute("SELECT * FROM batches WHERE id = ?", (batch_id,)).fetchone()
    if row is None:
        return None
    ids = [job["id"] for job in db.execute("SELECT id FROM jobs WHERE batch = ? ORDER BY id", (batch_id,))]
    return BatchRow(**dict(row), counts=jobs.counts(db, batch_id), jobs=ids)


def batches(db: sqlite3.Connection) -> list[BatchRow]:
    """All of them, newest first, without their jobs."""
    rows = db.execute("SELECT * FROM batches ORDER BY id DESC").fetchall()
    return [BatchRow(**dict(row), counts=jobs.counts(db, row["id"])) for row in rows]


def _seen(db: sqlite3.Connection, key: str | None, body_sha: str) -> sqlite3.Row | None:
    row = db.execute("SELECT * FROM submissions WHERE key = ?", (key,)).fetchone()
    if row is not None and row["body_sha"] != body_sha:
        raise Problem(
            409,
            "idempotency_conflict",
            "This Idempotency-Key was used before, with another body.",
            "Use a new key for each new job, and the same one only to repeat a request unchanged.",
        )
    return row


def _remember(db: sqlite3.Connection, key: str | None, body_sha: str, job: str | None, batch: str | None) -> None:
    if key is not None:
        db.execute("INSERT INTO submissions VALUES (?, ?, ?, ?)", (key, body_sha, job, batch))
