"""Connections to the database: one that writes, and any number that read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.store.errors import StoreError

# A checkpoint is made by the writer when it has nothing else to do; this one is only the backstop, in pages.
AUTOCHECKPOINT_PAGES = 16_384


def open_writing(path: Path) -> sqlite3.Connection:
    """The connection that writes: WAL, and every commit is on the disk before it returns.

    Raises StoreError for a file that is no database or cannot be opened.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # the files beside it take over its mode
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS: flushes the drive's own cache as well
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA temp_store = MEMORY")  # savepoints spill nothing into files: those may have no room
        db.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}")
    except (sqlite3.Error, OSError) as err:
        raise StoreError(
            f"The database {path} cannot be opened: {err}.",
            "Check that the folder can be written and that no other program holds the file, or choose another --data.",
        ) from err
    return db


class Readers:
    """Connections that cannot write. One is lent at a time to each thread that asks, and kept for the next."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees everything committed so far."""
        if self._closed:
            raise StoreError("The store is closed.", "The server is shutting down: ask again when it runs.")
        db = self._idle.pop() if self._idle else self._open()
        try:
            yield db
        finally:
            if self._closed:
                db.close()
            else:
                self._idle.append(db)

    def close(self) -> None:
        """Closes those that are not lent; a lent one is closed when it comes back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
        db.row_factory = sqlite3.Row
        return db
