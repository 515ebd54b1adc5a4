"""From the queue to the workers and back: claims jobs, has them run, and writes down how they ended.

    wait for a slot → claim the queue's first → make the attempt's folder → executor.run → finish or requeue

Every write carries the attempt's number; the store refuses those of an attempt that no longer holds its job.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from server.config import ServerConfig
from server.folders import Folders
from server.jobs.attempt_folder import keep_only_attempt, make_attempt_folder
from server.jobs.executor import Executor
from server.jobs.reporter import Reporter
from server.problem import Problem, ProblemDict
from server.store import attempts, jobs, uploads
from server.store.errors import Fenced, StoreError
from server.store.rows import EventRow, JobRow
from server.store.store import Store
from server.worker.faults import explain
from server.worker.protocol import Order, Outcome

log = logging.getLogger("server.jobs.dispatcher")
T = TypeVar("T")
LEASE_SECONDS = 60.0
HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 1.0  # between two tries to write what has to be written
LOOK_SECONDS = 5.0  # at the queue, if nobody calls


class Dispatcher:
    """Owns the executor: starts and closes it. All methods from one event loop."""

    def __init__(self, store: Store, executor: Executor, folders: Folders, config: ServerConfig) -> None:
        self._store, self._executor, self._folders, self._config = store, executor, folders, config
        self._wake = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._closing = False

    async def start(self) -> None:
        """What ran under the server before waits again; then workers and queue are started."""
        for row in await self._store.write(attempts.recover):
            log.info("it goes on where it was: %s", row.state, extra={"job_id": row.id})
        loop = asyncio.get_running_loop()

        def listen(rows: list[EventRow]) -> None:  # in the writing thread
            loop.call_soon_threadsafe(self._hear, rows)

        self._unlisten = self._store.listen(listen)
        await self._executor.start()
        self._loop_task = asyncio.create_task(self._dispatch(), name="dispatcher")

    async def close(self) -> None:
        """No new jobs; those that run go back to the queue with their checkpoints. That is no strike."""
        self._closing = True
        self._unlisten()
        if self._loop_task:
            self._loop_task.cancel()
            await asyncio.wait([self._loop_task])
        await self._executor.close()
        if self._attempts:
            await asyncio.wait(self._attempts)

    async def cancel(self, job_id: str) -> JobRow:
        """Raises as store.jobs.cancel."""
        row = await self._store.write(jobs.cancel, job_id)
        if row.state == "cancelling":
            self._executor.stop_job(job_id)
        return row

    def wake(self) -> None:
        """There may be something to do: the queue was resumed, or a job put in it."""
        self._wake.set()

    def _hear(self, rows: list[EventRow]) -> None:
        if any(row.kind == "state" and row.state == "queued" for row in rows):
            self.wake()

    async def _dispatch(self) -> None:
        """The loop. Whatever goes wrong in it is told and tried again: without it no job would ever start."""
        while True:
            try:
                await self._start_one()
            except Exception:
                log.exception("the queue could not be served; it is tried again")
                await asyncio.sleep(RETRY_SECONDS)

    async def _start_one(self) -> None:
        await self._executor.wait_for_slot()
        row = await self._claim()
        if row is None:
            await self._called()
            return
        ready = asyncio.Event()
        task = asyncio.create_task(self._attempt(row, ready.set), name=f"attempt {row.attempt} of {row.id}")
        self._attempts.add(task)
        task.add_done_callback(self._attempts.discard)
        await ready.wait()  # until it has its worker: the next look at the slots has to see that

    async def _claim(self) -> JobRow | None:
        """Once claimed, a job is never forgotten: a cancelled claim that was written is found by `recover`."""
        self._wake.clear()
        return await self._store.write(attempts.claim, "local", LEASE_SECONDS)

    async def _called(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _attempt(self, row: JobRow, ready: Callable[[], None]) -> None:
        """One attempt from its claim to its end. Ends with the job finished or back in the queue, come what may."""
        names = {"job_id": row.id, "attempt": row.attempt}
        log.info("attempt %d starts", row.attempt, extra=names)
        try:
            outcome = await self._run(row, ready)
        except Exception as error:  # before the worker had it: the folder could not be made, the sketch is gone
            log.exception("the attempt could not be started", extra=names)
            outcome = Outcome("failed", explain(error)[1])
        finally:
            ready()
        try:
            await self._end(row, outcome)
        except Fenced as error:
            log.warning("%s", error, extra=names)
        except Exception:
            log.exception("the attempt's end could not be written", extra=names)

    async def _run(self, row: JobRow, ready: Callable[[], None]) -> Outcome:
        order = await asyncio.to_thread(self._order, row)
        reporter = Reporter(self._store, row, order.folder, lambda: self._executor.stop_job(row.id))
        running = asyncio.create_task(self._executor.run(order, reporter.take))
        heart = asyncio.create_task(self._beat(row))
        await asyncio.sleep(0)  # the executor's own part begins here, and takes its worker
        ready()
        try:
            now = self._store.read(jobs.get, row.id)
            if now is None or now.state == "cancelling":  # asked for before the executor knew the job
                self._executor.stop_job(row.id)
            return await running
        finally:
            heart.cancel()
            await reporter.close()

    def _order(self, row: JobRow) -> Order:
        upload = self._store.read(uploads.get, row.sketch)
        if upload is None:
            raise Problem(404, "unknown_sketch", f"The sketch {row.sketch} is gone.", "Upload it again, then retry.")
        sketch = self._folders.upload(row.sketch) / upload.main
        folder = make_attempt_folder(self._folders, row)
        return Order(row.id, row.attempt, sketch, row.name, row.prompt, row.full_settings, folder)

    async def _beat(self, row: JobRow) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                await self._store.write(attempts.heartbeat, row.id, row.attempt, LEASE_SECONDS)
            except Fenced:  # its end is being written, or it was taken away: the reporter finds that out
                return
            except (Problem, StoreError) as error:
                log.warning("no heartbeat was written: %s", error, extra={"job_id": row.id})

    async def _end(self, row: JobRow, outcome: Outcome) -> None:
        """The attempt's last write. For a result this commit is its publication."""
        job_id, attempt, strikes = row.id, row.attempt, self._config.max_strikes
        store = self._store
        if outcome.ending == "done":
            ended = await self._insist(lambda: store.write(attempts.finish, job_id, attempt, "done"))
        elif outcome.ending == "failed":
            ended = await self._insist(lambda: store.write(attempts.finish, job_id, attempt, "failed", outcome.problem))
        else:
            strike = outcome.ending == "lost" and not self._closing
            problem = outcome.problem
            ended = await self._insist(
                lambda: store.write(attempts.requeue, job_id, attempt, strike, problem, strikes)
            )
        names: dict[str, Any] = {"job_id": job_id, "attempt": attempt}
        log.info("attempt %d is %s, the job %s%s", attempt, outcome.ending, ended.state, _why(outcome), extra=names)
        if ended.state != "queued":
            await asyncio.to_thread(keep_only_attempt, self._folders, ended)

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Until it is written. Only a server that closes gives up; the next one finds the job running, and recovers it.

        A full disk is what makes one wait here.
        """
        while True:
            try:
                return await write()
            except (Problem, StoreError, sqlite3.Error) as error:
                if self._closing:
                    raise
                log.warning("%s; it is tried again", error)
                await asyncio.sleep(RETRY_SECONDS)


def _why(outcome: Outcome) -> str:
    problem: ProblemDict | None = outcome.problem
    return f": {problem['message']}" if problem else ""
