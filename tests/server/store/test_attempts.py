"""An attempt holds its job by lease and number; who lost it writes nothing; lost starts count as the rule says."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.problem import ProblemDict
from server.store import attempts, events, jobs
from server.store.errors import Fenced
from server.store.rows import JobRow
from tests.server.store.case import Case, opened

OOM: ProblemDict = {"code": "out_of_memory", "message": "The GPU's memory ran out.", "fix": "Lower render.views."}
PROGRESS = {"stage": "stage1", "step": 3, "total": 10, "seconds_left": 4.5, "fraction": 0.3}
PROGRESS |= {"loss": 0.25, "preview": "previews/3.png"}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with opened(tmp_path / "data") as case:
        yield case


def test_a_run_from_claim_to_publication(case: Case) -> None:
    job = case.add()
    before = time.time()
    running = case.claim()
    assert (running.id, running.state, running.attempt, running.worker) == (job.id, "running", 1, "worker")
    assert running.started is not None and running.lease_until is not None
    assert before <= running.started and running.lease_until == pytest.approx(running.started + 60)
    case.write(attempts.progress, job.id, 1, PROGRESS | {"warnings": ("thin walls",)})
    row = case.row(job.id)
    assert (row.stage, row.step, row.total, row.seconds_left, row.fraction, row.loss) == (
        "stage1",
        3,
        10,
        4.5,
        0.3,
        0.25,
    )
    assert (row.preview, row.warnings, row.result_attempt) == ("previews/3.png", ["thin walls"], None)
    case.write(attempts.progress, job.id, 1, PROGRESS | {"warnings": ("open mesh", "thin walls")})
    done = case.write(attempts.finish, job.id, 1, "done")
    assert (done.state, done.result_attempt, done.lease_until, done.worker) == ("done", 1, None, None)
    assert done.warnings == ["thin walls", "open mesh"]
    told = [(e.kind, e.state, e.step, e.warnings) for e in case.read(events.after, 0, job.id)]
    assert told == [
        ("state", "queued", 0, []),
        ("state", "running", 0, []),
        ("progress", None, 3, ["thin walls"]),
        ("progress", None, 3, ["open mesh", "thin walls"]),
        ("state", "done", 3, []),
    ]


def test_progress_without_a_new_preview_keeps_the_last(case: Case) -> None:
    job = case.running()
    case.write(attempts.progress, job.id, 1, PROGRESS)
    case.write(attempts.progress, job.id, 1, PROGRESS | {"step": 4, "preview": None, "loss": math.nan})
    assert (case.row(job.id).preview, case.row(job.id).loss) == ("previews/3.png", None)
    assert case.read(events.after, 0, job.id)[-1].preview == "previews/3.png"
    case.write(attempts.requeue, job.id, 1, strike=False)
    assert case.claim().preview is None, "it lies in the last attempt's folder"


def _writes(case: Case, job: JobRow, attempt: int) -> list:
    store = case.store
    return [
        store.write(attempts.heartbeat, job.id, attempt, 60),
        store.write(attempts.progress, job.id, attempt, PROGRESS),
        store.write(attempts.checkpointed, job.id, attempt),
        store.write(attempts.finish, job.id, attempt, "done"),
        store.write(attempts.requeue, job.id, attempt, strike=True),
    ]


@pytest.mark.parametrize("fate", ["queued again", "started again", "cancelled", "published", "removed"])
def test_an_attempt_that_lost_its_job_writes_nothing(case: Case, fate: str) -> None:
    job = case.running()
    if fate in ("queued again", "started again"):
        case.write(attempts.requeue, job.id, 1, strike=False)
    if fate == "started again":
        assert case.claim().attempt == 2
    if fate in ("cancelled", "removed"):
        case.write(attempts.finish, job.id, 1, "cancelled")
    if fate == "removed":
        case.make_room(jobs.remove, job.id)
    if fate == "published":
        case.write(attempts.finish, job.id, 1, "done")
    before, last = case.read(jobs.get, job.id), case.read(events.last_id)
    for write in _writes(case, job, attempt=1):
        with pytest.raises(Fenced, match="attempt 1"):
            case.do(write)
    for write in _writes(case, job, attempt=3):
        with pytest.raises(Fenced, match="attempt 3"):
            case.do(write)
    assert case.read(jobs.get, job.id) == before and case.read(events.last_id) == last


def test_three_lost_starts_are_death_with_the_reason(case: Case) -> None:
    job = case.add()
    for attempt in (1, 2):
        case.claim()
        row = case.write(attempts.requeue, job.id, attempt, True, OOM)
        assert (row.state, row.strikes, row.error) == ("queued", attempt, None)
        assert row.warnings[-1] == f"Start {attempt} was lost: The GPU's memory ran out."
    case.claim()
    dead = case.write(attempts.requeue, job.id, 3, True, OOM)
    assert (dead.state, dead.strikes) == ("dead", 3) and dead.finished is not None and dead.error is not None
    assert dead.error["code"] == "out_of_memory" and dead.error["fix"] == "Lower render.views."
    assert "3 starts" in dead.error["message"] and "memory ran out" in dead.error["message"]
    event = case.read(events.after, 0, job.id)[-1]
    assert (event.state, event.error) == ("dead", dead.error)
    again = case.write(jobs.retry, job.id)
    assert (again.state, again.strikes, again.error, again.attempt) == ("queued", 0, None, 3)
    assert case.claim().attempt == 4


def test_a_new_checkpoint_takes_the_strikes_away(case: Case) -> None:
    job = case.add()
    for attempt in range(1, 8):
        case.claim()
        if attempt % 2 == 0:
            case.write(attempts.checkpointed, job.id, attempt)
            assert case.row(job.id).strikes == 0
        row = case.write(attempts.requeue, job.id, attempt, True, OOM)
        assert row.state == "queued" and row.checkpoint_attempt == (attempt // 2 * 2 or None)


def test_a_server_that_was_stopped_or_killed_is_no_strike(case: Case) -> None:
    job = case.add()
    for attempt in range(1, 6):
        case.claim()
        if attempt % 2:
            case.write(attempts.requeue, job.id, attempt, strike=False)
        else:
            assert [row.id for row in case.write(attempts.recover)] == [job.id]
        assert (case.row(job.id).state, case.row(job.id).strikes) == ("queued", 0)
    assert case.write(attempts.recover) == []


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(case: Case) -> None:
    for let_go in (
        lambda job: case.store.write(attempts.requeue, job.id, 1, True, OOM),
        lambda job: case.store.write(attempts.recover),
        lambda job: case.store.write(attempts.expire_leases, time.time() + 3600),
    ):
        job = case.running()
        case.write(jobs.cancel, job.id)
        case.do(let_go(job))
        row = case.row(job.id)
        assert (row.state, row.error, row.strikes, row.lease_until) == ("cancelled", None, 0, None)


def test_a_requeued_job_goes_first(case: Case) -> None:
    first = case.running()
    case.add()
    case.write(attempts.requeue, first.id, 1, strike=False)
    assert case.claim().id == first.id


def test_leases_run_out_unless_the_heart_beats(case: Case) -> None:
    silent, alive = case.running(), case.running()
    case.write(attempts.heartbeat, alive.id, 1, 600)
    assert case.write(attempts.expire_leases, time.time()) == []
    late = case.write(attempts.expire_leases, time.time() + 120)
    assert [(row.id, row.state, row.strikes) for row in late] == [(silent.id, "queued", 1)]
    assert case.row(alive.id).state == "running"
    case.claim()
    dead = case.write(attempts.expire_leases, time.time() + 120, max_strikes=2)
    assert [(row.id, row.state) for row in dead] == [(silent.id, "dead")]
    assert dead[0].error is not None and dead[0].error["code"] == "lease_expired"


def test_the_database_itself_refuses_half_a_publication(case: Case) -> None:
    job = case.running()
    with closing(sqlite3.connect(case.folders.database)) as db:
        for change in ("state = 'done'", "result_attempt = 1", "state = 'asleep'"):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                db.execute(f"UPDATE jobs SET {change} WHERE id = ?", (job.id,))
            db.rollback()
