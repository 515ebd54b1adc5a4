"""The tables, and how a database of an older version becomes one of this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from server.store.errors import StoreError

# "Rlfy": tells this database from any other program's.
APPLICATION_ID = 0x526C6679

# SCRIPTS[n] leads from version n to n + 1. A script that was ever released is never changed: add another.
SCRIPTS: Sequence[str] = (
    """
    CREATE TABLE uploads (
        sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, suffix TEXT NOT NULL, main TEXT NOT NULL,
        bytes INTEGER NOT NULL, vertices INTEGER NOT NULL, faces INTEGER NOT NULL, notes TEXT NOT NULL,
        created REAL NOT NULL
    );
    CREATE TABLE batches (id TEXT PRIMARY KEY, name TEXT NOT NULL, created REAL NOT NULL);
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL
            CHECK (state IN ('queued', 'running', 'cancelling', 'cancelled', 'failed', 'done', 'dead')),
        sketch TEXT NOT NULL REFERENCES uploads (sha256),
        name TEXT NOT NULL, prompt TEXT NOT NULL, preset TEXT NOT NULL, seed INTEGER NOT NULL,
        settings TEXT NOT NULL, full_settings TEXT NOT NULL,
        priority INTEGER NOT NULL, rank REAL NOT NULL,
        batch TEXT REFERENCES batches (id),
        attempt INTEGER NOT NULL DEFAULT 0, strikes INTEGER NOT NULL DEFAULT 0,
        stage TEXT, step INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
        seconds_left REAL, loss REAL, error TEXT, warnings TEXT NOT NULL DEFAULT '[]',
        created REAL NOT NULL, started REAL, finished REAL,
        preview TEXT, result_attempt INTEGER, checkpoint_attempt INTEGER, lease_until REAL, worker TEXT,
        CHECK ((state = 'done') = (result_attempt IS NOT NULL))
    );
    CREATE INDEX jobs_by_state ON jobs (state, id);
    CREATE INDEX jobs_by_batch ON jobs (batch, state, id) WHERE batch IS NOT NULL;
    CREATE INDEX jobs_by_sketch ON jobs (sketch);
    CREATE INDEX jobs_by_finish ON jobs (finished) WHERE finished IS NOT NULL;
    CREATE INDEX queue ON jobs (priority DESC, rank, id) WHERE state = 'queued';
    CREATE TABLE tallies (state TEXT PRIMARY KEY, jobs INTEGER NOT NULL);  -- counting them takes too long each time
    INSERT INTO tallies VALUES
        ('queued', 0), ('running', 0), ('cancelling', 0), ('cancelled', 0), ('failed', 0), ('done', 0), ('dead', 0);
    CREATE TRIGGER job_came AFTER INSERT ON jobs BEGIN
        UPDATE tallies SET jobs = jobs + 1 WHERE state = new.state;
    END;
    CREATE TRIGGER job_went AFTER DELETE ON jobs BEGIN
        UPDATE tallies SET jobs = jobs - 1 WHERE state = old.state;
    END;
    CREATE TRIGGER job_changed AFTER UPDATE OF state ON jobs WHEN new.state != old.state BEGIN
        UPDATE tallies SET jobs = jobs - 1 WHERE state = old.state;
        UPDATE tallies SET jobs = jobs + 1 WHERE state = new.state;
    END;
    CREATE TABLE submissions (  -- what an Idempotency-Key stood for
        key TEXT PRIMARY KEY, body_sha TEXT NOT NULL,
        job TEXT REFERENCES jobs (id) ON DELETE CASCADE, batch TEXT REFERENCES batches (id) ON DELETE CASCADE
    );
    CREATE INDEX submissions_by_job ON submissions (job);
    CREATE INDEX submissions_by_batch ON submissions (batch);
    CREATE TABLE events (  -- AUTOINCREMENT: an id is never used again, so a client's last one stays true
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL, kind TEXT NOT NULL, time REAL NOT NULL,
        state TEXT, stage TEXT, step INTEGER, total INTEGER, seconds_left REAL, loss REAL, preview TEXT,
        warnings TEXT, error TEXT
    );
    CREATE INDEX events_by_job ON events (job, id);
    CREATE TABLE watched (path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, job TEXT NOT NULL, time REAL NOT NULL);
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    INSERT INTO counters VALUES ('rank', 0), ('paused', 0);
    """,
    """
    ALTER TABLE jobs ADD COLUMN fraction REAL NOT NULL DEFAULT 0;
    ALTER TABLE events ADD COLUMN fraction REAL;
    """,
)


def version(db: sqlite3.Connection) -> int:
    """The version that the database is of; 0: it is empty."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, scripts: Sequence[str] = SCRIPTS) -> None:
    """Brings the database to the newest version, one transaction a step.

    Raises StoreError for a database that a newer program wrote, or that is none of ours.
    """
    found = version(db)
    if found > len(scripts):
        raise StoreError(
            f"The database is of version {found}; this program knows versions up to {len(scripts)}.",
            "A newer realify wrote it: start that one, or choose another data folder with --data.",
        )
    _check_ours(db, found)
    for number in range(found, len(scripts)):
        script = f"BEGIN IMMEDIATE; {scripts[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        try:
            db.executescript(script)
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _check_ours(db: sqlite3.Connection, found: int) -> None:
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    if found == 0 and owner == 0 and not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif owner != APPLICATION_ID:
        raise StoreError("The database in the data folder belongs to another program.", "Choose another --data.")
