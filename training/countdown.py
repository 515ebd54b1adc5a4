"""Progress of a long loop as plain lines, with the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def countdown(items: Sequence[Item], label: str, every: float = 10.0) -> Iterator[Item]:
    """The items; on stderr a line each `every` seconds, and one at the end."""
    start = said = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - said >= every:
            left = (now - start) / done * (len(items) - done)
            print(f"{label}: {done} of {len(items)}, {clock(left)} left", file=sys.stderr, flush=True)
            said = now
        yield item
    print(f"{label}: {clock(time.monotonic() - start)}", file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """ "3:07" for 187 seconds."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
