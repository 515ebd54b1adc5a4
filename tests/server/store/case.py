"""What the store's tests share: an open store, a sketch in it, and short ways to hand in jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from server.folders import Folders
from server.store import attempts, jobs, submissions, uploads
from server.store.rows import JobRow, NewRow, UploadRow
from server.store.store import Store, Work

P = ParamSpec("P")
T = TypeVar("T")
SKETCH = "5a" * 32


def new_row(prompt: str = "a mushroom", priority: int = 0, sketch: str = SKETCH) -> NewRow:
    """A job to hand in."""
    return NewRow(sketch, "mushroom", prompt, "standard", 7, {"stage1.steps": 5}, {"stage1": {"steps": 5}}, priority)


def upload_row(sha256: str = SKETCH, created: float | None = None) -> UploadRow:
    """An upload as a route notes it."""
    when = time.time() if created is None else created
    return UploadRow(sha256, "mushroom.glb", ".glb", "sketch.glb", 1234, 8, 12, ["no colours"], when)


class Case:
    """A store and its folder; writes are awaited here."""

    def __init__(self, data: Path) -> None:
        self.folders = Folders(data)
        self.store = Store.open(self.folders)
        self.read = self.store.read

    def do(self, write: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(write)

    def write(self, work: Work[P, T], *given: P.args, **named: P.kwargs) -> T:
        return self.do(self.store.write(work, *given, **named))

    def make_room(self, work: Work[P, T], *given: P.args, **named: P.kwargs) -> T:
        return self.do(self.store.make_room(work, *given, **named))

    def add(self, prompt: str = "a mushroom", priority: int = 0) -> JobRow:
        return self.write(submissions.add_job, new_row(prompt, priority))[0]

    def claim(self) -> JobRow:
        row = self.write(attempts.claim, "worker", 60)
        assert row is not None, "the queue is empty"
        return row

    def row(self, job_id: str) -> JobRow:
        row = self.read(jobs.get, job_id)
        assert row is not None, f"job {job_id} is gone"
        return row

    def running(self, prompt: str = "a mushroom") -> JobRow:
        """A job that is handed in and claimed, where no other one waits."""
        self.add(prompt)
        return self.claim()


@contextmanager
def opened(data: Path) -> Iterator[Case]:
    """A store with one sketch."""
    case = Case(data)
    try:
        case.write(uploads.add, upload_row())
        yield case
    finally:
        case.store.close()
