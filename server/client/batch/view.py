"""What a person sees of a running batch: on a terminal one bar a running job and one for all, else a line a change."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from server.client.batch.items import Item
from server.models import FINISHED, Event

OVER = (*FINISHED, "refused", "removed")


class BatchView:
    """Follows `items`, which their owner changes before each call."""

    def __init__(self, console: Console, items: Sequence[Item]) -> None:
        self._console, self._items = console, items
        columns = (TextColumn("{task.description:<28}"), BarColumn(bar_width=24), MofNCompleteColumn(),
                   TextColumn("{task.fields[note]}"))  # fmt: skip
        self._bars = Progress(*columns, console=console) if console.is_terminal else None
        self._whole = self._bars.add_task("all jobs", total=len(items), note="") if self._bars else None
        self._lines: dict[str, TaskID] = {}
        self._left: dict[str, float] = {}  # seconds, of the running ones
        self._told: dict[str, str] = {}

    def __enter__(self) -> BatchView:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def on_item(self, item: Item) -> None:
        """Its state changed."""
        if self._told.get(item.name) == item.state:
            return
        self._told[item.name] = item.state
        if item.state in OVER:
            self._drop(item)
        if item.state in OVER or (self._bars is None and item.state == "running"):
            took = f" in {item.seconds:.0f} s" if item.seconds is not None else ""
            line = "  ".join(part for part in (f"{item.name}: {item.state}{took}", item.error) if part)
            line += "" if self._bars else f"  {self._note()}"
            style = None if item.state in ("done", "running") else "red"
            self._console.print(line.rstrip(), style=style, markup=False, highlight=False, soft_wrap=True)
        self._update_whole()
        if self._bars and self._whole is not None and item.state == "waiting":
            self._bars.update(self._whole, note=f"{item.name} was sent")

    def on_progress(self, item: Item, event: Event) -> None:
        """Its job made a step."""
        if event.seconds_left is not None:
            self._left[item.name] = event.seconds_left
        if self._bars is None:
            return
        if item.name not in self._lines:
            self._lines[item.name] = self._bars.add_task(item.name, total=None, note="")
        note = f"{event.stage or ''}  {_clock(event.seconds_left)}"
        self._bars.update(self._lines[item.name], completed=event.step or 0, total=event.total, note=note)
        self._update_whole()

    def _drop(self, item: Item) -> None:
        self._left.pop(item.name, None)
        line = self._lines.pop(item.name, None)
        if self._bars and line is not None:
            self._bars.remove_task(line)

    def _update_whole(self) -> None:
        if self._bars and self._whole is not None:
            done = sum(item.state in OVER for item in self._items)
            self._bars.update(self._whole, completed=done, note=_clock(self._seconds_left()))

    def _note(self) -> str:
        done = sum(item.state in OVER for item in self._items)
        return f"({done} of {len(self._items)}{', ' if self._seconds_left() else ''}{_clock(self._seconds_left())})"

    def _seconds_left(self) -> float | None:
        """Of all: those that run now, and those that wait at the pace of the done ones."""
        took = [item.seconds for item in self._items if item.seconds is not None and item.state == "done"]
        waiting = sum(item.state in ("waiting", "queued") for item in self._items)
        if waiting and not took:
            return None
        at_once = max(1, sum(item.state == "running" for item in self._items))
        pace = sum(took) / len(took) if took else 0.0
        left = waiting * pace / at_once + max(self._left.values(), default=0.0)
        return left or None


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} left" if hours else f"{minutes}:{rest:02d} left"
