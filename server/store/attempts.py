"""Jobs as the dispatcher sees them: claimed, told of, ended.

Every write but `claim` names its attempt, and only the current attempt of a job that runs may write: an old worker that
comes back too late changes nothing (Fenced).
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any, Literal

from server.config import MAX_STRIKES
from server.problem import ProblemDict
from server.store import events, jobs
from server.store.errors import Fenced
from server.store.rows import JOB_COLUMNS, JobRow, job_row

Ended = Literal["done", "failed", "cancelled"]

LOST: ProblemDict = {
    "code": "worker_lost",
    "message": "The worker that ran the job ended without a word.",
    "fix": "The server's log tells more; a smaller preset needs less memory.",
}


def claim(db: sqlite3.Connection, worker: str, lease_seconds: float) -> JobRow | None:
    """Starts the queue's first job for this worker; None if there is none or the queue is paused."""
    if jobs.paused(db):
        return None
    first = db.execute(
        "SELECT id, attempt FROM jobs WHERE state = 'queued' ORDER BY priority DESC, rank, id LIMIT 1"
    ).fetchone()
    if first is None:
        return None
    now = time.time()
    return jobs.change(
        db,
        first["id"],
        state="running",
        attempt=first["attempt"] + 1,
        started=now,
        preview=None,  # it lay in the last attempt's folder
        lease_until=now + lease_seconds,
        worker=worker,
    )


def heartbeat(db: sqlite3.Connection, job_id: str, attempt: int, lease_seconds: float) -> None:
    """Lengthens the lease."""
    _set(db, job_id, attempt, lease_until=time.time() + lease_seconds)


def progress(db: sqlite3.Connection, job_id: str, attempt: int, event: dict[str, Any]) -> None:
    """Notes an event of the pipeline (realify.job.events, as_dict; its preview relative to the attempt's folder)."""
    told = {
        "stage": event["stage"],
        "step": event["step"],
        "total": event["total"],
        "seconds_left": events.finite(event.get("seconds_left")),
        "fraction": event["fraction"],
        "loss": events.finite(event.get("loss")),
    }
    if event.get("preview"):
        told["preview"] = event["preview"]
    row = _set(db, job_id, attempt, **told)
    new: list[str] = list(event.get("warnings") or ())
    if new:
        _append_warnings(db, row, new)
    events.add(db, job_id, "progress", **told | {"preview": row.preview}, warnings=new)


def checkpointed(db: sqlite3.Connection, job_id: str, attempt: int) -> None:
    """The attempt's folder holds a new checkpoint: what was lost before counts no more."""
    _set(db, job_id, attempt, checkpoint_attempt=attempt, strikes=0)


def finish(
    db: sqlite3.Connection, job_id: str, attempt: int, state: Ended, error: ProblemDict | None = None
) -> JobRow:
    """Ends the job. For "done" this commit is the publication: the result is what lies in this attempt's folder, on the
    disk."""
    _held(db, job_id, attempt)
    return jobs.change(
        db,
        job_id,
        state=state,
        error=json.dumps(error) if error else None,
        result_attempt=attempt if state == "done" else None,
        finished=time.time(),
        seconds_left=None,
        lease_until=None,
        worker=None,
    )


def requeue(
    db: sqlite3.Connection,
    job_id: str,
    attempt: int,
    strike: bool,
    problem: ProblemDict | None = None,
    max_strikes: int = MAX_STRIKES,
) -> JobRow:
    """Lets go of a job that was not ended: it waits again, or is cancelled if that was asked for.

    With `strike` the start counts as lost: after `max_strikes` of them without a new checkpoint the job is dead.
    """
    return _let_go(db, _held(db, job_id, attempt), strike, problem, max_strikes)


def recover(db: sqlite3.Connection) -> list[JobRow]:
    """When the server starts: whatever ran under the one before waits again. That is no strike."""
    return [_let_go(db, row, False, None, 1) for row in _running(db)]


def expire_leases(db: sqlite3.Connection, now: float, max_strikes: int = MAX_STRIKES) -> list[JobRow]:
    """Lets go of the jobs whose worker has not been heard of in time; each is a strike."""
    problem: ProblemDict = {
        "code": "lease_expired",
        "message": "The worker that ran the job was not heard of any more.",
        "fix": "Look whether that machine runs and reaches the server.",
    }
    late = [row for row in _running(db) if row.lease_until is not None and row.lease_until < now]
    return [_let_go(db, row, True, problem, max_strikes) for row in late]


def _running(db: sqlite3.Connection) -> list[JobRow]:
    rows = db.execute(f"SELECT {JOB_COLUMNS} FROM jobs WHERE state IN ('running', 'cancelling') ORDER BY id")
    return [job_row(row) for row in rows.fetchall()]


def _held(db: sqlite3.Connection, job_id: str, attempt: int) -> JobRow:
    """The job, if this attempt holds it; else raises Fenced."""
    row = jobs.get(db, job_id)
    if row is None or row.attempt != attempt or row.state not in ("running", "cancelling"):
        raise Fenced(job_id, attempt)
    return row


def _set(db: sqlite3.Connection, job_id: str, attempt: int, **values: Any) -> JobRow:
    """Sets columns without a word, if this attempt holds the job; else raises Fenced."""
    columns = ", ".join(f"{name} = :{name}" for name in values)
    rows = db.execute(
        f"UPDATE jobs SET {columns} WHERE id = :id AND attempt = :attempt AND state IN ('running', 'cancelling')"
        f" RETURNING {JOB_COLUMNS}",
        values | {"id": job_id, "attempt": attempt},
    ).fetchall()
    if not rows:
        raise Fenced(job_id, attempt)
    return job_row(rows[0])


def _append_warnings(db: sqlite3.Connection, row: JobRow, new: list[str]) -> None:
    """Adds those that are not there yet."""
    both = row.warnings + [text for text in new if text not in row.warnings]
    db.execute("UPDATE jobs SET warnings = ? WHERE id = ?", (json.dumps(both), row.id))


def _let_go(
    db: sqlite3.Connection, row: JobRow, strike: bool, problem: ProblemDict | None, max_strikes: int
) -> JobRow:
    idle: dict[str, Any] = {"lease_until": None, "worker": None, "seconds_left": None}
    if row.state == "cancelling":
        return jobs.change(db, row.id, state="cancelled", finished=time.time(), **idle)
    if not strike:
        return jobs.change(db, row.id, state="queued", **idle)
    problem, strikes = problem or LOST, row.strikes + 1
    if strikes < max_strikes:
        told = [f"Start {row.attempt} was lost: {problem['message']}"]
        _append_warnings(db, row, told)
        return jobs.change(db, row.id, told, state="queued", strikes=strikes, **idle)
    error = problem | {
        "message": f"Given up after {strikes} starts without a new checkpoint; of the last one: {problem['message']}"
    }
    return jobs.change(
        db, row.id, state="dead", strikes=strikes, error=json.dumps(error), finished=time.time(), **idle
    )
