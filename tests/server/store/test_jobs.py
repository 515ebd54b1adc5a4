"""Jobs are handed in once, listed, reordered, cancelled, tried again and removed, each as the rules say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import Limits
from server.problem import Problem
from server.store.ids import new_id
from server.store.rows import JobRow
from tests.server.store.case import SKETCH, Case, new_row, opened


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with opened(tmp_path / "data") as case:
        yield case


def _queue(case: Case) -> list[str]:
    """Ids in the order in which they would start."""
    rows, _ = case.store.jobs(("queued",), limit=1000)
    return [row.id for row in sorted(rows, key=lambda row: case.store.place(row.id) or 0)]


def test_ids_rise_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [new_id() for _ in range(1000)]
    monkeypatch.setattr("time.time_ns", lambda: 0)  # set back to 1970
    ids = first + [new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert all(len(name) == 26 and name.isalnum() and name == name.lower() for name in ids)


def test_a_job_comes_back_as_it_was_given(case: Case) -> None:
    row = case.add("a red mushroom \N{MUSHROOM}", priority=3)
    assert case.store.job(row.id) == row
    assert (row.state, row.prompt, row.priority) == ("queued", "a red mushroom \N{MUSHROOM}", 3)
    assert (row.sketch, row.seed, row.settings) == (SKETCH, 7, {"sds.steps": 5})
    assert (row.attempt, row.strikes, row.error, row.warnings) == (0, 0, None, [])
    assert case.store.job("0" * 26) is None


def test_a_repeated_key_is_the_same_job(case: Case) -> None:
    first, new = case.do(case.store.add_job(new_row(), "key", "sha of body"))
    again, new_again = case.do(case.store.add_job(new_row(), "key", "sha of body"))
    other, _ = case.do(case.store.add_job(new_row(), "other key", "sha of body"))
    assert (new, new_again) == (True, False)
    assert again == first and other.id != first.id
    with pytest.raises(Problem, match="another body") as conflict:
        case.do(case.store.add_job(new_row(), "key", "sha of another"))
    assert (conflict.value.status, conflict.value.code) == (409, "idempotency_conflict")
    assert case.store.counts()["queued"] == 2


def test_a_deleted_jobs_key_is_free_again(case: Case) -> None:
    first, _ = case.do(case.store.add_job(new_row(), "key", "sha"))
    case.do(case.store.remove(first.id))
    second, new = case.do(case.store.add_job(new_row(), "key", "sha"))
    assert new and second.id != first.id


def test_an_unknown_sketch_is_refused(case: Case) -> None:
    with pytest.raises(Problem) as refused:
        case.do(case.store.add_job(new_row(sketch="0" * 64)))
    assert (refused.value.status, refused.value.code) == (404, "unknown_sketch")


def test_a_full_queue_is_told(tmp_path: Path) -> None:
    with opened(tmp_path / "data", Limits(queued_jobs=3)) as case:
        case.do(case.store.add_jobs([new_row(), new_row()], new_id(), "two"))
        with pytest.raises(Problem, match="2 jobs wait already; with 2 more") as refused:
            case.do(case.store.add_jobs([new_row(), new_row()], new_id(), "two more"))
        assert (refused.value.status, refused.value.code) == (429, "queue_full")
        assert [batch.name for batch in case.store.batches()] == ["two"]  # nothing of the second one was taken
        case.claim()
        case.do(case.store.add_jobs([new_row(), new_row()], new_id(), "two more"))


def test_pages_hold_every_job_once_newest_first(case: Case) -> None:
    ids = [case.add(f"job {i}").id for i in range(12)]
    for i, job_id in enumerate(ids):
        if i % 3 == 0:
            case.do(case.store.cancel(job_id))
    for states in [(), ("queued",), ("cancelled",), ("queued", "cancelled"), ("done",)]:
        wanted = [i for i in reversed(ids) if not states or case.row(i).state in states]
        seen: list[str] = []
        after: str | None = None
        while True:
            rows, after = case.store.jobs(states, after=after, limit=3)
            seen += [row.id for row in rows]
            if after is None:
                break
        assert seen == wanted, states


def test_a_batch_is_one_transaction(case: Case) -> None:
    alone = case.add("alone")
    batch_id = new_id()
    rows = case.do(case.store.add_jobs([new_row(f"line {i}") for i in range(5)], batch_id, "five", "key", "sha"))
    batch = case.store.batch(batch_id)
    assert batch is not None and batch.name == "five" and batch.counts["queued"] == 5
    assert batch.jobs == [row.id for row in rows]
    assert [row.prompt for row in rows] == [f"line {i}" for i in range(5)]
    listed, _ = case.store.jobs(batch=batch_id)
    assert [row.id for row in listed] == batch.jobs[::-1]
    again = case.do(case.store.add_jobs([new_row()] * 5, new_id(), "five", "key", "sha"))
    assert [row.id for row in again] == batch.jobs
    with pytest.raises(Problem, match="no upload"):
        case.do(case.store.add_jobs([new_row(), new_row(sketch="0" * 64)], new_id(), "broken"))
    assert case.store.counts()["queued"] == 6 and len(case.store.batches()) == 1
    for row in rows:
        case.do(case.store.remove(row.id))
    assert case.store.batch(batch_id) is None and case.store.job(alone.id) is not None


def test_the_queue_goes_by_priority_then_age(case: Case) -> None:
    low, first, second, high = (case.add(priority=p) for p in (-1, 0, 0, 5))
    assert _queue(case) == [high.id, first.id, second.id, low.id]
    case.do(case.store.set_priority(low.id, 0))
    assert _queue(case) == [high.id, low.id, first.id, second.id]  # it is older
    assert [case.claim().id for _ in range(4)] == [high.id, low.id, first.id, second.id]
    assert case.store.place(high.id) is None


def test_moving_before_holds_however_often(case: Case) -> None:
    """So often at one place that no number is left between two ranks and they are given out anew."""
    order = [case.add(f"job {i}").id for i in range(4)] + [case.add("another priority", priority=-1).id]
    draw = random.Random(0)
    for _ in range(150):
        moved, other = order[2], order[1]
        order.remove(moved)
        order.insert(order.index(other), moved)
        assert case.do(case.store.move_before(moved, other)).id == moved
    assert _queue(case) == order
    for _ in range(60):
        moved, other = draw.sample(order, 2)
        order.remove(moved)
        order.insert(order.index(other), moved)
        case.do(case.store.move_before(moved, other))
    assert _queue(case) == order
    newest = case.add("newest", priority=case.row(order[-1]).priority)
    assert case.store.place(newest.id) == len(order)


def test_only_queued_jobs_have_a_place(case: Case) -> None:
    running = case.running()
    queued = case.add()
    for write in (
        case.store.set_priority(running.id, 1),
        case.store.move_before(running.id, queued.id),
        case.store.move_before(queued.id, running.id),
    ):
        with pytest.raises(Problem, match="is running; only queued") as refused:
            case.do(write)
        assert refused.value.code == "not_queued"


def test_cancel_retry_and_remove_by_state(case: Case) -> None:
    job = case.add()
    assert case.do(case.store.cancel(job.id)).state == "cancelled"
    _refused(case, case.store.cancel, job, "finished")
    queued = case.do(case.store.retry(job.id))
    assert (queued.state, queued.finished, queued.rank > job.rank) == ("queued", None, True)
    _refused(case, case.store.retry, job, "not_retryable")
    case.claim()
    _refused(case, case.store.remove, job, "running")
    assert case.do(case.store.cancel(job.id)).state == "cancelling"
    assert case.do(case.store.cancel(job.id)).state == "cancelling"
    _refused(case, case.store.remove, job, "running")
    case.do(case.store.finish(job.id, 1, "cancelled"))
    case.do(case.store.remove(job.id))
    for write in (case.store.cancel, case.store.retry, case.store.remove):
        _refused(case, write, job, "unknown_job")


def test_a_removed_job_leaves_one_event(case: Case) -> None:
    job, other = case.add(), case.add()
    case.do(case.store.remove(job.id))
    assert [(event.kind, event.state) for event in case.store.events(0, job.id)] == [("removed", None)]
    assert [event.kind for event in case.store.events(0, other.id)] == ["state"]


def test_the_pause_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "data") as case:
        case.add()
        case.do(case.store.set_paused(True))
    with opened(tmp_path / "data") as case:
        assert case.store.paused() and case.do(case.store.claim("worker", 60)) is None
        case.do(case.store.set_paused(False))
        assert not case.store.paused() and case.claim().state == "running"


def test_the_tallies_stay_true(case: Case) -> None:
    draw = random.Random(1)
    for _ in range(120):
        rows, _ = case.store.jobs(limit=1000)
        write = draw.choice(["add", "claim", "cancel", "retry", "remove", "finish"])
        if write == "add" or not rows:
            case.add(priority=draw.randint(-1, 1))
        elif write == "claim":
            case.do(case.store.claim("worker", 60))
        else:
            _try(case, write, draw.choice(rows), draw)
        rows, _ = case.store.jobs(limit=1000)
        assert {s: n for s, n in case.store.counts().items() if n} == Counter(row.state for row in rows)


def test_watched_files_and_uploads(case: Case) -> None:
    assert case.store.watched("/sketches/a.glb") is None
    case.do(case.store.mark_watched("/sketches/a.glb", "1" * 64, "job"))
    case.do(case.store.mark_watched("/sketches/a.glb", "2" * 64, "job"))
    assert case.store.watched("/sketches/a.glb") == "2" * 64
    upload = case.store.upload(SKETCH)
    assert upload is not None and upload.notes == ["no colours"] and case.store.upload("0" * 64) is None
    case.add()
    assert not case.do(case.store.remove_upload(SKETCH)), "a job still has it"


def _refused(case: Case, write, job: JobRow, code: str) -> None:
    with pytest.raises(Problem) as refused:
        case.do(write(job.id))
    assert refused.value.code == code and job.id in refused.value.message


def _try(case: Case, write: str, row: JobRow, draw: random.Random) -> None:
    """One of the writes, which the job's state may refuse."""
    if write == "finish":
        if row.state in ("running", "cancelling"):
            case.do(case.store.finish(row.id, row.attempt, draw.choice(["done", "failed", "cancelled"])))
        return
    try:
        case.do(getattr(case.store, write)(row.id))
    except Problem as problem:
        assert problem.status == 409
