"""A job's way, from the click to the result; each step starts the next, and any of them may be the last.

    begin ─► gather (window's thread) ─► write (child Blender) ─► send ─► the server ─► fetch ─► read (child) ─► place
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .background import blender
from .jobs import journal, progress
from .jobs.connection import Connection
from .jobs.job import HERE, OVER, Job
from .jobs.preview_downloads import PreviewDownloads
from .jobs.state import SessionState
from .jobs.tasks import TaskQueue
from .jobs.work import JobWork
from .net.transfer import silent
from .scene import collection, gather, result, subject
from .scene.settings import settings_of
from .trouble import Trouble

WRITE = Path(blender.__file__).with_name("write_sketch.py")
READ = Path(blender.__file__).with_name("read_result.py")
CHILD_SECONDS = 1800.0  # a sketch of millions of faces takes minutes
CHILDREN = threading.BoundedSemaphore(2)  # Blenders beside the window's own
WORKING_FILES = ("*.npz", "*.blend", "*.log", "*.request.json", "*.answer.json", "sketch.glb")


class JobFlow:
    """`folder` is where the jobs' own folders are; `on_change` is told when what is kept of the jobs is out of date.
    All of it is called on the window's thread."""

    def __init__(
        self,
        state: SessionState,
        tasks: TaskQueue,
        connection: Connection,
        folder: Path,
        on_change: Callable[[], None],
    ) -> None:
        self.state, self.tasks, self.connection, self.folder = state, tasks, connection, folder
        self.work = JobWork(state, tasks, connection, on_change)
        self.previews = PreviewDownloads(state, tasks, connection)
        self.program = blender.this_program()
        self.keep_files, self.hide_sketch = False, True

    # From the sketch to the server

    def begin(self, objects: Sequence[bpy.types.Object], context: bpy.types.Context) -> Job:
        """A new job of one sketch, whose first object is what it is named after. Raises Trouble when it cannot be."""
        first, given = objects[0], objects[0].realify
        if not given.prompt.strip():
            raise Trouble("no_prompt", f"{first.name} has no prompt.", "Say in a sentence what it is.")
        uids = subject.identify(objects)
        given.others = " ".join(uids[1:])
        job = Job(
            name=first.name,
            prompt=given.prompt.strip(),
            preset=given.preset,
            seed=given.seed,
            settings=settings_of(given),
            sketch_id=uids[0],
            members=uids,
            names=[each.name for each in objects],
            scene=context.scene.name,
            file=bpy.data.filepath,
        )
        limits = {"decimate": given.decimate, "radius": given.radius}
        with collection.shown(objects, context):
            steps = gather.gather(objects, first, context.evaluated_depsgraph_get())
        self.state.jobs[job.key] = job
        self.tasks.in_steps(
            steps, then=lambda snapshot: self._write(job, snapshot, limits), failed=self.work.breaks(job)
        )
        self.work.changed()
        return job

    def _write(self, job: Job, snapshot: gather.Snapshot, limits: dict[str, Any]) -> None:
        job.matrix, job.origin = tuple(snapshot.matrix), tuple(snapshot.origin)
        folder, name, kept = self.folder / job.key, job.name, replace(job)

        def work(stop: threading.Event) -> dict[str, Any]:
            journal.keep(self.folder, kept)
            snapshot.save(folder / "sketch.npz")
            files = {"npz": str(folder / "sketch.npz"), "glb": str(folder / "sketch.glb")}
            request = {**files, "name": name, "origin": list(snapshot.origin), **limits}
            return self._in_child(WRITE, request, folder, stop)

        def then(answer: dict[str, Any]) -> None:
            job.warnings = list(answer["notes"])
            self.send(job)

        self.work.start(job, work, then)

    def send(self, job: Job) -> None:
        """The file that was written, and the job with it."""
        job.phase, job.step, job.total = "sending", 0, 0
        glb, kept = self.folder / job.key / "sketch.glb", replace(job)
        body = {"prompt": job.prompt, "preset": job.preset, "seed": job.seed, "settings": job.settings}

        def told(sent: int, total: int) -> None:
            job.step, job.total = sent, total  # two numbers that are only drawn

        def work(stop: threading.Event) -> dict[str, Any]:
            client = self.connection.wait_for_client(stop)
            sketch = client.upload(glb, f"{kept.key}.glb", told, stop)["sha256"]
            answer = client.submit({"sketch": sketch, "name": kept.name[:200], **body}, kept.key)
            journal.keep(self.folder, replace(kept, id=answer["id"], phase="queued"))
            return answer

        def then(answer: dict[str, Any]) -> None:
            self.take(job, answer)
            self._ask_once(job)

        self.work.start(job, work, then)
        self.work.changed()

    def _ask_once(self, job: Job) -> None:
        """What happened before its id was known here went unheard."""

        def then(told: dict[str, Any]) -> None:
            if job.phase == "queued":
                self.take(job, told)
            else:  # its events say more than this, but for those that came before
                progress.add_warnings(job, told["warnings"])

        client, server_id = self.connection.client, job.id or ""
        if client is not None:
            # If the connection breaks now, the job is asked for when it stands again.
            self.tasks.start(lambda stop: client.job(server_id), then, failed=lambda _: None)

    # What the server tells

    def take(self, job: Job, told: dict[str, Any]) -> None:
        """The job as the server has it."""
        if progress.take_job(job, told):
            self._fetch(job)
        self.work.changed()

    def heard(self, event: dict[str, Any]) -> None:
        """An event of the server's stream; of somebody else's job perhaps."""
        job = self.state.job_of(event["job"])
        if job is None:
            return
        before = job.phase
        if progress.take_event(job, event):
            self._fetch(job)
        elif job.preview and job.phase == "running":
            self.previews.fetch(job, self.folder / job.key / "preview.png")
        if job.phase != before:
            self.work.changed()
        self.state.touch()

    def lost(self, server_id: str) -> None:
        """The server does not know it."""
        job = self.state.job_of(server_id)
        if job is not None and job.phase not in OVER:
            where = self.state.status.url
            message = f"{where} does not know this job: it was removed there, or is another server's."
            self.work.breaks(job, "lost")(Trouble("unknown_job", message, "Retry sends the sketch anew."))

    # From the server to the scene

    def _fetch(self, job: Job) -> None:
        job.phase, job.trouble, job.step, job.total = "fetching", None, 0, 0
        folder = self.folder / job.key
        there = f"/v1/jobs/{job.id}/artefacts/"
        request = {"name": job.name, "matrix": list(job.matrix), "origin": list(job.origin)}
        files = {"glb": str(folder / "result.glb"), "blend": str(folder / "result.blend")}

        def told(got: int, total: int) -> None:
            job.step, job.total = got, total

        def work(stop: threading.Event) -> dict[str, Any]:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise journal.cannot_write(folder, error) from error
            if not (folder / "result.glb").is_file():
                client = self.connection.wait_for_client(stop)
                client.download(there + "preview.png", folder / "preview.png", silent, stop)
                client.download(there + "result.glb", folder / "result.glb", told, stop)
            return self._in_child(READ, {**request, **files}, folder, stop)

        def then(_: dict[str, Any]) -> None:
            job.phase = "ready"
            self.work.changed()

        self.work.start(job, work, then)
        self.work.changed()

    def place(self, job: Job, context: bpy.types.Context) -> bpy.types.Object:
        """Puts a ready job's result into the scene. Raises Trouble."""
        scene = bpy.data.scenes.get(job.scene) or context.scene
        blend, sketch = self.folder / job.key / "result.blend", subject.find(job.sketch_id)
        placed = result.place(job, blend, sketch, scene, self.hide_sketch)
        job.phase, job.was_imported, job.trouble = "done", True, None
        if not self.keep_files:
            self._tidy(job)
        self.work.changed()
        return placed

    def fetch_again(self, job: Job) -> None:
        """For a job that is done: its result is made ready once more."""
        job.was_imported = False
        self._fetch(job)

    def _tidy(self, job: Job) -> None:
        folder = self.folder / job.key
        for file in [file for pattern in WORKING_FILES for file in folder.glob(pattern)]:
            file.unlink(missing_ok=True)

    def resume(self, job: Job) -> None:
        """For a job out of a file that was opened: what was under way here begins again, the rest is asked for."""
        if job.phase in HERE:
            message = f"Blender was closed before {job.name} was sent."
            self.work.breaks(job)(Trouble("interrupted", message, "Retry sends it now."))
        elif job.phase in ("fetching", "ready"):
            job.phase = "running"  # the server says again that it is done

    def _in_child(
        self, script: Path, request: dict[str, Any], folder: Path, stop: threading.Event
    ) -> dict[str, Any]:
        with CHILDREN:
            return blender.run(self.program, script, request, folder, CHILD_SECONDS, stop)
