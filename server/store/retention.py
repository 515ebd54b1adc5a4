"""What is removed: finished jobs by age and size, unused uploads, and left-overs of what was broken off."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from server.config import Retention
from server.folders import Folders
from server.models import FINISHED
from server.problem import Problem
from server.store import disk, events, jobs, uploads
from server.store.rows import JobRow
from server.store.store import Store

DAY = 86_400.0
LEFT_OVER_SECONDS = 3600.0  # what nothing refers to may be on its way in for so long

log = logging.getLogger(__name__)


async def clean(store: Store, folders: Folders, retention: Retention, now: float) -> int:
    """Removes what the retention says, and what nothing refers to; returns how many jobs that were."""
    removed = await _clean_old(store, folders, retention, now)
    removed += await _clean_big(store, folders, retention)
    for upload in store.read(uploads.unused, now - DAY):
        if await store.make_room(uploads.remove, upload.sha256):
            await asyncio.to_thread(remove_tree, folders.upload(upload.sha256))
    await asyncio.to_thread(_clean_left_overs, store, folders, now)
    await store.make_room(events.prune, now - DAY)
    await asyncio.to_thread(disk.make_ballast, folders)
    return removed


async def delete_job(store: Store, folders: Folders, job_id: str) -> JobRow:
    """Forgets a job and removes its files, on a full disk too. Raises Problem 404 unknown_job, 409 running.

    The row goes first, so that no job is ever listed whose files are gone; what is left if the server is killed in
    between goes with the left-overs. Only when not even that can be written do a finished job's files go first.
    """
    try:
        row = await store.make_room(jobs.remove, job_id)
    except Problem as problem:
        row = store.read(jobs.get, job_id)
        if problem.status != 507 or row is None or row.state not in FINISHED:
            raise
        await asyncio.to_thread(remove_job_files, folders, job_id)
        row = await store.make_room(jobs.remove, job_id)
    await asyncio.to_thread(remove_job_files, folders, job_id)
    await asyncio.to_thread(disk.make_ballast, folders)
    return row


def remove_job_files(folders: Folders, job_id: str) -> None:
    """Removes all of a job's attempts."""
    remove_tree(folders.job(job_id))


def remove_tree(path: Path) -> None:
    """Removes a file or a folder, whether it is there or not. What cannot be (a file open elsewhere, on Windows) is
    left for the next time and told in the log."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as err:
        log.warning("%s could not be removed yet: %s", path, err)


def tree_bytes(path: Path) -> int:
    """What the files below take on the disk; those that vanish meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total


def _finished(store: Store) -> list[JobRow]:
    """All jobs that ended, the one that ended first in front."""
    rows: list[JobRow] = []
    after: str | None = None
    while True:
        page, after = store.read(jobs.page, FINISHED, after=after, limit=500)
        rows += page
        if after is None:
            return sorted(rows, key=lambda row: row.finished or 0)


async def _clean_old(store: Store, folders: Folders, retention: Retention, now: float) -> int:
    if retention.days is None:
        return 0
    last = now - retention.days * DAY
    return await _delete(store, folders, [row for row in _finished(store) if (row.finished or 0) < last])


async def _clean_big(store: Store, folders: Folders, retention: Retention) -> int:
    """The oldest finished ones go until all files together are small enough."""
    if retention.gib is None:
        return 0
    sizes = await asyncio.to_thread(lambda: tree_bytes(folders.jobs) + tree_bytes(folders.uploads))
    excess = sizes - retention.gib * 2**30
    chosen: list[JobRow] = []
    for row in _finished(store):
        if excess <= 0:
            break
        excess -= await asyncio.to_thread(tree_bytes, folders.job(row.id))
        chosen.append(row)
    return await _delete(store, folders, chosen)


async def _delete(store: Store, folders: Folders, rows: list[JobRow]) -> int:
    removed = 0
    for row in rows:
        try:
            await delete_job(store, folders, row.id)
            removed += 1
        except Problem as problem:  # it was tried again or deleted meanwhile
            log.info("job %s stays: %s", row.id, problem.message)
    return removed


def _clean_left_overs(store: Store, folders: Folders, now: float) -> None:
    """Folders of jobs and uploads that are in no table, and uploads that were broken off."""
    for path in _older(folders.incoming, now):
        remove_tree(path)
    for path in _older(folders.jobs, now):
        if store.read(jobs.get, path.name) is None:
            remove_tree(path)
    for path in _older(folders.uploads, now):
        if store.read(uploads.get, path.name) is None:
            remove_tree(path)


def _older(folder: Path, now: float) -> Iterator[Path]:
    for path in list(folder.iterdir()):
        try:
            if path.lstat().st_mtime < now - LEFT_OVER_SECONDS:
                yield path
        except FileNotFoundError:
            continue
