"""What the events table tells of each job, read as a client reads it: `/v1/events` from the beginning."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from benchmarks.server.running import Running
from benchmarks.server.wire import Wire

SILENCE = 2.0  # seconds after which nothing more comes


@dataclass
class History:
    """Every event of each job, in order."""

    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def times_done(self, job_id: str) -> int:
        """How often the job was told to be done."""
        return sum(each["kind"] == "state" and each["state"] == "done" for each in self.events[job_id])

    def starts_again(self, job_id: str) -> list[bool]:
        """For each start of a job that had been interrupted while it distilled (or later), where there are
        checkpoints: whether it went on from there. One that begins anew tells of the stage "fit" once more."""
        stages: list[list[str]] = []
        for each in self.events[job_id]:
            if each["kind"] == "state" and each["state"] == "running":
                stages.append([])
            elif each["kind"] == "progress" and stages:
                stages[-1].append(each["stage"])
        deep = [not set(told) <= {"read", "fit"} for told in stages]
        return ["fit" not in now for now, before in zip(stages[1:], deep[:-1], strict=True) if now and before]


def read_history(server: Running) -> History:
    """All events so far."""
    return asyncio.run(_read(server))


async def _read(server: Running) -> History:
    history = History()
    last = time.monotonic()

    async def read(wire: Wire) -> None:
        nonlocal last
        async for told in wire.events("/v1/events?after=0"):
            history.events[told.data["job"]].append(told.data)
            last = time.monotonic()

    async with Wire(server.url, server.token) as wire:
        reading = asyncio.create_task(read(wire))
        while time.monotonic() - last < SILENCE and not reading.done():
            await asyncio.sleep(0.1)
        if reading.done():
            reading.result()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return history
