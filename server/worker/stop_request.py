"""Whether the attempt in hand was asked to stop."""

from __future__ import annotations

import threading

from server.worker.protocol import Order


class StopRequest:
    """Set by the thread that listens, looked at by the one that works.

    A stop names its attempt: one that comes too late must not hit the job's next attempt. The lock may be taken
    twice by one thread, because a signal's handler asks while it interrupts whatever runs.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._attempt: tuple[str, int] | None = None
        self._asked = False

    def begin(self, order: Order) -> None:
        """An order has come."""
        with self._lock:
            self._attempt, self._asked = (order.job_id, order.attempt), False

    def end(self) -> None:
        """The order is at its end; from now on nothing can be stopped."""
        with self._lock:
            self._attempt, self._asked = None, False

    def ask(self, job_id: str, attempt: int) -> bool:
        """Asks for a stop; False where this attempt is not in hand."""
        with self._lock:
            self._asked = self._asked or self._attempt == (job_id, attempt)
            return self._attempt == (job_id, attempt)

    def asked(self) -> bool:
        """What a pipeline looks at after each step."""
        return self._asked

    def waits(self, job_id: str, attempt: int) -> bool:
        """Whether that attempt was asked to stop and has not ended yet."""
        with self._lock:
            return self._asked and self._attempt == (job_id, attempt)
