"""A sketch that lies below incoming/ becomes an upload: looked at, moved to its place, and noted in the store."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.folders import Folders
from server.sketches.check import SketchCheck
from server.store import uploads
from server.store.rows import UploadRow
from server.store.store import Store


class SketchIntake:
    """All methods from one event loop."""

    def __init__(self, store: Store, folders: Folders, check: SketchCheck) -> None:
        self._store, self._folders, self._check = store, folders, check
        self._publishing: dict[str, asyncio.Lock] = {}

    async def take_in(self, file: Path, sha256: str, name: str, size: int) -> UploadRow:
        """Looks at a sketch that lies alone in a folder below incoming/, as sketch.SUFFIX, and moves that folder to its
        place. Raises SketchError."""
        seen = await self._check.check(file)
        row = UploadRow(
            sha256=sha256,
            name=name,
            suffix=file.suffix,
            main=seen.main,
            bytes=size,
            vertices=seen.vertices,
            faces=seen.faces,
            notes=list(seen.notes),
            created=time.time(),
        )
        return await self._publish(file.parent, row)

    async def _publish(self, folder: Path, row: UploadRow) -> UploadRow:
        """Moves the folder to its place and writes its row; whoever came first stays."""
        async with self._alone(row.sha256):
            if (known := self._store.read(uploads.get, row.sha256)) is not None:
                return known
            await asyncio.to_thread(_move, folder, self._folders.upload(row.sha256))
            await self._store.write(uploads.add, row)
            return row

    @asynccontextmanager
    async def _alone(self, sha256: str) -> AsyncIterator[None]:
        """One at a time for the same sketch."""
        lock = self._publishing.setdefault(sha256, asyncio.Lock())
        async with lock:
            yield
        if not lock.locked():
            self._publishing.pop(sha256, None)


def _move(folder: Path, target: Path) -> None:
    """On disk before it has its name. What lies there already has no row: a crash left it."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
    shutil.rmtree(target, ignore_errors=True)
    os.replace(folder, target)
