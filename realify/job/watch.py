"""What happens after a step: tell of it, draw a preview at times, leave a checkpoint, stop when asked to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from realify.job.checkpoint import save_checkpoint
from realify.job.events import Event, Stage, Stopped, Ticker
from realify.job.previews import write_preview
from realify.job.run_folder import PREVIEWS
from realify.settings import Settings
from sdf_fit.body.body import Body
from sdf_fit.render import Rasterizer

log = logging.getLogger("realify")
# Seconds a step of each stage takes beside the others, for the time left before it has been seen; of sampling it is
# a step whose effort is 1.
SECONDS = {"read": 2.0, "fit": 0.15, "stage1": 0.3, "stage2": 0.3, "sample": 0.3, "bake": 4.0, "export": 4.0}


class Run(Protocol):
    """A stage in progress that can be saved: after `step` steps, each as long as `effort` steps of distillation."""

    body: Body
    step: int
    effort: float

    @property
    def name(self) -> str: ...

    def at_rest(self) -> bool:
        """Whether a checkpoint may be taken."""
        ...

    def state(self) -> dict[str, Any]:
        """What goes into it."""
        ...


class Watch:
    """One job's eyes: events, warnings, previews, checkpoints and the wish to stop."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
        on_checkpoint: Callable[[], None] | None = None,
    ) -> None:
        self.settings, self.folder, self._should_stop = settings, folder, should_stop
        self._on_checkpoint = on_checkpoint
        self.warnings: list[str] = []
        self._notes: list[str] = []
        self._told = 0
        self._saved = time.monotonic()
        totals = {"read": 1, "fit": settings.fit.steps, "stage1": settings.stage1.steps}
        totals |= {"stage2": settings.stage2.steps, "sample": 0, "bake": 2, "export": 2}
        self._ticker = Ticker(on_event, [Stage(name, total, SECONDS[name]) for name, total in totals.items()])

    def expect(self, stage: str, steps: int, effort: float) -> None:
        """How many steps a stage to come will have, and how long they are, where the settings leave it to the prior."""
        self._ticker.expect(Stage(stage, steps, SECONDS[stage] * effort))

    def begin(self, stage: str, run: Run | None = None) -> None:
        """The stage begins; one with a run is worth a checkpoint before its first step. Raises Stopped."""
        self._ticker.tick(stage, 0)
        if run is not None:
            self._save(run)
        self._stop_if_asked()

    def resume(self, stage: str, step: int) -> None:
        """The job goes on after `step` of the stage."""
        self._ticker.resume(stage, step)

    def done(self, stage: str, step: int, loss: float | None = None) -> None:
        """`step` steps of a stage without checkpoints of its own are done. Raises Stopped."""
        self._ticker.tick(stage, step, loss=loss)
        self._stop_if_asked()

    def warn(self, *warnings: str) -> None:
        """Tell the user something, in the events (at the step that was told of last) and in the log."""
        for warning in warnings:
            log.warning(warning)
        if warnings:
            self.warnings += warnings
            self._ticker.warn(warnings)

    def follow(self, notes: list[str]) -> None:
        """Warns of what stands in a list (`Prior.notes`), now and after every step at which more does."""
        self._notes, self._told = notes, 0
        self._tell_notes()

    def _tell_notes(self) -> None:
        news = self._notes[self._told :]
        self._told += len(news)
        self.warn(*news)

    def after_step(self, run: Run, renderer: Rasterizer, loss: float) -> None:
        """A run's step is done; it may be saved where `Run.at_rest` says so. Raises Stopped."""
        preview = None
        if self._preview_due(run):
            preview = self.folder / PREVIEWS / f"{run.name}-{run.step:06d}.png"
            write_preview(preview, run.body, renderer)
        self._ticker.tick(run.name, run.step, loss=loss, preview=preview)
        self._tell_notes()
        if not run.at_rest():
            return
        stop = self._should_stop()
        if stop or time.monotonic() - self._saved >= self.settings.checkpoint.every_seconds:
            self._save(run)
        if stop:
            raise Stopped

    def _preview_due(self, run: Run) -> bool:
        """Long steps are shown the more often."""
        every = self.settings.checkpoint.preview_every
        return every > 0 and run.step % max(1, round(every / run.effort)) == 0

    def _save(self, run: Run) -> None:
        save_checkpoint(self.folder, run.state())
        self._saved = time.monotonic()
        if self._on_checkpoint:
            self._on_checkpoint()

    def _stop_if_asked(self) -> None:
        if self._should_stop():
            raise Stopped
