"""The estimate of the time left, the lines a person sees, and what Ctrl-C does to a running process."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from realify.commands.progress import ProgressView
from realify.job.events import Event, Stage, Ticker


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _ticked(seconds_per_step: dict[str, float], plan: list[Stage]) -> tuple[list[Event], Clock]:
    clock, events = Clock(), []
    ticker = Ticker(events.append, plan, clock)
    for stage in plan:
        for step in range(1, stage.total + 1):
            clock.now += seconds_per_step[stage.name]
            ticker.tick(stage.name, step)
    return events, clock


def test_time_left_is_exact_when_the_plan_is_right() -> None:
    plan = [Stage("fit", 10, 1.0), Stage("stage1", 20, 3.0), Stage("export", 1, 5.0)]
    events, clock = _ticked({"fit": 0.5, "stage1": 1.5, "export": 2.5}, plan)
    spent = 0.0
    for event in events:
        spent += {"fit": 0.5, "stage1": 1.5, "export": 2.5}[event.stage]
        assert event.seconds_left == pytest.approx(clock.now - spent)


def test_time_left_follows_a_stage_that_is_slower_than_planned() -> None:
    events, _ = _ticked({"fit": 0.1, "stage1": 1.0}, [Stage("fit", 10, 1.0), Stage("stage1", 100, 1.0)])
    halfway = events[10 + 49]
    assert halfway.seconds_left == pytest.approx(50.0, rel=0.1)
    assert events[-1].seconds_left == 0.0


def test_the_fraction_is_one_of_time_ends_at_one_and_never_falls() -> None:
    plan = [Stage("fit", 10, 1.0), Stage("stage1", 20, 3.0), Stage("export", 1, 5.0)]
    events, clock = _ticked({"fit": 0.5, "stage1": 1.5, "export": 2.5}, plan)
    assert events[9].fraction == pytest.approx(5.0 / clock.now) and events[-1].fraction == 1.0
    slower, _ = _ticked({"fit": 0.1, "stage1": 9.0, "export": 0.1}, plan)
    fractions = [event.fraction for event in slower]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_steps_before_a_resume_cost_no_time() -> None:
    clock, events = Clock(), []
    ticker = Ticker(events.append, [Stage("fit", 10), Stage("stage1", 100)], clock)
    ticker.resume("stage1", 80)
    ticker.tick("stage1", 80)
    assert events[-1].seconds_left is None and events[-1].fraction == pytest.approx(90 / 110)
    clock.now += 2.0
    ticker.tick("stage1", 81, warnings=("a word was cut",), preview=Path("p.png"))
    assert events[-1].seconds_left == pytest.approx(19 * 2.0)
    ticker.tick("stage1", 82)
    assert events[-1].preview == Path("p.png") and events[-1].warnings == ()


def test_a_stage_whose_length_is_learnt_later_counts_from_then_on() -> None:
    clock, events = Clock(), []
    ticker = Ticker(events.append, [Stage("read", 1, 1.0), Stage("sample", 0), Stage("bake", 2, 1.0)], clock)
    clock.now += 0.5
    ticker.tick("read", 1)
    assert events[-1].seconds_left == pytest.approx(2 * 0.5)
    ticker.expect(Stage("sample", 3, 10.0))
    ticker.tick("read", 1)
    assert events[-1].seconds_left == pytest.approx(2 * 0.5 + 3 * 5.0)
    ticker.resume("bake", 0)
    ticker.tick("sample", 3)
    assert events[-1].total == 3 and list(ticker._plan) == ["read", "sample", "bake"]


def test_events_go_into_json() -> None:
    assert Event("fit", 1, 2, preview=Path("p.png")).as_dict()["preview"] == "p.png"


def test_plain_lines_without_a_terminal() -> None:
    text = io.StringIO()
    with ProgressView(Console(file=text)) as view:
        for step in range(1, 101):
            view.on_event(Event("stage1", step, 100, 75.0, 0.3, 0.5, Path("run/preview.png")))
        view.on_event(Event("bake", 1, 1, warnings=("[dropped] 3 faces",)))
    assert text.getvalue().splitlines() == [
        "stage 1, score distillation: 1/100  1:15 left  loss 0.5  run/preview.png",
        "stage 1, score distillation: 100/100  1:15 left  loss 0.5  run/preview.png",
        "warning: [dropped] 3 faces",
        "baking the textures: 1/1",
    ]


def test_a_bar_on_a_terminal() -> None:
    text = io.StringIO()
    with ProgressView(Console(file=text, force_terminal=True, width=120)) as view:
        view.on_event(Event("fit", 150, 300, 61.0, 0.3, 0.25, Path("run/preview.png")))
    assert "fitting a body" in text.getvalue() and "1:01 left" in text.getvalue()
    assert "newest preview: run/preview.png" in text.getvalue()


_LOOP = """
import time
from realify.commands.progress import Interrupt
with Interrupt() as interrupt:
    print("ready", flush=True)
    while not interrupt.requested():
        time.sleep(0.01)
    print("asked", flush=True)
    time.sleep(60 if {stubborn} else 0)
print("clean", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_kills(number: signal.Signals) -> None:
    for stubborn in (False, True):
        command = [sys.executable, "-c", _LOOP.format(stubborn=stubborn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            assert process.stdout.readline() == "asked\n"
            if stubborn:
                process.send_signal(number)
                assert process.wait(10) == -number
            else:
                assert process.wait(10) == 0 and process.stdout.read() == "clean\n"
            assert "once more kills" in process.stderr.read()


def test_a_warning_comes_with_the_event_before_it() -> None:
    events: list[Event] = []
    ticker = Ticker(events.append, [Stage("read", 1), Stage("fit", 10)])
    with pytest.raises(ValueError, match="tick first"):
        ticker.warn(("too early",))
    ticker.tick("read", 1)
    ticker.warn(("a stroke was dropped",))
    assert (events[-1].stage, events[-1].step) == ("read", 1)
    assert events[-1].warnings == ("a stroke was dropped",) and events[0].warnings == ()
