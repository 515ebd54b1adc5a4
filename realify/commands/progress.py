"""What a person sees of a running job, and how it is interrupted: Ctrl-C once stops cleanly, twice kills."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType, TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from realify.job.events import Event

_WORDS = {
    "read": "reading the sketch",
    "fit": "fitting a body",
    "stage1": "stage 1, score distillation",
    "stage2": "stage 2, bridge",
    "sample": "stage 3, sampling",
    "bake": "baking the textures",
    "export": "writing the files",
}
_SECONDS_BETWEEN_LINES = 10.0


class _Bar(Progress):
    """A progress bar with a line below it for the newest preview's path."""

    preview: Path | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.preview:
            yield Text(f"newest preview: {self.preview}", overflow="fold")


class ProgressView:
    """Shows events as a bar on a terminal, else as lines: at each stage's ends and every ten seconds.

    `words` says what each stage is.
    """

    def __init__(self, console: Console, words: Mapping[str, str] = _WORDS) -> None:
        self._console, self._words = console, words
        columns = (
            TextColumn("{task.description:<27}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = _Bar(*columns, console=console) if console.is_terminal else None
        self._task = self._bar.add_task("starting", total=None, note="") if self._bar else None
        self._last: Event | None = None
        self._last_line = 0.0

    def __enter__(self) -> ProgressView:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Shows one event; its warnings stay on the screen."""
        for warning in event.warnings:
            self._console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
        if self._bar and self._task is not None:
            words = self._words[event.stage]
            self._bar.preview = event.preview
            self._bar.update(
                self._task, description=words, completed=event.step, total=event.total, note=_note(event)
            )
        else:
            self._print_line(event)
        self._last = event

    def _print_line(self, event: Event) -> None:
        now = time.monotonic()
        begins = self._last is None or self._last.stage != event.stage
        if begins or event.step == event.total or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            parts = (f"{self._words[event.stage]}: {event.step}/{event.total}", _note(event), event.preview or "")
            line = "  ".join(str(part) for part in parts if part)
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            self._last_line = now


def _note(event: Event) -> str:
    """Time left and loss, as far as they are known."""
    parts = []
    if event.seconds_left is not None:
        minutes, seconds = divmod(round(event.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    if event.loss is not None:
        parts.append(f"loss {event.loss:.4g}")
    return "  ".join(parts)


class Interrupt:
    """While entered, the first Ctrl-C (or SIGTERM) only makes `requested()` true; a second one kills."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self._requested = False

    def requested(self) -> bool:
        """Whether the job was asked to stop."""
        return self._requested

    def __enter__(self) -> Interrupt:
        self._before = {number: signal.signal(number, self._on_signal) for number in self._SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._requested = True
        # Not through rich: its lock may be held by the code that the signal interrupted.
        os.write(2, b"\nStopping after this step; once more kills.\n")
