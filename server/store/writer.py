"""The one thread that writes, with group commit: all that waits goes into one transaction and one flush to the disk.

Many threads that each commit for themselves wait for each other's flushes; here they share one. There is also only
one connection that ever writes or checkpoints, so nothing can be in its way.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from server.problem import Problem
from server.store.errors import StoreError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]

GROUP = 512  # at most as many share a commit
IDLE_SECONDS = 0.1  # without anything to write; a job's events leave such gaps, a rush of submits does not
CHECKPOINT_IDLE = 64  # commits after which the log is worked into the database in such a gap
CHECKPOINT_BUSY = 2048  # and at the latest

log = logging.getLogger(__name__)


@dataclass
class _Task:
    """Work and the future that gets what became of it."""

    work: Work
    future: Future[Any]
    relieved: bool  # it may use up the last reserve of disk space
    value: Any = None
    error: Exception | None = None

    def resolve(self) -> None:
        if self.error is None:
            self.future.set_result(self.value)
        else:
            self.future.set_exception(self.error)


class Writer:
    """`relief` frees the last reserve of disk space and says whether it could; `after_commit` sees the connection
    after each commit."""

    def __init__(
        self,
        db: sqlite3.Connection,
        after_commit: Callable[[sqlite3.Connection], None] = lambda db: None,
        relief: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._after_commit = after_commit
        self._relief = relief
        self._waiting: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # nothing is put behind the None that ends the thread
        self._closed = False
        self._commits = 0  # since the last checkpoint
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T], relieved: bool = False) -> Future[T]:
        """Runs `work` in a transaction; the future is resolved once that is on the disk.

        An exception undoes this work alone. It may be run twice (the first time undone), so it changes nothing but
        the database. The future raises Problem 507 if the disk is full; with `relieved`, what makes room again, only
        if the last reserve was not enough either.
        """
        task = _Task(work, Future(), relieved)
        with self._lock:
            if self._closed:
                raise StoreError("The store is closed.", "The server is shutting down: ask again when it runs.")
            self._waiting.put(task)
        return task.future

    def close(self) -> None:
        """Writes what waits, then ends the thread and closes the connection."""
        with self._lock:
            if not self._closed:
                self._waiting.put(None)
            self._closed = True
        self._thread.join()

    def _loop(self) -> None:
        while (first := self._next()) is not None:
            tasks, last = self._gather(first)
            self._write([task for task in tasks if task.future.set_running_or_notify_cancel()])
            if self._commits >= CHECKPOINT_BUSY:
                self._checkpoint("PASSIVE")
            if last:
                break
        self._checkpoint("TRUNCATE")
        self._db.close()

    def _next(self) -> _Task | None:
        """The next task, waited for. Working the log in takes two flushes, which whoever waits would wait for, too."""
        try:
            return self._waiting.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            if self._commits >= CHECKPOINT_IDLE:
                self._checkpoint("PASSIVE")
            return self._waiting.get()

    def _gather(self, first: _Task) -> tuple[list[_Task], bool]:
        """What waits, without waiting for more; and whether it is the last."""
        tasks = [first]
        while len(tasks) < GROUP:
            try:
                task = self._waiting.get_nowait()
            except queue.Empty:
                break
            if task is None:
                return tasks, True
            tasks.append(task)
        return tasks, False

    def _write(self, tasks: list[_Task]) -> None:
        """Commits the tasks and resolves them: together, or each alone if that fails."""
        if not tasks:
            return
        error = self._try(tasks)
        if error is not None and len(tasks) > 1 and not _is(error, sqlite3.SQLITE_BUSY):
            for task in tasks:
                self._write([task])
            return
        if _disk_trouble(error):
            error = self._try_with_room(tasks)
        if error is not None:
            log.error("the database could not be written: %s", error)
        for task in tasks:
            task.error = task.error if error is None else _told(error)
            task.resolve()
        try:
            self._after_commit(self._db)
        except Exception:
            log.exception("telling of a commit failed; the commit itself stands")

    def _try_with_room(self, tasks: list[_Task]) -> Exception | None:
        """Once more with the log's own room, which is free to write over when all of it is in the database; then,
        for what makes room again, with the last reserve."""
        self._checkpoint("PASSIVE")
        error = self._try(tasks)
        if _disk_trouble(error) and all(task.relieved for task in tasks) and self._relief():
            log.warning("the disk is full: the last reserve was given up")
            error = self._try(tasks)
        return error

    def _try(self, tasks: list[_Task]) -> Exception | None:
        """Commits the tasks; what went wrong with the transaction as a whole."""
        try:
            self._commit(tasks)
        except Exception as err:
            return err
        return None

    def _commit(self, tasks: list[_Task]) -> None:
        """One transaction. Raises sqlite3.Error if it failed as a whole; then nothing of it was written."""
        if self._db.in_transaction:  # a rollback failed, too
            self._db.execute("ROLLBACK")
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for task in tasks:
                self._run(task)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._commits += 1

    def _run(self, task: _Task) -> None:
        """The task's work under a savepoint of its own."""
        self._db.execute("SAVEPOINT task")
        task.value = task.error = None
        try:
            task.value = task.work(self._db)
        except Exception as err:
            # A full disk undoes the whole transaction, in SQLite or here: it is no fault of this one's.
            if _disk_trouble(err) or not self._db.in_transaction:
                raise
            task.error = err
            self._db.execute("ROLLBACK TO task")
        self._db.execute("RELEASE task")

    def _checkpoint(self, mode: str) -> None:
        """Works the log into the database file; it can fail on a full disk, and then grows on until it can be done."""
        try:
            self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        except sqlite3.Error as err:
            log.warning("the database's log could not be worked in: %s", err)
        self._commits = 0


def _is(err: Exception | None, *codes: int) -> bool:
    return isinstance(err, sqlite3.Error) and getattr(err, "sqlite_errorcode", 0) & 0xFF in codes


def _disk_trouble(err: Exception | None) -> bool:
    """Whether the disk is full or does not take what is written."""
    return _is(err, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _told(err: Exception) -> Exception:
    """The error as a client is to read it."""
    if _disk_trouble(err):
        return Problem(
            507,
            "disk_full",
            f"The server's disk does not take what is written ({err}), so nothing was changed.",
            "Delete jobs that are no longer needed, or make room on the server's disk.",
        )
    if _is(err, sqlite3.SQLITE_BUSY):
        return Problem(
            503,
            "database_busy",
            "Another program writes in the server's database, so nothing was changed.",
            "Close that program on the server and ask again.",
            {"Retry-After": "5"},
        )
    return err
