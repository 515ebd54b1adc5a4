"""What users do to a job: cancel it, try it again, remove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from .flow import JobFlow
from .jobs import journal, progress
from .jobs.job import BROKEN, OVER, THERE, Job
from .net.client import Client
from .scene import subject
from .trouble import Trouble


class JobActions:
    """All of it is called on the window's thread; each raises Trouble where it cannot be done."""

    def __init__(self, flow: JobFlow) -> None:
        self._flow, self._work = flow, flow.work

    def cancel(self, job: Job) -> None:
        """Stops it, here or on the server. Raises Trouble when it is over, or nothing can be told to the server."""
        if job.phase in OVER:
            raise Trouble("finished", f"{job.name} is over: {job.phase}.", "There is nothing to cancel.")
        if job.phase not in THERE:
            self._work.stop(job)
            job.phase = "cancelled"
            return self._work.changed()
        server_id, before = job.id or "", job.phase

        def failed(trouble: Trouble) -> None:
            job.phase = before  # it goes on
            progress.add_warnings(job, [f"It could not be cancelled: {trouble}"])
            self._work.changed()

        job.phase = "cancelling"
        self._ask(job, lambda client: client.cancel(server_id), failed)

    def retry(self, job: Job) -> None:
        """Goes on with a broken job from where it broke. Raises Trouble."""
        if job.phase not in BROKEN:
            raise Trouble("not_retryable", f"{job.name} is not over.", "Wait for it, or cancel it first.")
        if job.id is not None and job.phase != "lost":
            return self._retry_there(job)
        if (self._flow.folder / job.key / "sketch.glb").is_file():
            job.trouble, job.id, job.finished = None, None, None
            return self._flow.send(job)
        objects = subject.find_all(job.members)
        if not objects:
            raise Trouble("no_sketch", f"The sketch of {job.name} is gone.", "Undo its removal, or remove this job.")
        again = self._flow.begin(objects, bpy.context)
        again.prompt, again.preset, again.seed, again.settings = job.prompt, job.preset, job.seed, job.settings
        self._forget(job)

    def _retry_there(self, job: Job) -> None:
        server_id = job.id or ""

        def ask(client: Client) -> dict[str, Any]:
            told = client.job(server_id)
            return client.retry(server_id) if told["state"] in ("failed", "dead", "cancelled") else told

        job.phase, job.trouble, job.finished = "queued", None, None
        self._ask(job, ask)

    def remove(self, job: Job) -> None:
        """Forgets it, here and on the server; what was imported stays. Raises Trouble while it is at work."""
        if job.phase not in OVER and job.phase != "ready":
            raise Trouble("running", f"{job.name} is at work.", "Cancel it first.")
        client, server_id = self._work.connection.client, job.id
        if client is not None and server_id is not None:
            # Its files there go some day anyway; here it is gone whatever the server says.
            self._work.tasks.start(lambda stop: client.remove(server_id), lambda _: None, failed=lambda _: None)
        self._forget(job)

    def _forget(self, job: Job) -> None:
        """Takes it off the list."""
        self._work.stop(job)
        del self._work.state.jobs[job.key]
        journal.forget(self._flow.folder, job.key, self._flow.keep_files)
        self._work.changed()

    def _ask(
        self, job: Job, question: Callable[[Client], dict[str, Any]], failed: Callable[[Trouble], None] | None = None
    ) -> None:
        """A question that is answered with the job."""
        self._work.ask(job, question, lambda told: self._flow.take(job, told), failed)
