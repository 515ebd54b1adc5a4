"""Jobs are handed in once, listed, reordered, cancelled, tried again and removed, each as the rules say."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.problem import Problem
from server.store import attempts, events, jobs, submissions, uploads
from server.store.ids import new_id
from server.store.rows import JobRow
from tests.server.store.case import SKETCH, Case, new_row, opened


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with opened(tmp_path / "data") as case:
        yield case


def _queue(case: Case) -> list[str]:
    """Ids in the order in which they would start."""
    rows, _ = case.read(jobs.page, ("queued",), limit=1000)
    return [row.id for row in sorted(rows, key=lambda row: case.read(jobs.place, row.id) or 0)]


def test_ids_rise_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [new_id() for _ in range(1000)]
    monkeypatch.setattr("time.time_ns", lambda: 0)  # set back to 1970
    ids = first + [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert all(len(name) == 26 and name.isalnum() and name == name.lower() for name in ids)


def test_a_job_comes_back_as_it_was_given(case: Case) -> None:
    row = case.add("a red mushroom \N{MUSHROOM}", priority=3)
    assert case.read(jobs.get, row.id) == row
    assert (row.state, row.prompt, row.priority) == ("queued", "a red mushroom \N{MUSHROOM}", 3)
    assert (row.sketch, row.seed, row.settings) == (SKETCH, 7, {"stage1.steps": 5})
    assert (row.attempt, row.strikes, row.error, row.warnings) == (0, 0, None, [])
    assert case.read(jobs.get, "0" * 26) is None


def test_a_repeated_key_is_the_same_job(case: Case) -> None:
    first, new = case.write(submissions.add_job, new_row(), "key", "sha of body")
    again, new_again = case.write(submissions.add_job, new_row(), "key", "sha of body")
    other, _ = case.write(submissions.add_job, new_row(), "other key", "sha of body")
    assert (new, new_again) == (True, False)
    assert again == first and other.id != first.id
    with pytest.raises(Problem, match="another body") as conflict:
        case.write(submissions.add_job, new_row(), "key", "sha of another")
    assert (conflict.value.status, conflict.value.code) == (409, "idempotency_conflict")
    assert case.read(jobs.counts)["queued"] == 2


def test_a_deleted_jobs_key_is_free_again(case: Case) -> None:
    first, _ = case.write(submissions.add_job, new_row(), "key", "sha")
    case.make_room(jobs.remove, first.id)
    second, new = case.write(submissions.add_job, new_row(), "key", "sha")
    assert new and second.id != first.id


def test_an_unknown_sketch_is_refused(case: Case) -> None:
    with pytest.raises(Problem) as refused:
        case.write(submissions.add_job, new_row(sketch="0" * 64))
    assert (refused.value.status, refused.value.code) == (404, "unknown_sketch")


def test_a_full_queue_is_told(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as case:
        case.write(submissions.add_jobs, [new_row(), new_row()], new_id(), "two", limit=3)
        with pytest.raises(Problem, match="2 jobs wait already; with 2 more") as refused:
            case.write(submissions.add_jobs, [new_row(), new_row()], new_id(), "two more", limit=3)
        assert (refused.value.status, refused.value.code) == (429, "queue_full")
        assert [batch.name for batch in case.read(submissions.batches)] == ["two"], "the second one was taken"
        case.claim()
        case.write(submissions.add_jobs, [new_row(), new_row()], new_id(), "two more", limit=3)


def test_pages_hold_every_job_once_newest_first(case: Case) -> None:
    ids = [case.add(f"job {i}").id for i in range(12)]
    for i, job_id in enumerate(ids):
        if i % 3 == 0:
            case.write(jobs.cancel, job_id)
    for states in [(), ("queued",), ("cancelled",), ("queued", "cancelled"), ("done",)]:
        wanted = [i for i in reversed(ids) if not states or case.row(i).state in states]
        seen: list[str] = []
        after: str | None = None
        while True:
            rows, after = case.read(jobs.page, states, after=after, limit=3)
            seen += [row.id for row in rows]
            if after is None:
                break
        assert seen == wanted, states


def test_a_batch_is_one_transaction(case: Case) -> None:
    alone = case.add("alone")
    batch_id = new_id()
    rows = case.write(submissions.add_jobs, [new_row(f"line {i}") for i in range(5)], batch_id, "five", "key", "sha")
    batch = case.read(submissions.batch, batch_id)
    assert batch is not None and batch.name == "five" and batch.counts["queued"] == 5
    assert batch.jobs == [row.id for row in rows]
    assert [row.prompt for row in rows] == [f"line {i}" for i in range(5)]
    listed, _ = case.read(jobs.page, batch=batch_id)
    assert [row.id for row in listed] == batch.jobs[::-1]
    again = case.write(submissions.add_jobs, [new_row()] * 5, new_id(), "five", "key", "sha")
    assert [row.id for row in again] == batch.jobs
    with pytest.raises(Problem, match="no upload"):
        case.write(submissions.add_jobs, [new_row(), new_row(sketch="0" * 64)], new_id(), "broken")
    assert case.read(jobs.counts)["queued"] == 6 and len(case.read(submissions.batches)) == 1
    for row in rows:
        case.make_room(jobs.remove, row.id)
    assert case.read(submissions.batch, batch_id) is None and case.read(jobs.get, alone.id) is not None


def test_the_queue_goes_by_priority_then_age(case: Case) -> None:
    low, first, second, high = (case.add(priority=p) for p in (-1, 0, 0, 5))
    assert _queue(case) == [high.id, first.id, second.id, low.id]
    case.write(jobs.set_priority, low.id, 0)
    assert _queue(case) == [high.id, low.id, first.id, second.id]  # it is older
    assert [case.claim().id for _ in range(4)] == [high.id, low.id, first.id, second.id]
    assert case.read(jobs.place, high.id) is None


def test_moving_before_holds_however_often(case: Case) -> None:
    """So often at one place that no number is left between two ranks and they are given out anew."""
    order = [case.add(f"job {i}").id for i in range(4)] + [case.add("another priority", priority=-1).id]
    draw = random.Random(0)
    for _ in range(150):
        moved, other = order[2], order[1]
        order.remove(moved)
        order.insert(order.index(other), moved)
        assert case.write(jobs.move_before, moved, other).id == moved
    assert _queue(case) == order
    for _ in range(60):
        moved, other = draw.sample(order, 2)
        order.remove(moved)
        order.insert(order.index(other), moved)
        case.write(jobs.move_before, moved, other)
    assert _queue(case) == order
    newest = case.add("newest", priority=case.row(order[-1]).priority)
    assert case.read(jobs.place, newest.id) == len(order)


def test_only_queued_jobs_have_a_place(case: Case) -> None:
    running = case.running()
    queued = case.add()
    for write in (
        case.store.write(jobs.set_priority, running.id, 1),
        case.store.write(jobs.move_before, running.id, queued.id),
        case.store.write(jobs.move_before, queued.id, running.id),
    ):
        with pytest.raises(Problem, match="is running; only queued") as refused:
            case.do(write)
        assert refused.value.code == "not_queued"


def test_cancel_retry_and_remove_by_state(case: Case) -> None:
    job = case.add()
    assert case.write(jobs.cancel, job.id).state == "cancelled"
    _refused(case, jobs.cancel, job, "finished")
    queued = case.write(jobs.retry, job.id)
    assert (queued.state, queued.finished, queued.rank > job.rank) == ("queued", None, True)
    _refused(case, jobs.retry, job, "not_retryable")
    case.claim()
    _refused(case, jobs.remove, job, "running")
    assert case.write(jobs.cancel, job.id).state == "cancelling"
    assert case.write(jobs.cancel, job.id).state == "cancelling"
    _refused(case, jobs.remove, job, "running")
    case.write(attempts.finish, job.id, 1, "cancelled")
    case.make_room(jobs.remove, job.id)
    for write in (jobs.cancel, jobs.retry, jobs.remove):
        _refused(case, write, job, "unknown_job")


def test_a_removed_job_leaves_one_event(case: Case) -> None:
    job, other = case.add(), case.add()
    case.make_room(jobs.remove, job.id)
    assert [(event.kind, event.state) for event in case.read(events.after, 0, job.id)] == [("removed", None)]
    assert [event.kind for event in case.read(events.after, 0, other.id)] == ["state"]


def test_the_pause_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as case:
        case.add()
        case.write(jobs.set_paused, True)
    with opened(tmp_path / "data") as case:
        assert case.read(jobs.paused) and case.write(attempts.claim, "worker", 60) is None
        case.write(jobs.set_paused, False)
        assert not case.read(jobs.paused) and case.claim().state == "running"


def test_the_tallies_stay_true(case: Case) -> None:
    draw = random.Random(1)
    for _ in range(120):
        rows, _ = case.read(jobs.page, limit=1000)
        write = draw.choice(["add", "claim", "cancel", "retry", "remove", "finish"])
        if write == "add" or not rows:
            case.add(priority=draw.randint(-1, 1))
        elif write == "claim":
            case.write(attempts.claim, "worker", 60)
        else:
            _try(case, write, draw.choice(rows), draw)
        rows, _ = case.read(jobs.page, limit=1000)
        assert {s: n for s, n in case.read(jobs.counts).items() if n} == Counter(row.state for row in rows)


def test_watched_files_and_uploads(case: Case) -> None:
    assert case.read(uploads.watched, "/sketches/a.glb") is None
    case.write(uploads.mark_watched, "/sketches/a.glb", "1" * 64, "job")
    case.write(uploads.mark_watched, "/sketches/a.glb", "2" * 64, "job")
    assert case.read(uploads.watched, "/sketches/a.glb") == "2" * 64
    upload = case.read(uploads.get, SKETCH)
    assert upload is not None and upload.notes == ["no colours"] and case.read(uploads.get, "0" * 64) is None
    case.add()
    assert not case.make_room(uploads.remove, SKETCH), "a job still has it"


def test_what_reads_cannot_write(case: Case) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        case.read(jobs.set_paused, True)
    assert not case.read(jobs.paused)


def _refused(case: Case, write, job: JobRow, code: str) -> None:
    with pytest.raises(Problem) as refused:
        case.write(write, job.id)
    assert refused.value.code == code and job.id in refused.value.message


def _try(case: Case, write: str, row: JobRow, draw: random.Random) -> None:
    """One of the writes, which the job's state may refuse."""
    if write == "finish":
        if row.state in ("running", "cancelling"):
            case.write(attempts.finish, row.id, row.attempt, draw.choice(["done", "failed", "cancelled"]))
        return
    try:
        case.write({"cancel": jobs.cancel, "retry": jobs.retry, "remove": jobs.remove}[write], row.id)
    except Problem as problem:
        assert problem.status == 409
