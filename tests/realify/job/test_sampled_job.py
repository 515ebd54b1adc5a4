"""A whole job with sampling after the two stages: what it tells, and that a stop in its middle changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realify.job.checkpoint import load_checkpoint
from realify.job.events import Event, Stopped
from realify.pipeline import run
from realify.settings import Settings, apply

SKETCH = Path(__file__).parents[3] / "examples/sketches/mushroom.glb"
# As small as everything still happens.
TINY = {
    "fit.grid": 24,
    "fit.resolution": 48,
    "fit.steps": 4,
    "render.views": 2,
    "stage1.steps": 1,
    "stage2.steps": 1,
    "sample.steps": 2,
    "sample.views": 3,
    "sample.eta": 1,
    "output.texture_size": 1024,
    "output.faces": 1000,
    "checkpoint.every_seconds": 0,
    "checkpoint.preview_every": 3,
}


def settings_of(prior: Path, **changes: Any) -> Settings:
    return apply(Settings(), TINY | {"prior.name": str(prior)} | {k.replace("__", "."): v for k, v in changes.items()})


def job(settings: Settings, folder: Path, stop_at: Callable[[Event], bool] | None = None) -> list[Event]:
    """Its events, up to the one at which it is asked to stop."""
    events: list[Event] = []
    try:
        run(
            SKETCH,
            "a photo of a red mushroom",
            settings,
            folder,
            events.append,
            lambda: stop_at is not None and stop_at(events[-1]),
        )
    except Stopped:
        assert stop_at is not None
    return events


@pytest.fixture(scope="module")
def whole(tiny_prior: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Event]]:
    """The result of the job that nobody stopped, and its events."""
    folder = tmp_path_factory.mktemp("whole")
    events = job(settings_of(tiny_prior), folder)
    return (folder / "result.glb").read_bytes(), events


def test_sampling_is_told_between_bridge_and_bake(whole: tuple[bytes, list[Event]]) -> None:
    events = whole[1]
    assert list(dict.fromkeys(event.stage for event in events)) == [
        "read", "fit", "stage1", "stage2", "sample", "bake", "export",
    ]  # fmt: skip
    told = [event for event in events if event.stage == "sample"]
    assert [(event.step, event.total) for event in told] == [(0, 2), (1, 2), (2, 2)]
    assert told[-1].loss is not None and told[-1].loss > 0
    # two groups and four rounds: a step is as long as four of distillation, so one preview in each
    assert [event.preview.name for event in told[1:] if event.preview] == ["sample-000001.png", "sample-000002.png"]
    left = [event.seconds_left for event in events if event.seconds_left is not None]
    assert left[-1] == 0 and min(left[:-1]) > 0


def test_stopped_and_resumed_is_the_same_mesh(
    whole: tuple[bytes, list[Event]], tiny_prior: Path, tmp_path: Path
) -> None:
    """Before the first step and, resumed, after it."""
    settings, told = settings_of(tiny_prior), []
    for step in (0, 1):
        told.append(job(settings, tmp_path, lambda event, step=step: (event.stage, event.step) == ("sample", step)))
        checkpoint = load_checkpoint(tmp_path)
        assert checkpoint is not None and (checkpoint["stage"], checkpoint["step"]) == ("sample", step)
    told.append(job(settings, tmp_path))
    for events in told[1:]:
        assert not {"fit", "stage1", "stage2"} & {event.stage for event in events}
    assert (tmp_path / "result.glb").read_bytes() == whole[0]


@pytest.mark.parametrize("steps", [0, None])
def test_no_steps_are_no_stage(steps: int | None, tiny_prior: Path, tmp_path: Path) -> None:
    """As before there was one; the tiny prior's own is none, too."""
    events = job(settings_of(tiny_prior, sample__steps=steps), tmp_path, lambda event: event.stage == "bake")
    assert list(dict.fromkeys(event.stage for event in events)) == ["read", "fit", "stage1", "stage2", "bake"]
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None and checkpoint["stage"] == "stage2"
