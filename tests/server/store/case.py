"""What the store's tests share: an open store, a sketch in it, and short ways to hand in jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from server.config import Limits
from server.folders import Folders
from server.store.rows import JobRow, NewRow, UploadRow
from server.store.store import Store

T = TypeVar("T")
SKETCH = "5a" * 32


def new_row(prompt: str = "a mushroom", priority: int = 0, sketch: str = SKETCH) -> NewRow:
    """A job to hand in."""
    return NewRow(sketch, "mushroom", prompt, "standard", 7, {"sds.steps": 5}, {"sds": {"steps": 5}}, priority)


def upload_row(sha256: str = SKETCH, created: float | None = None) -> UploadRow:
    """An upload as a route notes it."""
    when = time.time() if created is None else created
    return UploadRow(sha256, "mushroom.glb", ".glb", "sketch.glb", 1234, 8, 12, ["no colours"], when)


class Case:
    """A store and its folder; `do` awaits one of its writes."""

    def __init__(self, data: Path, limits: Limits | None = None) -> None:
        self.folders = Folders(data)
        self.store = Store.open(self.folders, limits)

    def do(self, write: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(write)

    def add(self, prompt: str = "a mushroom", priority: int = 0) -> JobRow:
        return self.do(self.store.add_job(new_row(prompt, priority)))[0]

    def claim(self) -> JobRow:
        row = self.do(self.store.claim("worker", 60))
        assert row is not None, "the queue is empty"
        return row

    def row(self, job_id: str) -> JobRow:
        row = self.store.job(job_id)
        assert row is not None, f"job {job_id} is gone"
        return row

    def running(self, prompt: str = "a mushroom") -> JobRow:
        """A job that is handed in and claimed, where no other one waits."""
        self.add(prompt)
        return self.claim()


@contextmanager
def opened(data: Path, limits: Limits | None = None) -> Iterator[Case]:
    """A store with one sketch."""
    case = Case(data, limits)
    try:
        case.do(case.store.add_upload(upload_row()))
        yield case
    finally:
        case.store.close()
