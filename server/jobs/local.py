"""The executor of one machine: a worker process for each GPU, or one on the CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from server.config import ServerConfig
from server.jobs.devices import worker_slots
from server.jobs.executor import WorkerState
from server.jobs.worker_process import WorkerProcess
from server.worker.protocol import Message, Order, Outcome


class LocalExecutor:
    """server.jobs.executor.Executor for this machine."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._workers: list[WorkerProcess] = []
        self._waiting: dict[str, bool] = {}  # jobs that have no worker yet, and whether they were asked to stop
        self._change = asyncio.Event()
        self._closing = False

    async def start(self) -> None:
        """Starts the workers; they warm up behind."""
        found = await asyncio.to_thread(worker_slots, self._config.device, self._config.workers)
        self._workers = [WorkerProcess(slot, self._config, self._change.set) for slot in found]
        for worker in self._workers:
            worker.start()

    async def wait_for_slot(self) -> None:
        """Returns once a worker is idle."""
        while self._idle() is None:
            await self._next_change()

    async def run(self, order: Order, on_message: Callable[[Message], None]) -> Outcome:
        """Takes an idle worker before it first waits, so that a slot that was there cannot be given away twice."""
        self._waiting[order.job_id] = False
        try:
            while (worker := self._idle()) is None:
                if self._waiting[order.job_id] or self._closing:
                    return Outcome("stopped")
                await self._next_change()
        finally:
            del self._waiting[order.job_id]
        return await worker.run(order, on_message)

    def stop_job(self, job_id: str) -> None:
        """See Executor."""
        if job_id in self._waiting:
            self._waiting[job_id] = True
            self._change.set()
        for worker in self._workers:
            if worker.runs(job_id):
                worker.stop()

    async def close(self) -> None:
        """All workers at once."""
        self._closing = True
        self._change.set()
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def states(self) -> list[WorkerState]:
        return [worker.state for worker in self._workers]

    def _idle(self) -> WorkerProcess | None:
        return next((worker for worker in self._workers if worker.idle()), None)

    async def _next_change(self) -> None:
        """Of any worker's state. Nothing is missed: nobody else runs between a look at them and the clearing."""
        self._change.clear()
        await self._change.wait()
