"""The store as the rest of the server sees it: writes are awaited, reads are at once.

Every write goes to the one writing thread and is on the disk when the await returns; every read sees all that was
committed before it. What the methods do stands in jobs.py, attempts.py, submissions.py, uploads.py and events.py.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from server.config import Limits
from server.folders import Folders
from server.models import JobState
from server.problem import ProblemDict
from server.store import attempts, disk, events, jobs, schema, submissions, uploads
from server.store.connect import Readers, open_writing
from server.store.rows import BatchRow, EventRow, JobRow, NewRow, UploadRow
from server.store.writer import Writer

T = TypeVar("T")
Listener = Callable[[list[EventRow]], None]

log = logging.getLogger(__name__)


class Store:
    """Jobs, uploads, batches and events. Open it with `Store.open`; one process at a time."""

    def __init__(self, db: sqlite3.Connection, folders: Folders, limits: Limits) -> None:
        self._limits = limits
        self._listeners: list[Listener] = []
        self._told = events.last_id(db)  # the last event that listeners know
        self._readers = Readers(folders.database)
        self._writer = Writer(db, self._tell, lambda: disk.release_ballast(folders))

    @classmethod
    def open(cls, folders: Folders, limits: Limits | None = None) -> Store:
        """Makes or opens the database in the data folder. Raises StoreError if that cannot be."""
        folders.make()
        db = open_writing(folders.database)
        try:
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        disk.make_ballast(folders)
        return cls(db, folders, limits or Limits())

    def close(self) -> None:
        """Writes what waits and closes the database."""
        self._readers.close()
        self._writer.close()

    async def _write(self, work: Callable[..., T], *given: Any, relieved: bool = False) -> T:
        return await asyncio.wrap_future(self._writer.submit(lambda db: work(db, *given), relieved))

    def _read(self, work: Callable[..., T], *given: Any) -> T:
        with self._readers.lend() as db:
            return work(db, *given)

    # Jobs, for the routes

    async def add_job(self, new: NewRow, idempotency_key: str | None = None, body_sha: str = "") -> tuple[JobRow, bool]:
        """The new job and True, or the one that this key made before and False.

        Raises Problem 409 idempotency_conflict, 404 unknown_sketch, 429 queue_full.
        """
        return await self._write(submissions.add_job, new, idempotency_key, body_sha, self._limits.queued_jobs)

    async def add_jobs(
        self,
        rows: Sequence[NewRow],
        batch_id: str,
        batch_name: str,
        idempotency_key: str | None = None,
        body_sha: str = "",
    ) -> list[JobRow]:
        """All of them in one transaction, as one batch; those that this key made before, if it did. As add_job."""
        limit = self._limits.queued_jobs
        return await self._write(
            submissions.add_jobs, rows, batch_id, batch_name, idempotency_key, body_sha, limit
        )

    def job(self, job_id: str) -> JobRow | None:
        """The job, or None."""
        return self._read(jobs.get, job_id)

    def jobs(
        self, states: Sequence[JobState] = (), batch: str | None = None, after: str | None = None, limit: int = 50
    ) -> tuple[list[JobRow], str | None]:
        """Jobs newest first, of these states (none: of all), behind the cursor `after`; and the next cursor."""
        return self._read(jobs.page, states, batch, after, limit)

    def place(self, job_id: str) -> int | None:
        """How many jobs are in front of it in the queue; None unless it is queued."""
        return self._read(jobs.place, job_id)

    def counts(self, batch: str | None = None) -> dict[JobState, int]:
        """How many jobs are in each state, of one batch or of all."""
        return self._read(jobs.counts, batch)

    async def set_priority(self, job_id: str, priority: int) -> JobRow:
        """Raises Problem 404 unknown_job, 409 not_queued."""
        return await self._write(jobs.set_priority, job_id, priority)

    async def move_before(self, job_id: str, other_id: str) -> JobRow:
        """Puts a job directly in front of another, whose priority it takes over. Raises as set_priority."""
        return await self._write(jobs.move_before, job_id, other_id)

    async def cancel(self, job_id: str) -> JobRow:
        """queued → cancelled, running → cancelling. Raises Problem 404 unknown_job, 409 finished."""
        return await self._write(jobs.cancel, job_id)

    async def retry(self, job_id: str) -> JobRow:
        """failed, dead, cancelled → queued. Raises Problem 404 unknown_job, 409 not_retryable."""
        return await self._write(jobs.retry, job_id)

    async def remove(self, job_id: str) -> JobRow:
        """Forgets a job; its files are for retention.delete_job. Raises Problem 404 unknown_job, 409 running."""
        return await self._write(jobs.remove, job_id, relieved=True)

    def paused(self) -> bool:
        """Whether no job is to be started."""
        return bool(self._read(_counter, "paused"))

    async def set_paused(self, paused: bool) -> None:
        """Holds the queue, or lets it go on; kept over restarts."""
        await self._write(_set_counter, "paused", int(paused))

    # Attempts, for the dispatcher: all but `claim` raise Fenced if the attempt does not hold the job any more

    async def claim(self, worker: str, lease_seconds: float) -> JobRow | None:
        """Starts the queue's first job for this worker; None if there is none or the queue is paused."""
        return await self._write(attempts.claim, worker, lease_seconds)

    async def heartbeat(self, job_id: str, attempt: int, lease_seconds: float) -> None:
        """Lengthens the lease."""
        await self._write(attempts.heartbeat, job_id, attempt, lease_seconds)

    async def progress(self, job_id: str, attempt: int, event: dict[str, Any]) -> None:
        """Notes an event: stage, step, total, seconds_left, loss, preview (in the attempt's folder), warnings."""
        await self._write(attempts.progress, job_id, attempt, event)

    async def checkpointed(self, job_id: str, attempt: int) -> None:
        """The attempt's folder holds a new checkpoint, on the disk."""
        await self._write(attempts.checkpointed, job_id, attempt)

    async def warn(self, job_id: str, attempt: int, warnings: Sequence[str]) -> None:
        """Adds warnings to the job."""
        await self._write(attempts.warn, job_id, attempt, list(warnings))

    async def finish(
        self, job_id: str, attempt: int, state: attempts.Ended, error: ProblemDict | None = None
    ) -> JobRow:
        """Ends the job; with "done" it is published from this attempt's folder, whose files are on the disk."""
        return await self._write(attempts.finish, job_id, attempt, state, error)

    async def requeue(
        self, job_id: str, attempt: int, strike: bool, problem: ProblemDict | None = None, max_strikes: int = 3
    ) -> JobRow:
        """Lets go of a job: queued again; cancelled if it was cancelling; dead at `max_strikes` strikes."""
        return await self._write(attempts.requeue, job_id, attempt, strike, problem, max_strikes)

    async def recover(self) -> list[JobRow]:
        """When the server starts: running → queued, cancelling → cancelled. Returns those."""
        return await self._write(attempts.recover)

    async def expire_leases(self, now: float, max_strikes: int = 3) -> list[JobRow]:
        """Lets go of the jobs whose lease is over, each with a strike. Returns those."""
        return await self._write(attempts.expire_leases, now, max_strikes)

    # Uploads, batches, watched folders

    async def add_upload(self, row: UploadRow) -> None:
        """Notes an upload whose files are in their folder."""
        await self._write(uploads.add, row)

    def upload(self, sha256: str) -> UploadRow | None:
        """The upload, or None."""
        return self._read(uploads.get, sha256)

    def uploads_unused(self, before: float) -> list[UploadRow]:
        """Those that no job has and that came before that time, oldest first."""
        return self._read(uploads.unused, before)

    async def remove_upload(self, sha256: str) -> bool:
        """Forgets an upload; False if a job has it (its files must stay then) or it is not there."""
        return await self._write(uploads.remove, sha256, relieved=True)

    def batch(self, batch_id: str) -> BatchRow | None:
        """The batch with its jobs' ids, or None."""
        return self._read(submissions.batch, batch_id)

    def batches(self) -> list[BatchRow]:
        """All of them, newest first, without their jobs."""
        return self._read(submissions.batches)

    def watched(self, path: str) -> str | None:
        """The hash of what this file of a watched folder held when it became a job."""
        return self._read(uploads.watched, path)

    async def mark_watched(self, path: str, sha256: str, job_id: str) -> None:
        """The file's present content became this job."""
        await self._write(uploads.mark_watched, path, sha256, job_id)

    # Events

    def events(self, after: int, job: str | None = None, limit: int = 500) -> list[EventRow]:
        """The first `limit` events after that id, of one job or of all."""
        return self._read(events.after, after, job, limit)

    def last_event_id(self) -> int:
        """The newest event's id; 0: there never was one."""
        return self._read(events.last_id)

    async def prune_events(self, before: float) -> int:
        """Removes the progress events of jobs that ended before that time; returns how many."""
        return await self._write(events.prune, before, relieved=True)

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Calls back after each commit with its events, from the writing thread, in order. Returns the way to stop."""
        self._listeners.append(callback)

        def unlisten() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return unlisten

    def _tell(self, db: sqlite3.Connection) -> None:
        while new := events.after(db, self._told, None, 1000):
            self._told = new[-1].id
            for listener in list(self._listeners):
                try:
                    listener(new)
                except Exception:
                    log.exception("a listener to events failed")


def _counter(db: sqlite3.Connection, name: str) -> int:
    return db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()[0]


def _set_counter(db: sqlite3.Connection, name: str, value: int) -> None:
    db.execute("UPDATE counters SET value = ? WHERE name = ?", (value, name))
