"""The tasks, the journal, and what the server tells, in plain Python."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blender_addon.jobs import journal, progress
from blender_addon.jobs.job import Job
from blender_addon.jobs.tasks import TaskQueue
from blender_addon.trouble import Trouble


def until(tasks: TaskQueue, over: Any) -> None:
    end = time.monotonic() + 30
    while not over():
        assert time.monotonic() < end
        tasks.poll()
        time.sleep(0.005)


def test_work_is_done_elsewhere_and_its_end_here() -> None:
    tasks, threads = TaskQueue(), []

    def work(stop: threading.Event) -> str:
        threads.append(threading.current_thread())
        return "made"

    ends: list[Any] = []
    tasks.start(work, then=lambda made: ends.append((made, threading.current_thread())), failed=ends.append)
    until(tasks, lambda: ends)
    assert ends == [("made", threading.main_thread())] and threads[0] is not threading.main_thread()


def test_trouble_is_told_as_it_is() -> None:
    tasks = TaskQueue()
    ends: list[Trouble] = []

    def foreseen(stop: threading.Event) -> None:
        raise Trouble("hidden", "It is hidden.", "Show it.")

    tasks.start(foreseen, then=lambda _: None, failed=ends.append)
    until(tasks, lambda: ends)
    assert ends.pop().as_dict() == {"code": "hidden", "message": "It is hidden.", "fix": "Show it."}


def test_what_nobody_foresaw_ends_the_wait_and_shows_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    tasks = TaskQueue()
    ends: list[Trouble] = []

    def in_a_thread(stop: threading.Event) -> None:
        raise KeyError("what")

    def in_steps() -> Generator[None, None, None]:
        yield
        raise KeyError("which")

    tasks.start(in_a_thread, then=lambda _: None, failed=ends.append)
    until(tasks, lambda: len(ends) == 1)
    tasks.in_steps(in_steps(), then=lambda _: None, failed=ends.append)
    until(tasks, lambda: len(ends) == 2)
    assert [trouble.code for trouble in ends] == ["internal"] * 2 and "KeyError: 'what'" in ends[0].message
    shown = capfd.readouterr().err
    assert 'raise KeyError("what")' in shown and 'raise KeyError("which")' in shown


def test_nothing_is_heard_of_a_task_that_was_stopped() -> None:
    tasks, heard, may_end = TaskQueue(), [], threading.Event()
    task = tasks.start(lambda stop: may_end.wait(30), then=heard.append, failed=heard.append)
    task.stop()
    assert task.stopped.is_set()
    may_end.set()
    after: list[str] = []
    tasks.start(lambda stop: time.sleep(0.1), then=lambda _: after.append("later"), failed=heard.append)
    until(tasks, lambda: after)
    assert not heard


def test_a_poll_ends_with_its_time_and_goes_on_at_the_next() -> None:
    tasks, done = TaskQueue(), []

    def slowly(number: int) -> None:
        time.sleep(0.01)
        done.append(number)

    for number in range(20):
        tasks.post(partial(slowly, number))
    tasks.poll(0.05)
    assert 0 < len(done) < 20
    until(tasks, lambda: len(done) == 20)
    assert done == list(range(20))


def test_steps_let_others_in_between() -> None:
    tasks, order = TaskQueue(), []

    def steps(name: str, count: int) -> Generator[None, None, str]:
        for number in range(count):
            order.append(f"{name}{number}")
            yield
        return name

    ends: list[Any] = []
    tasks.in_steps(steps("a", 3), then=ends.append, failed=ends.append)
    tasks.in_steps(steps("b", 2), then=ends.append, failed=ends.append)
    until(tasks, lambda: len(ends) == 2)
    assert order == ["a0", "b0", "a1", "b1", "a2"] and ends == ["b", "a"]


def test_the_journal_gives_back_what_it_got_and_half_a_file_is_none(tmp_path: Path) -> None:
    jobs = [Job("mushroom", "ein Pilz 🍄", settings={"geometry.lr": 0.0}, created=2.0), Job("cup", "τάσι", created=1.0)]
    for job in jobs:
        journal.keep(tmp_path, job)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / journal.NAME).write_text('{"name": "hal')
    assert list(journal.kept(tmp_path)) == [jobs[1], jobs[0]]
    journal.forget(tmp_path, jobs[0].key)
    assert [job.name for job in journal.kept(tmp_path)] == ["cup"]
    assert not (tmp_path / jobs[0].key).exists()
    journal.forget(tmp_path, jobs[1].key, keep_files=True)
    assert (tmp_path / jobs[1].key).exists() and not list(journal.kept(tmp_path))


@pytest.mark.parametrize(
    "odd",
    [
        {"created": "yesterday"},
        {"phase": "resting"},  # a later version's
        {"matrix": [1.0]},
        {"origin": [0.0, None, 0.0]},
        {"members": None},
        {"members": ["one"], "names": []},
        {"step": True},
        {"trouble": {"code": 4}},
        {"prompt": None},
    ],
    ids=str,
)
def test_what_is_no_job_is_refused_and_named(odd: dict[str, Any]) -> None:
    job = Job("mushroom", "a mushroom", settings={"a.b": [1]}, trouble={"code": "x"}, seconds_left=3)
    kept = json.loads(json.dumps(job.as_dict()))
    assert Job.from_dict({**kept, "of a later version": 1}) == job
    with pytest.raises((ValueError, TypeError), match=next(iter(odd))):
        Job.from_dict({**kept, **odd})


def test_one_odd_file_of_the_journal_costs_only_itself(tmp_path: Path) -> None:
    job = Job("cup", "a cup")
    journal.keep(tmp_path, job)
    for name, text in {"list": "[]", "odd": '{"name": "m", "prompt": "p", "created": "yesterday"}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / journal.NAME).write_text(text)
    assert list(journal.kept(tmp_path)) == [job]


def test_a_journal_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Trouble, match="file") as trouble:
        journal.keep(tmp_path / "file", Job("mushroom", "a mushroom"))
    assert trouble.value.code == "disk_full" and trouble.value.fix


def told(**fields: Any) -> dict[str, Any]:
    return {"kind": "state", **fields}  # the server leaves out what is none


def test_events_move_a_job_and_done_is_news_once() -> None:
    job = Job("mushroom", "a mushroom", phase="queued", id="1")
    assert not progress.take_event(job, told(state="running"))
    assert job.phase == "running"
    numbers = {"step": 3, "total": 10, "seconds_left": 4.0}
    progress.take_event(job, told(kind="progress", stage="stage1", **numbers, warnings=["odd"]))
    assert (job.stage, job.step, job.total, job.seconds_left) == ("stage1", 3, 10, 4.0)
    progress.take_event(job, told(kind="warning", warnings=["odd"]))
    progress.take_event(job, told(kind="warning", warnings=["odd", "thin"]))
    assert job.warnings == ["odd", "thin"]
    assert progress.take_event(job, told(state="done"))
    assert job.phase == "fetching" and job.finished
    assert not progress.take_event(job, told(state="done"))
    assert not progress.take_event(job, told(state="running"))  # an old one, out of a stream that began anew
    assert job.phase == "fetching"


def test_an_error_is_kept_and_gone_after_a_new_start() -> None:
    job, error = Job("m", "a mushroom", phase="running", id="1"), {"code": "x", "message": "No.", "fix": "Do."}
    progress.take_event(job, told(state="failed", error=error))
    assert job.phase == "failed" and job.trouble == error
    progress.take_event(job, told(state="queued"))
    assert job.phase == "queued" and job.trouble is None


def test_a_job_that_was_removed_on_the_server_is_lost_unless_its_result_is_here() -> None:
    running, done = Job("m", "a", phase="running", id="1"), Job("m", "a", phase="done", id="2")
    for job in (running, done):
        progress.take_event(job, told(kind="removed"))
    assert (running.phase, done.phase) == ("lost", "done")
