"""How long a submit takes: `POST /v1/jobs` with the sketch already there, until the job is on disk and answered.

Two loads. "at once": every client sends its next job as soon as the last one is answered, so that as many requests wait
as there are clients. "paced": every client sends two jobs a second at moments of its own: people and scripts. A
worker runs a job meanwhile, and the queue grows to all that was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.server.figures import ms, percentile
from benchmarks.server.hostile_files import sound_files
from benchmarks.server.part import Claim, Part, Result, Size, say
from benchmarks.server.running import Running
from benchmarks.server.wire import Wire
from benchmarks.yardstick import markdown

LIMIT = 0.050
PACE = 2.0  # submits a second of each client
IDLE = 4.0  # seconds; the server closes a connection that is idle for five
SLOW = "a rehearsal: steps=100000 pause=.05 checkpoint-every=1000"


def measure(size: Size, folder: Path) -> Result:
    """Seconds of every submit, by load and number of clients."""
    rows = []
    with Running(folder / "data") as server:
        server.wait_warm()
        sketch = server.sketch("tetrahedron.glb", sound_files()["tetrahedron.glb"])
        running = server.submit(sketch, SLOW)["id"]
        server.wait_job(running, ("running",))
        asyncio.run(_load(server, sketch, 1, 20, None, "warming up"))
        for load, pace in (("at once", None), ("paced", PACE)):
            for clients in size.clients:
                rows.append({"load": load, **asyncio.run(_load(server, sketch, clients, size.submits, pace, load))})
                say(f"  {load}, {clients} clients: p99 {ms(rows[-1]['p99'])} ms")
        queued = server.get("/v1/queue")["counts"]["queued"]
        server.post(f"/v1/jobs/{running}/cancel")
    return {"rows": rows, "queued": queued}


async def _load(server: Running, sketch: str, clients: int, submits: int, pace: float | None, label: str) -> Result:
    """Each of `clients` sends `submits` jobs; one that is alone sends four times as many. Raises RuntimeError if a job
    is not taken."""
    submits = submits * 4 if clients == 1 and pace is None else submits
    submits = min(submits, 30) if pace else submits
    seconds: list[float] = []
    answers: Counter[int] = Counter()

    async def client(number: int) -> None:
        rng = np.random.default_rng(number)
        async with Wire(server.url, server.token) as wire:
            for turn in range(submits):
                if pace is not None:
                    await asyncio.sleep(min(rng.exponential(1 / pace), IDLE))
                body = {"sketch": sketch, "prompt": f"a rehearsal: job {turn} of client {number}"}
                key = {"Idempotency-Key": f"{label}-{clients}-{number}-{turn}"}
                began = time.perf_counter()
                status, _ = await wire.request("POST", "/v1/jobs", body, key)
                seconds.append(time.perf_counter() - began)
                answers[status] += 1

    began = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    took = time.perf_counter() - began
    if set(answers) != {201}:
        raise RuntimeError(f"submits were answered {dict(answers)}, wanted 201 for all")
    return {
        "clients": clients,
        "submits": len(seconds),
        "p50": percentile(seconds, 50),
        "p99": percentile(seconds, 99),
        "worst": max(seconds),
        "rate": len(seconds) / took,
    }


def claims(result: Result) -> list[Claim]:
    return [
        Claim(
            f"submit, {row['clients']} client{'s' * (row['clients'] > 1)} {row['load']}: p99",
            f"≤ {ms(LIMIT)} ms", f"{ms(row['p99'])} ms", row["p99"] <= LIMIT,
        )
        for row in result["rows"]
    ]  # fmt: skip


def section(result: Result) -> str:
    rows = [
        [row["load"], str(row["clients"]), str(row["submits"]), *(ms(row[key]) for key in ("p50", "p99", "worst")),
         f"{row['rate']:.0f}"]
        for row in result["rows"]
    ]  # fmt: skip
    head = ["load", "clients", "submits", "p50, ms", "p99, ms", "worst, ms", "submits a second"]
    return (
        "At once: each client sends its next job as soon as the last is answered. Paced: two a second from each, at "
        "moments of its own. Every submit is on disk (WAL, synchronous FULL) before it is answered. At the end "
        f"{result['queued']} jobs were queued, and one ran all the while.\n\n{markdown(head, rows)}"
    )


PART = Part(
    "Submit",
    lambda size: 6 + sum(30 / PACE + count * size.submits / 400 for count in size.clients if size.submits > 10),
    measure,
    claims,
    section,
)
