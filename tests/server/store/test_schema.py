"""Databases of every version so far open; those of a newer or another program are left alone."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from server.store import events, jobs
from server.store.connect import open_writing
from server.store.errors import StoreError
from server.store.schema import APPLICATION_ID, SCRIPTS, migrate, version
from tests.server.store.case import Case, opened

VERSION_1 = Path(__file__).with_name("v1.sql")  # as the first version's program left it, with two jobs in it


def _old(path: Path) -> None:
    """Makes a database of version 1."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1.read_text())


def _schema(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        return [(name, " ".join(sql.split())) for name, sql in rows]


def test_a_database_of_version_1_opens_with_its_jobs(tmp_path: Path) -> None:
    _old(tmp_path / "realify.db")
    with opened(tmp_path) as case:
        rows, _ = case.read(jobs.page)
        assert [(row.state, row.prompt) for row in rows] == [("queued", "a blue vase"), ("done", "a red mushroom")]
        assert rows[1].result_attempt == 2 and rows[1].warnings == ["thin walls"]
        told = case.read(events.after, 0, rows[1].id)
        assert [event.kind for event in told] == ["state", "state", "progress", "state"]
        assert case.claim().id == rows[0].id
        with closing(sqlite3.connect(case.folders.database)) as db:
            assert version(db) == len(SCRIPTS)


def test_a_released_script_stays_as_it_was(tmp_path: Path) -> None:
    _old(tmp_path / "old.db")
    with closing(open_writing(tmp_path / "new.db")) as db:
        migrate(db, SCRIPTS[:1])
    assert _schema(tmp_path / "new.db") == _schema(tmp_path / "old.db")


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    _old(tmp_path / "realify.db")
    before = _schema(tmp_path / "realify.db")
    next_one = "ALTER TABLE jobs ADD COLUMN colour TEXT; UPDATE jobs SET colour = prompt"
    with closing(open_writing(tmp_path / "realify.db")) as db:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            migrate(db, [*SCRIPTS[:1], f"{next_one}; INSERT INTO nowhere VALUES (1)"])
        assert version(db) == 1 and _schema(tmp_path / "realify.db") == before
        migrate(db, [*SCRIPTS[:1], next_one])
        assert version(db) == 2
        assert {row[0] for row in db.execute("SELECT colour FROM jobs")} == {"a blue vase", "a red mushroom"}


def test_a_newer_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    with opened(tmp_path) as case:
        job = case.add()
    with closing(sqlite3.connect(tmp_path / "realify.db")) as db:
        db.execute(f"PRAGMA user_version = {len(SCRIPTS) + 1}")
    with pytest.raises(StoreError, match=f"is of version {len(SCRIPTS) + 1}.*newer realify"):
        Case(tmp_path)
    with closing(sqlite3.connect(tmp_path / "realify.db")) as db:
        assert db.execute("SELECT id FROM jobs").fetchall() == [(job.id,)]


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "realify.db")) as db:
        db.execute("CREATE TABLE holidays (day TEXT)")
    with pytest.raises(StoreError, match="another program"):
        Case(tmp_path)
    with closing(sqlite3.connect(tmp_path / "realify.db")) as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("holidays",)]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "realify.db").write_bytes(b"a letter to a friend" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Case(tmp_path)


def test_how_the_database_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as case:
        case.add()
        if os.name == "posix":
            for name in ("realify.db", "realify.db-wal", "realify.db-shm"):
                assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600, name
    with closing(open_writing(tmp_path / "data" / "realify.db")) as db:
        got = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        assert got == {"journal_mode": "wal", "synchronous": 2}
        assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
