"""Jobs as people see them: handed in, listed, reordered, cancelled, tried again, removed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from server.models import STATES, JobState
from server.problem import Problem
from server.store import events
from server.store.errors import unknown_job
from server.store.ids import new_id
from server.store.rows import JOB_COLUMNS, JobRow, NewRow, job_row

RETRYABLE: tuple[JobState, ...] = ("failed", "dead", "cancelled")


def get(db: sqlite3.Connection, job_id: str) -> JobRow | None:
    """The job, or None."""
    row = db.execute(f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return job_row(row) if row else None


def known(db: sqlite3.Connection, job_id: str) -> JobRow:
    """The job; raises Problem 404."""
    row = get(db, job_id)
    if row is None:
        raise unknown_job(job_id)
    return row


def change(db: sqlite3.Connection, job_id: str, warnings: list[str] | None = None, **values: Any) -> JobRow:
    """Sets columns of a job that is there and tells its state."""
    columns = ", ".join(f"{name} = :{name}" for name in values)
    (row,) = db.execute(
        f"UPDATE jobs SET {columns} WHERE id = :id RETURNING {JOB_COLUMNS}", values | {"id": job_id}
    ).fetchall()
    changed = job_row(row)
    events.add_state(db, changed, warnings)
    return changed


def next_rank(db: sqlite3.Connection) -> int:
    """Behind all that were ever given."""
    (row,) = db.execute("UPDATE counters SET value = value + 1 WHERE name = 'rank' RETURNING value").fetchall()
    return row[0]


def insert(db: sqlite3.Connection, new: NewRow, batch: str | None = None) -> JobRow:
    """Puts a job at the end of its priority. Raises Problem 404 if its sketch is not there."""
    if not db.execute("SELECT 1 FROM uploads WHERE sha256 = ?", (new.sketch,)).fetchone():
        raise Problem(
            404,
            "unknown_sketch",
            f"There is no upload {new.sketch}.",
            f"PUT the file to /v1/uploads/{new.sketch}?name=… first; unused uploads are removed after a day.",
        )
    values = {
        "id": new_id(),
        "state": "queued",
        "sketch": new.sketch,
        "name": new.name,
        "prompt": new.prompt,
        "preset": new.preset,
        "seed": new.seed,
        "settings": json.dumps(new.settings),
        "full_settings": json.dumps(new.full_settings),
        "priority": new.priority,
        "rank": next_rank(db),
        "batch": batch,
        "created": time.time(),
    }
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    (row,) = db.execute(
        f"INSERT INTO jobs ({columns}) VALUES ({marks}) RETURNING {JOB_COLUMNS}", values
    ).fetchall()
    inserted = job_row(row)
    events.add_state(db, inserted)
    return inserted


def require_room(db: sqlite3.Connection, new: int, limit: int) -> None:
    """Raises Problem 429 if the queue would hold more than `limit` jobs."""
    queued = db.execute("SELECT jobs FROM tallies WHERE state = 'queued'").fetchone()[0]
    if queued + new > limit:
        raise Problem(
            429,
            "queue_full",
            f"{queued} jobs wait already; with {new} more it would be more than {limit}.",
            "Wait until some are done, or cancel some.",
            {"Retry-After": "60"},
        )


def page(
    db: sqlite3.Connection,
    states: Sequence[JobState] = (),
    batch: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[JobRow], str | None]:
    """Jobs newest first, of these states (none: of all), behind the cursor `after`; and the next cursor.

    One branch for each state: each reads `limit` rows at most from its index, however many there are.
    """
    common = f"SELECT {JOB_COLUMNS} FROM jobs WHERE {'id < :after' if after else '1'}"
    if batch is not None:
        common += " AND batch = :batch"
    if states or batch is not None:
        wanted = [f" AND state = '{state}'" for state in STATES if not states or state in states]
    else:
        wanted = [""]
    branches = [f"SELECT * FROM ({common}{more} ORDER BY id DESC LIMIT :limit)" for more in wanted]
    rows = db.execute(
        f"{' UNION ALL '.join(branches)} ORDER BY id DESC LIMIT :limit",
        {"after": after, "batch": batch, "limit": limit + 1},
    ).fetchall()
    jobs = [job_row(row) for row in rows[:limit]]
    return jobs, jobs[-1].id if len(rows) > limit else None


def place(db: sqlite3.Connection, job_id: str) -> int | None:
    """How many jobs are in front of it in the queue; None unless it is queued.

    Those behind it are counted, for it is the newest jobs that are asked for most: at their submit, and in lists.
    """
    row = db.execute("SELECT priority, rank, id FROM jobs WHERE id = ? AND state = 'queued'", (job_id,)).fetchone()
    if row is None:
        return None
    queued = "SELECT count(*) FROM jobs INDEXED BY queue WHERE state = 'queued' AND"
    return db.execute(
        "SELECT (SELECT jobs FROM tallies WHERE state = 'queued') - 1"
        f" - ({queued} priority < :priority)"
        f" - ({queued} priority = :priority AND (rank, id) > (:rank, :id))",
        dict(row),
    ).fetchone()[0]


def counts(db: sqlite3.Connection, batch: str | None = None) -> dict[JobState, int]:
    """How many jobs are in each state, of one batch or of all."""
    if batch is None:
        rows = db.execute("SELECT state, jobs FROM tallies")
    else:
        rows = db.execute("SELECT state, count(*) FROM jobs WHERE batch = ? GROUP BY state", (batch,))
    return dict.fromkeys(STATES, 0) | dict(tuple(row) for row in rows)


def paused(db: sqlite3.Connection) -> bool:
    """Whether no job is to be started."""
    return bool(db.execute("SELECT value FROM counters WHERE name = 'paused'").fetchone()[0])


def set_paused(db: sqlite3.Connection, paused: bool) -> None:
    """Holds the queue, or lets it go on; kept over restarts."""
    db.execute("UPDATE counters SET value = ? WHERE name = 'paused'", (int(paused),))


def set_priority(db: sqlite3.Connection, job_id: str, priority: int) -> JobRow:
    """Moves a queued job to another priority, where its age still counts. Raises Problem 404 unknown_job, 409
    not_queued."""
    _require_queued(known(db, job_id))
    return change(db, job_id, priority=priority)


def move_before(db: sqlite3.Connection, job_id: str, other_id: str) -> JobRow:
    """Puts a queued job directly in front of another one, whose priority it takes over. Raises as set_priority."""
    _require_queued(known(db, job_id))
    other = known(db, other_id)
    _require_queued(other)
    if job_id == other_id:
        return other
    if (rank := _rank_before(db, job_id, other)) is None:
        _spread_ranks(db, other.priority)
        other = known(db, other_id)
        rank = _rank_before(db, job_id, other)
    return change(db, job_id, priority=other.priority, rank=rank)


def _rank_before(db: sqlite3.Connection, job_id: str, other: JobRow) -> float | None:
    """A rank between `other` and the one in front of it; None if there is no number between them."""
    front = db.execute(
        "SELECT rank FROM jobs WHERE state = 'queued' AND priority = ? AND (rank, id) < (?, ?) AND id != ?"
        " ORDER BY rank DESC, id DESC LIMIT 1",
        (other.priority, other.rank, other.id, job_id),
    ).fetchone()
    if front is None:
        return other.rank - 1
    middle = (front[0] + other.rank) / 2
    return middle if front[0] < middle < other.rank else None


def _spread_ranks(db: sqlite3.Connection, priority: int) -> None:
    """Gives the queued jobs of a priority whole numbers in the order they have, the last one keeping its own."""
    rows = db.execute(
        "SELECT id, rank FROM jobs WHERE state = 'queued' AND priority = ? ORDER BY rank DESC, id DESC", (priority,)
    ).fetchall()
    last = rows[0]["rank"]
    db.executemany("UPDATE jobs SET rank = ? WHERE id = ?", [(last - i, row["id"]) for i, row in enumerate(rows)])


def cancel(db: sqlite3.Connection, job_id: str) -> JobRow:
    """A queued job is cancelled at once; a running one once its worker has let go. Raises Problem 404 unknown_job, 409
    finished."""
    row = known(db, job_id)
    if row.state == "queued":
        return change(db, job_id, state="cancelled", finished=time.time(), seconds_left=None)
    if row.state == "running":
        return change(db, job_id, state="cancelling")
    if row.state == "cancelling":
        return row
    raise Problem(
        409,
        "finished",
        f"Job {job_id} is {row.state}; only one that waits or runs can be cancelled.",
        "Nothing needs to be done; DELETE removes it.",
    )


def retry(db: sqlite3.Connection, job_id: str) -> JobRow:
    """Queues a job once more, at the end, going on from its checkpoint. Raises Problem 404 unknown_job, 409
    not_retryable."""
    row = known(db, job_id)
    if row.state not in RETRYABLE:
        raise Problem(
            409,
            "not_retryable",
            f"Job {job_id} is {row.state}; only one that failed, is dead or was cancelled can be tried again.",
            "Submit it as a new job for another result.",
        )
    return change(
        db, job_id, state="queued", rank=next_rank(db), strikes=0, error=None, finished=None, seconds_left=None
    )


def remove(db: sqlite3.Connection, job_id: str) -> JobRow:
    """Forgets a job and its events; its files are for retention.delete_job. Raises Problem 404 unknown_job, 409
    running."""
    row = known(db, job_id)
    if row.state in ("running", "cancelling"):
        raise Problem(
            409,
            "running",
            f"Job {job_id} is {row.state} and cannot be deleted.",
            f"POST /v1/jobs/{job_id}/cancel first and delete it once it is cancelled.",
        )
    db.execute("DELETE FROM events WHERE job = ?", (job_id,))
    db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    if row.batch is not None:
        last_one = "NOT EXISTS (SELECT 1 FROM jobs WHERE batch = :id)"
        db.execute(f"DELETE FROM batches WHERE id = :id AND {last_one}", {"id": row.batch})
    events.add(db, job_id, "removed")
    return row


def _require_queued(row: JobRow) -> None:
    if row.state != "queued":
        raise Problem(
            409,
            "not_queued",
            f"Job {row.id} is {row.state}; only queued jobs have a place in the queue.",
            "Look at the queue again: it has moved on.",
        )
