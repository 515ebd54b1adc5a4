"""Killed with -9 in the middle of writing, again and again: all that was acknowledged is there, and nothing half."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from server.store import attempts, events, jobs
from tests.server.store.case import Case, opened

ROOT = Path(__file__).parents[3]
ROUNDS = 6


def _run_and_kill(data: Path, lines: int) -> list[tuple[str, str, int]]:
    """What the child acknowledged: it is killed after so many lines, and those on their way count as well."""
    command = [sys.executable, "-m", "tests.server.store.child", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        told += child.stdout.read().splitlines(keepends=True)
    whole = [line.split() for line in told if line.endswith("\n")]
    assert len(whole) >= lines, "the child ended by itself"
    return [(what, job, int(attempt)) for what, job, attempt in whole]


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    draw = random.Random(6)
    data = tmp_path / "data"
    told: list[tuple[str, str, int]] = []
    for _ in range(ROUNDS):
        told += _run_and_kill(data, draw.randint(5, 120))
        with closing(sqlite3.connect(data / "realify.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        with opened(data) as case:
            _check(case, told)
            last = case.read(events.last_id)
        with opened(data) as case:
            assert case.read(events.last_id) == last


def _check(case: Case, told: list[tuple[str, str, int]]) -> None:
    done = {job: attempt for what, job, attempt in told if what == "done"}
    assert len(done) == sum(what == "done" for what, _, _ in told), "a job was published twice"
    for what, job, attempt in told:
        row = case.row(job)
        assert row.attempt >= attempt
        if what == "done":
            assert (row.state, row.result_attempt, row.checkpoint_attempt) == ("done", attempt, attempt)
    rows, _ = case.read(jobs.page, limit=100_000)
    for row in rows:
        states = [event.state for event in case.read(events.after, 0, row.id) if event.kind == "state"]
        assert states[-1] == row.state and states.count("done") == (row.state == "done")
        assert row.state in ("queued", "running", "done") and row.strikes == 0
    assert sum(case.read(jobs.counts).values()) == len(rows)
    running = {row.id for row in rows if row.state == "running"}
    assert {row.id for row in case.write(attempts.recover)} == running
    assert case.read(jobs.counts)["running"] == 0
