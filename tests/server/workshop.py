"""Store, dispatcher and real worker processes without HTTP, for tests in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.config import ServerConfig
from server.folders import Folders
from server.jobs.dispatcher import Dispatcher
from server.jobs.local import LocalExecutor
from server.store import jobs, submissions, uploads
from server.store.rows import JobRow, NewRow, UploadRow
from server.store.store import Store

FAST = "tests.server.fake_pipeline:run"
SHA = "ab" * 32
SKETCH = b"a sketch that the fast pipeline only hashes"
PATIENCE = 60.0


def config(data: Path, **changes: object) -> ServerConfig:
    """One fast worker, which is given up on after 1.5 s."""
    settings: dict[str, object] = {"pipeline": FAST, "warm_prior": "", "device": "cpu", "cancel_seconds": 1.5}
    return ServerConfig(data, **(settings | changes))  # pyright: ignore[reportArgumentType]


async def until(ready: Callable[[], object], what: str) -> None:
    """Returns once it is so; fails after a minute."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not ready():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"still not so after {PATIENCE:g} s: {what}") from None


@dataclass
class Workshop:
    """What a test works with."""

    store: Store
    executor: LocalExecutor
    dispatcher: Dispatcher
    folders: Folders

    async def add(self, prompt: str, settings: dict[str, object] | None = None) -> str:
        """A job of the fast pipeline."""
        new = NewRow(SHA, "mug", prompt, "draft", 0, settings or {}, settings or {})
        return (await self.store.write(submissions.add_job, new))[0].id

    def row(self, job_id: str) -> JobRow:
        row = self.store.read(jobs.get, job_id)
        assert row is not None
        return row

    async def reaches(self, job_id: str, *states: str) -> JobRow:
        """The job, once it is in one of these states."""
        await until(lambda: self.row(job_id).state in states, f"{states}, it is {self.row(job_id)}")
        return self.row(job_id)

    async def runs_at(self, job_id: str, stage: str) -> JobRow:
        """The job, once it runs in that stage."""
        await until(lambda: self.row(job_id).stage == stage, f"at {stage}: {self.row(job_id)}")
        return self.row(job_id)

    def worker_pid(self) -> int:
        pid = self.executor.states()[0].pid
        assert pid is not None
        return pid


@asynccontextmanager
async def workshop(data: Path, **changes: object) -> AsyncIterator[Workshop]:
    """Open until the block ends; then closed as a server is, with the sketch SHA in it."""
    settings = config(data, **changes)
    folders = Folders(data)
    folders.make()
    store = Store.open(folders)
    if store.read(uploads.get, SHA) is None:
        folders.upload(SHA).mkdir(parents=True)
        (folders.upload(SHA) / "sketch.glb").write_bytes(SKETCH)
        await store.write(uploads.add, UploadRow(SHA, "mug.glb", ".glb", "sketch.glb", 43, 3, 1, [], 0.0))
    executor = LocalExecutor(settings)
    dispatcher = Dispatcher(store, executor, folders, settings)
    try:
        await dispatcher.start()
        yield Workshop(store, executor, dispatcher, folders)
    finally:
        await dispatcher.close()
        store.close()
