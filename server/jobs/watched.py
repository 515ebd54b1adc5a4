"""Watched folders in a running server: what they find goes the way of an upload and a submit over HTTP."""

from __future__ import annotations

from pathlib import Path

from server.config import ServerConfig
from server.folders import Folders
from server.jobs.submit import body_sha, new_row
from server.models import NAME_LETTERS, NewJob
from server.sketches.intake import SketchIntake
from server.sketches.watch_folder import FolderWatch, FoundSketch
from server.store import submissions, uploads
from server.store.disk import require_space
from server.store.store import Store


def folder_watch(
    folder: Path, config: ServerConfig, folders: Folders, store: Store, intake: SketchIntake
) -> FolderWatch:
    """The watch of one folder, with this server's store and limits behind it."""

    async def submit(found: FoundSketch) -> str:
        packed, limits = found.packed, config.limits
        upload = store.read(uploads.get, packed.sha256)
        if upload is None:
            upload = await intake.take_in(packed.file, packed.sha256, packed.name, packed.bytes)
        asked = {"sketch": packed.sha256, "prompt": found.prompt, "name": found.name[:NAME_LETTERS]}
        new = NewJob.model_validate(asked)
        row = new_row(new, upload, limits)
        job, _ = await store.write(submissions.add_job, row, found.key, body_sha(new), limits.queued_jobs)
        return job.id

    return FolderWatch(
        folder=folder,
        incoming=folders.incoming,
        known=lambda path: store.read(uploads.watched, path),
        remember=lambda path, content, job_id: store.write(uploads.mark_watched, path, content, job_id),
        submit=submit,
        leave_out=folders.data,
        most_bytes=config.limits.upload_bytes,
        room=lambda needed: require_space(folders, config.reserve_bytes, needed),
    )
