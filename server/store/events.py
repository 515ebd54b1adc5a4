"""The events table: written in the transaction of what it tells, so that it tells all of it and nothing else."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from typing import Any

from server.store.rows import EVENT_COLUMNS, EventKind, EventRow, JobRow, event_row


def add(db: sqlite3.Connection, job_id: str, kind: EventKind, **values: Any) -> None:
    """Writes an event; `values` are fields of EventRow."""
    values |= {"job": job_id, "kind": kind, "time": time.time()}
    for name in ("warnings", "error"):
        if values.get(name):
            values[name] = json.dumps(values[name])
        else:
            values.pop(name, None)
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO events ({columns}) VALUES ({marks})", values)


def add_state(db: sqlite3.Connection, row: JobRow, warnings: list[str] | None = None) -> None:
    """Tells in which state the job is now."""
    add(
        db,
        row.id,
        "state",
        state=row.state,
        stage=row.stage,
        step=row.step,
        total=row.total,
        seconds_left=row.seconds_left,
        fraction=row.fraction,
        preview=row.preview,
        error=row.error,
        warnings=warnings,
    )


def finite(value: float | None) -> float | None:
    """JSON knows no others."""
    return value if value is not None and math.isfinite(value) else None


def after(db: sqlite3.Connection, event_id: int, job_id: str | None = None, limit: int = 500) -> list[EventRow]:
    """The first `limit` events after that id, of one job or of all."""
    event_id = max(min(event_id, 2**63 - 1), 0)  # SQLite takes no others, and a client may send any
    condition = "" if job_id is None else "AND job = :job"
    rows = db.execute(
        f"SELECT {EVENT_COLUMNS} FROM events WHERE id > :after {condition} ORDER BY id LIMIT :limit",
        {"after": event_id, "job": job_id, "limit": limit},
    )
    return [event_row(row) for row in rows]


def last_id(db: sqlite3.Connection) -> int:
    """The newest event's id, also if it was pruned; 0: there never was one."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(row[0]) if row else 0


def prune(db: sqlite3.Connection, before: float) -> int:
    """Removes the progress of jobs that finished before that time, and of jobs that are gone; returns how many."""
    return db.execute(
        "DELETE FROM events WHERE time < :before AND CASE kind"
        " WHEN 'progress' THEN NOT EXISTS"
        " (SELECT 1 FROM jobs WHERE id = job AND (finished IS NULL OR finished >= :before))"
        " ELSE NOT EXISTS (SELECT 1 FROM jobs WHERE id = job) END",
        {"before": before},
    ).rowcount
