"""What a running attempt tells, written into the store: not every step, but nothing that matters left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.problem import Problem
from server.store import attempts
from server.store.errors import Fenced, StoreError
from server.store.rows import JobRow
from server.store.store import Store
from server.worker.protocol import Message

log = logging.getLogger("server.jobs.dispatcher")
SECONDS_BETWEEN = 0.25  # steps in between are passed over


class Reporter:
    """One attempt's. Stage changes, previews, warnings and checkpoints are all written, in order; of the steps in
    between the newest. `on_fenced` is called once the job is no longer this attempt's."""

    def __init__(self, store: Store, row: JobRow, folder: Path, on_fenced: Callable[[], None]) -> None:
        self._store, self._row, self._folder, self._on_fenced = store, row, folder, on_fenced
        self._must: list[dict[str, Any] | None] = []  # None: a checkpoint
        self._newest: dict[str, Any] | None = None
        self._stage: str | None = None
        self._preview: str | None = None
        self._told = set(row.warnings)  # an attempt that goes on warns of the same things again
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._fenced = False
        self._task = asyncio.create_task(self._write_on(), name=f"reporter of {row.id}")

    def take(self, message: Message) -> None:
        """What the executor hands on."""
        if message["type"] == "checkpoint":
            self._must.append(None)
        elif message["type"] == "event":
            self._take_event({key: value for key, value in message.items() if key != "type"})
        self._wake.set()

    async def close(self) -> None:
        """Writes what is left."""
        self._closing.set()
        self._wake.set()
        await self._task

    def _take_event(self, event: dict[str, Any]) -> None:
        new = [text for text in event["warnings"] if text not in self._told]
        self._told.update(new)
        event |= {"warnings": new, "preview": self._relative(event["preview"])}
        if new or event["stage"] != self._stage or event["preview"] != self._preview:
            self._must.append(event)
            self._newest = None
        else:
            self._newest = event
        self._stage, self._preview = event["stage"], event["preview"]

    def _relative(self, preview: str | None) -> str | None:
        return Path(preview).relative_to(self._folder).as_posix() if preview else None

    async def _write_on(self) -> None:
        while True:
            await self._wake.wait()
            closing = self._closing.is_set()
            self._wake.clear()
            must, self._must = self._must, []
            newest, self._newest = self._newest, None
            for event in [*must, *([newest] if newest else [])]:
                await self._write(event)
            if closing:
                return
            await _either(self._closing, SECONDS_BETWEEN)

    async def _write(self, event: dict[str, Any] | None) -> None:
        """A full disk costs progress that nobody can see; the job goes on."""
        if self._fenced:
            return
        try:
            if event is None:
                await self._store.write(attempts.checkpointed, self._row.id, self._row.attempt)
            else:
                await self._store.write(attempts.progress, self._row.id, self._row.attempt, event)
        except Fenced:
            self._fenced = True
            self._on_fenced()
        except (Problem, StoreError) as error:
            log.warning("progress was not written: %s", error, extra={"job_id": self._row.id})


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
