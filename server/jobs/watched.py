"""Watched folders in a running server: what they find goes the way of an upload and a submit over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

from server.jobs.submit import body_sha, new_row
from server.models import NewJob
from server.parts import Parts
from server.routes.uploads import take_in
from server.sketches.watch_folder import Arrival, FolderWatch
from server.store import submissions, uploads
from server.store.disk import require_space

NAME_LETTERS = 200


async def watch_folders(parts: Parts) -> None:
    """Watches all folders that the server was told of, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for folder in parts.config.watch:
            group.create_task(folder_watch(folder, parts).run())


def folder_watch(folder: Path, parts: Parts) -> FolderWatch:
    """The watch of one folder, with this server's store and limits behind it."""

    async def submit(arrival: Arrival) -> str:
        packed = arrival.packed
        upload = parts.store.read(uploads.get, packed.sha256)
        if upload is None:
            upload = await take_in(packed.file, packed.sha256, packed.name, packed.bytes, parts)
        asked = {"sketch": packed.sha256, "prompt": arrival.prompt, "name": arrival.name[:NAME_LETTERS]}
        new = NewJob.model_validate(asked)
        row = new_row(new, upload, parts.config.limits)
        limit = parts.config.limits.queued_jobs
        job, _ = await parts.store.write(submissions.add_job, row, arrival.key, body_sha(new), limit)
        return job.id

    return FolderWatch(
        folder=folder,
        incoming=parts.folders.incoming,
        known=lambda path: parts.store.read(uploads.watched, path),
        remember=lambda path, content, job_id: parts.store.write(uploads.mark_watched, path, content, job_id),
        submit=submit,
        leave_out=parts.folders.data,
        most_bytes=parts.config.limits.upload_bytes,
        room=lambda needed: require_space(parts.folders, parts.config.reserve_bytes, needed),
    )
