"""How late an event is at its listeners, and whether any is missing after lines that were cut.

All listeners follow `/v1/events`. Lag is the time from the event's own stamp, taken before it is written to the table,
to its last byte at the listener, on the same clock. Every listener's connection is cut (without a word) at moments of
its own and comes back with `Last-Event-ID`; what it then gets is held against the table.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.server.figures import ms, percentile
from benchmarks.server.hostile_files import sound_files
from benchmarks.server.part import Claim, Part, Result, Size, say
from benchmarks.server.running import Running
from benchmarks.server.wire import Told, Wire
from benchmarks.yardstick import markdown

CUTS = 2  # of each listener's line
QUIET = 3.0  # seconds without an event after which the stream counts as at its end
SUBMITS = 2.0  # a second: each is an event, beside those of a running job
RUNNING = "a rehearsal: steps=100000 pause=.05 checkpoint-every=1000"


@dataclass
class Listener:
    """What one listener got, over all its connections."""

    ids: list[int] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    cuts: int = 0

    async def follow(self, server: Running, after: int, cut_at: list[float], end: asyncio.Event) -> None:
        """Listens until `end`, and on until it has what was there then; is cut at these times (time.monotonic())."""
        last = after
        while not end.is_set():
            async with Wire(server.url, server.token) as wire:
                listening = asyncio.create_task(self._listen(wire, last))
                wait = max(0.0, cut_at[0] - time.monotonic()) if cut_at else None
                ended = asyncio.create_task(end.wait())
                await asyncio.wait({listening, ended}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                ended.cancel()
                if end.is_set():
                    await asyncio.sleep(QUIET)
                else:
                    cut_at.pop(0)
                    self.cuts += 1
                wire.drop()
                await asyncio.gather(listening, return_exceptions=True)
            last = self.ids[-1] if self.ids else after
            if not end.is_set():
                await asyncio.sleep(0.2)

    async def _listen(self, wire: Wire, last: int) -> None:
        since = time.time()
        async for told in wire.events("/v1/events", last):
            self.ids.append(told.id)
            if told.data["time"] > since:  # what was missed meanwhile is late by nature
                self.lags.append(told.here - told.data["time"])


def measure(size: Size, folder: Path) -> Result:
    """Lags and missing events for each number of listeners."""
    rows = []
    with Running(folder / "data") as server:
        server.wait_warm()
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        running = server.submit(sketch, RUNNING)["id"]
        server.wait_job(running, ("running",))
        for count in size.listeners:
            rows.append(asyncio.run(_round(server, sketch, count, size.listening)))
            say(f"  {count} listeners: lag p99 {ms(rows[-1]['p99'])} ms, missing {rows[-1]['missing']}")
        server.post(f"/v1/jobs/{running}/cancel")
    return {"rows": rows}


async def _round(server: Running, sketch: str, count: int, seconds: float) -> Result:
    rng = np.random.default_rng(count)
    after = (await _all_events(server, 0))[-1].id
    began, end = time.monotonic(), asyncio.Event()
    listeners = [Listener() for _ in range(count)]
    cuts = [sorted(began + 1 + rng.random(CUTS) * (seconds - 1)) for _ in listeners]
    tasks = [
        asyncio.create_task(each.follow(server, after, list(cut), end))
        for each, cut in zip(listeners, cuts, strict=True)
    ]
    async with Wire(server.url, server.token) as wire:
        while time.monotonic() < began + seconds:
            await wire.request("POST", "/v1/jobs", {"sketch": sketch, "prompt": "a rehearsal of a listener"})
            await asyncio.sleep(1 / SUBMITS)
        _, _ = await wire.request("POST", "/v1/queue/pause")
    end.set()
    last = (await _all_events(server, after))[-1].id
    await asyncio.gather(*tasks)
    whole = [told.id for told in await _all_events(server, after) if told.id <= last]
    lags = [lag for each in listeners for lag in each.lags]
    heard = [[number for number in each.ids if number <= last] for each in listeners]
    return {
        "listeners": count,
        "events": len(whole),
        "deliveries": sum(len(each) for each in heard),
        "cuts": sum(each.cuts for each in listeners),
        "missing": sum(len(set(whole) - set(each)) for each in heard),
        "twice_or_astray": sum(len(each) - len(set(each)) + (each != sorted(each)) for each in heard),
        "p50": percentile(lags, 50),
        "p99": percentile(lags, 99),
        "worst": max(lags),
    }


async def _all_events(server: Running, after: int) -> list[Told]:
    """All events after that id, as a new listener gets them: until a second passes without one from the past."""
    found: list[Told] = []
    now = time.time()

    async def read(wire: Wire) -> None:
        async for told in wire.events("/v1/events", after):
            found.append(told)
            if told.data["time"] > now:
                return

    async with Wire(server.url, server.token) as wire:
        await asyncio.wait_for(read(wire), 60)
    return found


def claims(result: Result) -> list[Claim]:
    missing = sum(row["missing"] + row["twice_or_astray"] for row in result["rows"])
    cuts = sum(row["cuts"] for row in result["rows"])
    return [
        Claim(f"events missing or told twice after {cuts} forced reconnects", "0", str(missing), missing == 0),
    ]


def section(result: Result) -> str:
    rows = [
        [*(str(row[key]) for key in ("listeners", "events", "deliveries", "cuts", "missing", "twice_or_astray")),
         *(ms(row[key]) for key in ("p50", "p99", "worst"))]
        for row in result["rows"]
    ]  # fmt: skip
    counts = ["listeners", "events", "deliveries", "cuts", "missing", "twice or astray"]
    head = [*counts, "lag p50, ms", "p99, ms", "worst, ms"]
    return (
        "All follow `/v1/events` of a server whose worker tells its progress (four times a second) while jobs are "
        "handed in. Lag: from the event's stamp, before it is committed, to the listener; of live events, not of those "
        f"replayed after a cut. One process holds all listeners.\n\n{markdown(head, rows)}"
    )


PART = Part(
    "Event streams",
    lambda size: 6 + len(size.listeners) * (size.listening + QUIET + 3),
    measure,
    claims,
    section,
)
