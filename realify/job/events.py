"""What a running job tells: one event a step, with the time it will still take."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

# The stages of a job with a body, and the seconds a step of each takes beside the others, as long as it has not been
# seen; of sampling it is a step whose effort is 1.
STAGES = {"read": 2.0, "fit": 0.15, "stage1": 0.3, "stage2": 0.3, "sample": 0.3, "bake": 4.0, "export": 4.0}


class Stopped(Exception):
    """Raised by a pipeline that was asked to stop, once its checkpoint is on disk."""


class Advice(UserWarning):
    """A warning that the user of a job should read; those of other kinds are a library's, and for the log."""


@dataclass(frozen=True)
class Event:
    """`step` of `total` in `stage` is done; `seconds_left` (None: not known yet) and `fraction`, what is done by time
    from 0 to 1, are the whole job's.

    `preview` is the newest preview image; `warnings` are those that are new since the last event.
    """

    stage: str
    step: int
    total: int
    seconds_left: float | None = None
    fraction: float = 0.0
    loss: float | None = None
    preview: Path | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The event ready for JSON."""
        return asdict(self) | {"preview": str(self.preview) if self.preview else None}


@dataclass(frozen=True)
class Stage:
    """A stage of the plan: `total` steps that are expected to cost `weight` seconds each on some machine (0: it tells
    nothing of the others).
    """

    name: str
    total: int
    weight: float = 1.0


class Ticker:
    """Sends an event for each step and estimates the seconds left.

    The plan's weights tell how the stages compare; how long a unit of weight takes is measured. A stage's own
    pace counts the more, the more of its steps have been seen. Steps done before a resume cost no time.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None],
        plan: Sequence[Stage],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_event = on_event
        self._plan = {stage.name: stage for stage in plan}
        self._clock = clock
        self._last_time = clock()
        self._done = Counter[str]()
        self._seen = Counter[str]()  # steps done under this ticker's eyes
        self._seconds = defaultdict[str, float](float)
        self._fraction = 0.0
        self._preview: Path | None = None
        self._last: Event | None = None

    def expect(self, stage: Stage) -> None:
        """What is known by now of a stage of the plan that is still to come."""
        self._plan[stage.name] = stage

    def resume(self, stage: str, step: int) -> None:
        """The job goes on after `step` of `stage`; the stages before are done."""
        names = list(self._plan)
        for name in names[: names.index(stage)]:
            self._done[name] = self._plan[name].total
        self._done[stage] = step
        self._last_time = self._clock()

    def tick(
        self,
        stage: str,
        step: int,
        *,
        loss: float | None = None,
        preview: Path | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """`step` steps of `stage` are done (0: it begins)."""
        now = self._clock()
        self._seconds[stage] += now - self._last_time
        self._seen[stage] += max(step - self._done[stage], 0)
        self._done[stage], self._last_time = step, now
        self._preview = preview or self._preview
        left, fraction = self._tell()
        self._last = Event(stage, step, self._plan[stage].total, left, fraction, loss, self._preview, warnings)
        self._on_event(self._last)

    def warn(self, warnings: tuple[str, ...]) -> None:
        """The last event once more, with these warnings. Raises ValueError before the first tick."""
        if self._last is None:
            raise ValueError("there is no event yet that warnings could come with: tick first")
        self._on_event(replace(self._last, warnings=warnings))

    def _tell(self) -> tuple[float | None, float]:
        """Seconds left, and the fraction that is done."""
        pace, done, left = self._pace(), 0.0, 0.0
        for name, stage in self._plan.items():
            per_step = stage.weight if pace is None else self._seconds_a_step(stage, pace)
            done += min(self._done[name], stage.total) * per_step
            left += max(stage.total - self._done[name], 0) * per_step
        # What a stage costs is found out on the way; a bar that went back would be read as a fault.
        self._fraction = max(self._fraction, done / (done + left) if done else 0.0)
        return None if pace is None else left, self._fraction

    def _pace(self) -> float | None:
        """Seconds that a unit of weight takes, once a step has been seen."""
        work_seen = sum(self._seen[name] * stage.weight for name, stage in self._plan.items())
        seconds = sum(self._seconds[name] for name, stage in self._plan.items() if stage.weight)
        return seconds / work_seen if work_seen else None

    def _seconds_a_step(self, stage: Stage, pace: float) -> float:
        """Ten steps' worth of the expected pace keep a stage's first, slow steps from ruling."""
        return (self._seconds[stage.name] + 10 * pace * stage.weight) / (self._seen[stage.name] + 10)
