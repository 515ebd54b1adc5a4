"""Time that passes when a test says so, so that no test waits for it, and none is too slow for it."""

from __future__ import annotations

import threading
import time
from typing import Any


class LeapingClock:
    """In the place of a module's `time`. It goes as time goes; after `leap` each of the next looks at it finds it 20
    seconds further, and then `leapt` is set."""

    def __init__(self) -> None:
        self._ahead, self._looks = 0.0, 0
        self.leapt = threading.Event()

    def leap(self, looks: int = 10) -> None:
        self._looks = looks

    def monotonic(self) -> float:
        if self._looks:
            self._looks, self._ahead = self._looks - 1, self._ahead + 20
            if not self._looks:
                self.leapt.set()
        return time.monotonic() + self._ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
