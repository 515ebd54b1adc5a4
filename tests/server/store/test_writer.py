"""One thread writes for all: together where it can, each with its own error, and never after it was closed."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.problem import Problem
from server.store.connect import open_writing
from server.store.errors import StoreError
from server.store.writer import CHECKPOINT_IDLE, Writer

PATIENCE = 60


class Notebook:
    """A writer on a table of numbers; `commits` counts what its listener saw."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = open_writing(path)
        self.db.execute("CREATE TABLE notes (number INTEGER UNIQUE, text TEXT)")
        self.commits = 0
        self.relief: Callable[[], bool] = lambda: False
        self.writer = Writer(self.db, self._count, lambda: self.relief())

    def _count(self, db: sqlite3.Connection) -> None:
        self.commits += 1

    def note(self, number: int, text: str = "", relieved: bool = False) -> Future[Any]:
        return self.writer.submit(lambda db: _insert(db, number, text), relieved)

    def numbers(self) -> list[int]:
        with closing(sqlite3.connect(self.path)) as db:
            return [row[0] for row in db.execute("SELECT number FROM notes ORDER BY number")]

    def hold(self) -> threading.Event:
        """Keeps the thread busy until the event is set, so that what comes meanwhile shares a commit."""
        go, busy = threading.Event(), threading.Event()

        def wait(db: sqlite3.Connection) -> None:
            busy.set()
            assert go.wait(PATIENCE)

        self.writer.submit(wait)
        assert busy.wait(PATIENCE)
        return go


def _insert(db: sqlite3.Connection, number: int, text: str) -> int:
    db.execute("INSERT INTO notes VALUES (?, ?)", (number, text))
    return number


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Notebook]:
    book = Notebook(tmp_path / "notes.db")
    yield book
    book.writer.close()


def test_sixteen_threads_share_commits(book: Notebook) -> None:
    def write(thread: int) -> None:
        for i in range(25):
            number = thread * 25 + i
            assert book.note(number).result(PATIENCE) == number
            with closing(sqlite3.connect(book.path)) as db:  # what is told to be written can be read
                assert db.execute("SELECT 1 FROM notes WHERE number = ?", (number,)).fetchone()
            written.append(number)

    written: list[int] = []
    threads = [threading.Thread(target=write, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == book.numbers() == list(range(400))
    assert book.commits < 300, "hardly any write shared a commit with another"


def test_what_waits_goes_into_one_commit(book: Notebook) -> None:
    go = book.hold()
    futures = [book.note(number) for number in range(200)]
    go.set()
    assert [future.result(PATIENCE) for future in futures] == list(range(200))
    book.writer.close()
    assert book.commits == 2  # the one that held, and all the others


def test_an_error_undoes_its_own_work_alone(book: Notebook) -> None:
    def broken(db: sqlite3.Connection) -> None:
        _insert(db, 1000, "undone")
        raise ValueError("changed my mind")

    go = book.hold()
    good, doubled, raised, after = book.note(1), book.note(1), book.writer.submit(broken), book.note(2)
    go.set()
    assert (good.result(PATIENCE), after.result(PATIENCE)) == (1, 2)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        doubled.result(PATIENCE)
    with pytest.raises(ValueError, match="changed my mind"):
        raised.result(PATIENCE)
    assert book.numbers() == [1, 2]


def test_a_cancelled_write_is_not_begun(book: Notebook) -> None:
    go = book.hold()
    cancelled, kept = book.note(1), book.note(2)
    assert cancelled.cancel()
    go.set()
    assert kept.result(PATIENCE) == 2
    assert book.numbers() == [2]


def test_a_listener_that_fails_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise RuntimeError("deaf")

    writer = Writer(open_writing(tmp_path / "notes.db"), fail)
    writer.submit(lambda db: db.execute("CREATE TABLE notes (number)")).result(PATIENCE)
    assert writer.submit(lambda db: _count(db)).result(PATIENCE) == 0
    writer.close()
    assert "deaf" in caplog.text


def _count(db: sqlite3.Connection) -> int:
    return db.execute("SELECT count(*) FROM notes").fetchone()[0]


def test_the_log_is_worked_in_once_nothing_comes(book: Notebook, tmp_path: Path) -> None:
    for number in range(CHECKPOINT_IDLE):
        book.note(number).result(PATIENCE)
    alone, deadline = tmp_path / "alone.db", time.monotonic() + PATIENCE

    def in_the_file_itself() -> int:
        shutil.copyfile(book.path, alone)  # without the log beside it
        with closing(sqlite3.connect(f"{alone.as_uri()}?immutable=1", uri=True)) as db:
            return db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] and len(
                db.execute("SELECT number FROM notes").fetchall()
            )

    while in_the_file_itself() < CHECKPOINT_IDLE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert book.numbers() == list(range(CHECKPOINT_IDLE))


def test_closing_writes_what_waits_and_takes_no_more(book: Notebook) -> None:
    go = book.hold()
    futures = [book.note(number) for number in range(700)]  # more than one group
    closer = threading.Thread(target=book.writer.close)
    closer.start()
    go.set()
    closer.join(PATIENCE)
    assert [future.result(0) for future in futures] == list(range(700)) == book.numbers()
    with pytest.raises(StoreError, match="closed"):
        book.note(1)
    assert not book.path.with_name("notes.db-wal").exists(), "the log was not worked in"


def _fill(book: Notebook) -> None:
    """Lets the database grow by no more than a few pages, until they are used up."""
    pages = book.writer.submit(lambda db: db.execute("PRAGMA page_count").fetchone()[0]).result(PATIENCE)
    book.writer.submit(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone()).result(PATIENCE)


def test_a_full_disk_stops_only_what_does_not_fit(book: Notebook) -> None:
    for number in range(5):
        book.note(number).result(PATIENCE)
    _fill(book)
    go = book.hold()
    large = [book.note(100 + i, "x" * 100_000) for i in range(3)]
    small = [book.note(10 + i) for i in range(3)]
    go.set()
    for future in large:
        with pytest.raises(Problem) as full:
            future.result(PATIENCE)
        assert (full.value.status, full.value.code) == (507, "disk_full")
    assert [future.result(PATIENCE) for future in small] == [10, 11, 12]
    assert book.numbers() == [0, 1, 2, 3, 4, 10, 11, 12]


def test_only_what_makes_room_gets_the_last_reserve(book: Notebook) -> None:
    given: list[bool] = []

    def relief() -> bool:
        """Room once, as the ballast is."""
        given.append(not given)
        if given[-1]:
            book.db.execute("PRAGMA max_page_count = 1000000").fetchone()
        return given[-1]

    book.relief = relief
    _fill(book)
    with pytest.raises(Problem):
        book.note(1, "x" * 100_000).result(PATIENCE)
    assert given == []
    assert book.note(2, "x" * 100_000, relieved=True).result(PATIENCE) == 2
    assert given == [True]
    _fill(book)
    with pytest.raises(Problem):
        book.note(3, "x" * 100_000, relieved=True).result(PATIENCE)
    assert given == [True, False] and book.numbers() == [2]


def test_another_programs_lock_is_told(book: Notebook) -> None:
    book.writer.submit(lambda db: None).result(PATIENCE)
    book.db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(book.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Problem, match="Another program") as busy:
            book.note(1).result(PATIENCE)
        assert busy.value.status == 503
        other.execute("ROLLBACK")
    assert book.note(1).result(PATIENCE) == 1
