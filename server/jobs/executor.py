"""Where jobs run: the interface between the dispatcher and the machines. local.py is the first behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from server.problem import ProblemDict
from server.worker.protocol import Message, Order, Outcome


@dataclass(frozen=True)
class WorkerState:
    """One worker as `/readyz`, `/metrics` and the page show it."""

    name: str
    state: Literal["starting", "warm", "busy", "dead"]
    device: str = ""
    pid: int | None = None
    job_id: str | None = None
    restarts: int = 0
    problem: ProblemDict | None = None


class Executor(Protocol):
    """Runs orders, at most as many at a time as it has workers. All methods are called from one event loop."""

    async def start(self) -> None:
        """Starts the workers; returns at once, they warm up behind."""
        ...

    async def wait_for_slot(self) -> None:
        """Returns once an order could be run now. Cancellable."""
        ...

    async def run(self, order: Order, on_message: Callable[[Message], None]) -> Outcome:
        """Runs an order to its end; on_message gets what the worker tells meanwhile. Never raises for the job's
        sake."""
        ...

    def stop_job(self, job_id: str) -> None:
        """Asks the job's worker to stop; kills it after the configured seconds. No effect for an unknown one."""
        ...

    async def close(self) -> None:
        """Stops the workers: a running job ends as `stopped`, with a checkpoint where time allows."""
        ...

    def states(self) -> list[WorkerState]:
        """All workers."""
        ...
