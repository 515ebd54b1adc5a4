"""The store as the rest of the server sees it: writes are awaited, reads are at once.

    row = store.read(jobs.get, job_id)
    row = await store.write(jobs.cancel, job_id)

What can be asked and done are the functions of jobs.py, attempts.py, submissions.py, uploads.py and events.py, without
their first argument: the store lends them the connection. Every write goes to the one writing thread and is on the disk
when the await returns; every read sees all that was committed before it, on a connection that cannot write.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from server.folders import Folders
from server.store import disk, events, schema
from server.store.connect import Readers, open_writing
from server.store.rows import EventRow
from server.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[sqlite3.Connection, P], T]
Listener = Callable[[list[EventRow]], None]

log = logging.getLogger(__name__)


class Store:
    """Jobs, uploads, batches and events. Open it with `Store.open`; one process at a time."""

    def __init__(self, db: sqlite3.Connection, folders: Folders) -> None:
        self._listeners: list[Listener] = []
        self._told = events.last_id(db)  # the last event that listeners know
        self._readers = Readers(folders.database)
        self._writer = Writer(db, self._tell, lambda: disk.release_ballast(folders))

    @classmethod
    def open(cls, folders: Folders) -> Store:
        """Makes or opens the database in the data folder. Raises StoreError if that cannot be."""
        folders.make()
        db = open_writing(folders.database)
        try:
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        disk.make_ballast(folders)
        return cls(db, folders)

    def close(self) -> None:
        """Writes what waits and closes the database."""
        self._readers.close()
        self._writer.close()

    def read(self, work: Work[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What `work` reads now."""
        with self._readers.lend() as db:
            return work(db, *given, **named)

    async def write(self, work: Work[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What `work` answers, once all that it changed is on the disk. Raises what it raises, and then nothing of it
        is written; Problem 507 on a full disk."""
        return await asyncio.wrap_future(self._writer.submit(lambda db: work(db, *given, **named)))

    async def make_room(self, work: Work[P, T], *given: P.args, **named: P.kwargs) -> T:
        """As `write`, for what removes: on a full disk it may use up the last reserve."""
        return await asyncio.wrap_future(self._writer.submit(lambda db: work(db, *given, **named), relieved=True))

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Calls back after each commit with its events, from the writing thread, in order. Returns the way to stop."""
        self._listeners.append(callback)

        def unlisten() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return unlisten

    def _tell(self, db: sqlite3.Connection) -> None:
        while new := events.after(db, self._told, limit=1000):
            self._told = new[-1].id
            for listener in list(self._listeners):
                try:
                    listener(new)
                except Exception:
                    log.exception("a listener to events failed")
