"""Work in threads, and its end on the window's own thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Generator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

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
    until(tasks, lambda: task not in tasks._running)
    assert not heard


def test_a_poll_ends_with_its_time_and_goes_on_at_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at this clock finds it a second further."""
    tasks, done, seconds = TaskQueue(), [], itertools.count()
    monkeypatch.setattr("blender_addon.jobs.tasks.time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    for number in range(20):
        tasks.post(partial(done.append, number))
    tasks.poll(5)
    assert done == [0, 1, 2, 3]
    tasks.poll(100)
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
