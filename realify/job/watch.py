"""What happens after a step: tell of it, draw a preview at times, leave a checkpoint, stop when asked to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from realify.job.checkpoint import save_checkpoint
from realify.job.events import Event, Stage, Stopped, Ticker
from realify.job.run_folder import PREVIEWS
from realify.settings import Checkpoint

log = logging.getLogger("realify")


class Run(Protocol):
    """A stage in progress that can be saved: after `step` steps, each as long as `effort` steps of distillation."""

    step: int

    @property
    def name(self) -> str: ...

    @property
    def effort(self) -> float: ...

    def run(self, on_step: Callable[[float], None]) -> None:
        """The steps that are left; on_step(loss) after each, which may raise to stop."""
        ...

    def at_rest(self) -> bool:
        """Whether a checkpoint may be taken."""
        ...

    def state(self) -> dict[str, Any]:
        """What goes into it."""
        ...


class Watch:
    """One job's eyes: events, warnings, previews, checkpoints and the wish to stop.

    `rhythm` says how often there is a checkpoint and a preview; on_checkpoint() hears of each checkpoint on disk. What
    about() tells lies in it beside the stage's state.
    """

    def __init__(
        self,
        folder: Path,
        plan: Sequence[Stage],
        rhythm: Checkpoint,
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
        on_checkpoint: Callable[[], None] = lambda: None,
        about: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.folder, self.rhythm, self._should_stop = folder, rhythm, should_stop
        self._on_checkpoint, self._about = on_checkpoint, about
        self.warnings: list[str] = []
        self._notes: list[str] = []
        self._told = 0
        self._saved = time.monotonic()
        self._ticker = Ticker(on_event, plan)

    def expect(self, stage: Stage) -> None:
        """What is known by now of a stage to come."""
        self._ticker.expect(stage)

    def begin(self, stage: str) -> None:
        """A stage without checkpoints of its own begins. Raises Stopped."""
        self.done(stage, 0)

    def done(self, stage: str, step: int, loss: float | None = None) -> None:
        """`step` steps of a stage without checkpoints of its own are done. Raises Stopped."""
        self._ticker.tick(stage, step, loss=loss)
        self._stop_if_asked()

    def run(self, run: Run, draw: Callable[[Path], None]) -> None:
        """The steps of a stage that are left; draw(path) writes a preview. Before the first and after any step, as far
        as `Run.at_rest` allows it, there may be a checkpoint. Raises Stopped with one on disk, and the stage's errors.
        """
        self._ticker.resume(run.name, run.step)
        self._ticker.tick(run.name, run.step)
        self._save(run)
        self._stop_if_asked()
        run.run(partial(self._after_step, run, draw))

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

    def _after_step(self, run: Run, draw: Callable[[Path], None], loss: float) -> None:
        preview = None
        if self._preview_due(run):
            preview = self.folder / PREVIEWS / f"{run.name}-{run.step:06d}.png"
            preview.parent.mkdir(exist_ok=True)
            draw(preview)
        self._ticker.tick(run.name, run.step, loss=loss, preview=preview)
        self._tell_notes()
        if not run.at_rest():
            return
        stop = self._should_stop()
        if stop or time.monotonic() - self._saved >= self.rhythm.every_seconds:
            self._save(run)
        if stop:
            raise Stopped

    def _preview_due(self, run: Run) -> bool:
        """Long steps are shown the more often."""
        every = self.rhythm.preview_every
        return every > 0 and run.step % max(1, round(every / run.effort)) == 0

    def _save(self, run: Run) -> None:
        save_checkpoint(self.folder, run.state() | {"about": self._about()})
        self._saved = time.monotonic()
        self._on_checkpoint()

    def _stop_if_asked(self) -> None:
        if self._should_stop():
            raise Stopped
