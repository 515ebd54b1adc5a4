"""How long the window's thread was away: the longest gap between two calls of a 5 ms timer, and the longest time spent
in the extension's own code, call by call.

The two differ: a gap holds what Blender itself does, above all drawing, which takes long without a GPU. The baseline,
where the extension does nothing, tells how much of a gap is that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import bpy

TICK = 0.005  # seconds


@dataclass
class Span:
    """Milliseconds, while one thing was done. `longest_call` is the extension's, and `where` it was."""

    name: str
    seconds: float = 0.0
    longest_gap: float = 0.0
    mean_gap: float = 0.0
    longest_call: float = 0.0
    where: str = ""
    in_calls: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stopwatch:
    """`spans` are the ones that are over."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._span = Span("start")
        self._begin = self._last = time.perf_counter()
        self._ticks = 0
        bpy.app.timers.register(self._tick, persistent=True)

    def _tick(self) -> float:
        now = time.perf_counter()
        self._span.longest_gap = max(self._span.longest_gap, 1000 * (now - self._last))
        self._last = now
        self._ticks += 1
        return TICK

    def begin(self, name: str) -> None:
        """What follows is `name`."""
        self._span, self._ticks = Span(name), 0
        self._begin = self._last = time.perf_counter()

    def end(self) -> Span:
        """It is over."""
        self._tick()  # a gap that lasts until now counts
        span = self._span
        span.seconds = time.perf_counter() - self._begin
        span.mean_gap = 1000 * span.seconds / self._ticks
        self.spans.append(span)
        self._span = Span("between")
        return span

    def watch(self, owner: Any, name: str, label: str) -> None:
        """From now on calls of `owner.name` are timed."""
        function = getattr(owner, name)
        timed = self._timed(function, label)
        if isinstance(owner, type):  # Blender gives a class's function as many arguments as it seems to take
            takes = {2: lambda a, b: timed(a, b), 3: lambda a, b, c: timed(a, b, c)}
            setattr(owner, name, takes[function.__code__.co_argcount])
        else:
            setattr(owner, name, timed)

    def _timed(self, function: Callable[..., Any], label: str) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*given, **named)
            finally:
                self._note(label, 1000 * (time.perf_counter() - begin))

        return timed

    def _note(self, label: str, milliseconds: float) -> None:
        span = self._span
        span.in_calls += milliseconds
        if milliseconds > span.longest_call:
            span.longest_call, span.where = milliseconds, label
