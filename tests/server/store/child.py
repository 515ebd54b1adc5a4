"""Runs jobs against a store as fast as it can and says what was acknowledged, until it is killed: DATA is given."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server.folders import Folders
from server.store import attempts, jobs, submissions, uploads
from server.store.store import Store
from tests.server.store.case import new_row, upload_row

EVENT = {"stage": "fit", "step": 1, "total": 2, "fraction": 0.1}


async def hand_in(store: Store, lane: int) -> None:
    while True:
        row, _ = await store.write(submissions.add_job, new_row(f"lane {lane}"))
        print("added", row.id, 0, flush=True)
        if store.read(jobs.counts)["queued"] > 50:
            await asyncio.sleep(0.05)


async def work(store: Store, name: str) -> None:
    while True:
        row = await store.write(attempts.claim, name, 60)
        if row is None:
            await asyncio.sleep(0.001)
            continue
        print("claimed", row.id, row.attempt, flush=True)
        await store.write(attempts.progress, row.id, row.attempt, EVENT)
        await store.write(attempts.checkpointed, row.id, row.attempt)
        await store.write(attempts.finish, row.id, row.attempt, "done")
        print("done", row.id, row.attempt, flush=True)


async def main(data: Path) -> None:
    store = Store.open(Folders(data))
    await store.write(attempts.recover)
    await store.write(uploads.add, upload_row())
    await asyncio.gather(*(hand_in(store, n) for n in range(3)), *(work(store, f"worker {n}") for n in range(3)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
