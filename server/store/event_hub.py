"""Live events for many listeners in one event loop: never a gap, never one twice."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from server.store import events
from server.store.rows import EventRow
from server.store.store import Store

KEPT = 2048  # newest events kept in memory; who is further behind reads the table
PAGE = 500  # events that a reader of the table gets at once


class EventHub:
    """Follows the store's events in the loop in which it is made.

    The newest events are kept here, so that many listeners cost no query each; a listener that comes late or is slow
    reads the table up to where these begin.
    """

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, kept: int = KEPT) -> None:
        self._store = store
        self._loop = loop
        self._newest: deque[EventRow] = deque(maxlen=kept)
        self._waiting: dict[str | None, set[asyncio.Future[None]]] = {}
        self._closed = False
        self._unlisten = store.listen(self._hear)
        self._top = self._floor = store.read(events.last_id)  # all of floor < id <= top is in _newest

    def close(self) -> None:
        """Ends every `follow`."""
        self._closed = True
        self._unlisten()
        self._wake(set(self._waiting))

    @property
    def listeners(self) -> int:
        """How many wait for events now."""
        return sum(len(waiting) for waiting in self._waiting.values())

    async def follow(self, job: str | None, after: int) -> AsyncGenerator[list[EventRow], None]:
        """The events after that id, of one job or of all: first those there are, then each as it is committed.

        An id that was not given yet (of another database, say) counts as the newest. Ends when the hub is closed.
        """
        after = min(after, self._store.read(events.last_id))
        while not self._closed:
            rows, after = self._read(job, after)
            if rows:
                yield rows
            else:
                await self._next(job)

    def _hear(self, rows: list[EventRow]) -> None:
        """Called in the writing thread."""
        self._loop.call_soon_threadsafe(self._take, rows)

    def _take(self, rows: list[EventRow]) -> None:
        for row in rows:
            if len(self._newest) == self._newest.maxlen:
                self._floor = self._newest[0].id
            self._newest.append(row)
            self._top = row.id
        self._wake({None, *(row.job for row in rows)})

    def _wake(self, jobs: set[str | None]) -> None:
        for job in jobs:
            for future in self._waiting.pop(job, ()):
                if not future.done():
                    future.set_result(None)

    def _read(self, job: str | None, after: int) -> tuple[list[EventRow], int]:
        """What is known after that id, and up to which id that is."""
        if after < self._floor:
            rows = self._store.read(events.after, after, job, PAGE)
            full = len(rows) == PAGE
            return rows, rows[-1].id if full else max([self._top, *(row.id for row in rows)])
        rows = []
        for row in reversed(self._newest):
            if row.id <= after:
                break
            rows.append(row)
        return [row for row in reversed(rows) if job in (None, row.job)], max(after, self._top)

    async def _next(self, job: str | None) -> None:
        """Returns after something was heard of the job. Nothing can come between `_read` and this: it is one loop."""
        future: asyncio.Future[None] = self._loop.create_future()
        waiting = self._waiting.setdefault(job, set())
        waiting.add(future)
        try:
            await future
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(job) is waiting:
                del self._waiting[job]
