"""A job's way, from the click to the result; each step starts the next, and any of them may be the last.

    begin ─► gather (window's thread) ─► write (child Blender) ─► send ─► the server ─► fetch ─► read (child) ─► place
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .background import blender
from .jobs import journal, progress
from .jobs.desk import Desk, Task
from .jobs.job import BROKEN, HERE, OVER, THERE, Job
from .jobs.link import Link
from .net.client import Client
from .scene import collection, gather, result, subject
from .scene.settings import settings_of
from .trouble import Trouble

WRITE = Path(blender.__file__).with_name("write_sketch.py")
READ = Path(blender.__file__).with_name("read_result.py")
CHILD_SECONDS = 1800.0  # a sketch of millions of faces takes minutes
CHILDREN = threading.BoundedSemaphore(2)  # Blenders beside the window's own
WORKING_FILES = ("*.npz", "*.blend", "*.log", "*.request.json", "*.answer.json", "sketch.glb")


class Course:
    """`folder` is where the jobs' own folders are; `on_change` is told when what is kept of the jobs is out of date.
    All of it is called on the window's thread."""

    def __init__(self, desk: Desk, link: Link, folder: Path, on_change: Callable[[], None]) -> None:
        self.desk, self.link, self.folder, self.on_change = desk, link, folder, on_change
        self.program = blender.this_program()
        self.keep_files, self.hide_sketch = False, True
        self._at_work: dict[str, Task] = {}  # by the job's key
        self._previews: dict[str, str] = {}  # the address that is being fetched, by the job's key

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
        with _seen(objects, context):
            steps = gather.gather(objects, first, context.evaluated_depsgraph_get())
        self.desk.jobs[job.key] = job
        self.desk.in_steps(
            steps, then=lambda snapshot: self._write(job, snapshot, limits), failed=self._failing(job)
        )
        self.changed(job)
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
            self._send(job)

        self._work(job, work, then)

    def _send(self, job: Job) -> None:
        job.phase, job.step, job.total = "sending", 0, 0
        glb, kept = self.folder / job.key / "sketch.glb", replace(job)
        body = {"prompt": job.prompt, "preset": job.preset, "seed": job.seed, "settings": job.settings}

        def told(sent: int, total: int) -> None:
            job.step, job.total = sent, total  # two numbers that are only drawn

        def work(stop: threading.Event) -> dict[str, Any]:
            client = self.link.wait_for_client(stop)
            sketch = client.upload(glb, f"{kept.key}.glb", told, stop)["sha256"]
            answer = client.submit({"sketch": sketch, "name": kept.name[:200], **body}, kept.key)
            journal.keep(self.folder, replace(kept, id=answer["id"], phase="queued"))
            return answer

        def then(answer: dict[str, Any]) -> None:
            self.take(job, answer)
            self._ask_once(job)

        self._work(job, work, then)
        self.changed(job)

    def _ask_once(self, job: Job) -> None:
        """What happened before its id was known here went unheard."""

        def then(told: dict[str, Any]) -> None:
            if job.phase == "queued":
                self.take(job, told)
            else:  # its events say more than this, but for those that came before
                progress.add_warnings(job, told["warnings"])

        client, server_id = self.link.client, job.id or ""
        if client is not None:
            # If the line breaks now, the job is asked for when it stands again.
            self.desk.start(lambda stop: client.job(server_id), then, failed=lambda _: None)

    # What the server tells

    def take(self, job: Job, told: dict[str, Any]) -> None:
        """The job as the server has it."""
        if progress.take_job(job, told):
            self._fetch(job)
        self.changed(job)

    def heard(self, event: dict[str, Any]) -> None:
        """An event of the server's stream; of somebody else's job perhaps."""
        job = self.desk.job_of(event["job"])
        if job is None:
            return
        before = job.phase
        if progress.take_event(job, event):
            self._fetch(job)
        elif job.preview and job.phase == "running":
            self._fetch_preview(job)
        if job.phase != before:
            self.changed(job)
        self.desk.touch()

    def lost(self, server_id: str) -> None:
        """The server does not know it."""
        job = self.desk.job_of(server_id)
        if job is not None and job.phase not in OVER:
            where = self.desk.status.url
            message = f"{where} does not know this job: it was removed there, or is another server's."
            self._failing(job, "lost")(Trouble("unknown_job", message, "Retry sends the sketch anew."))

    def _fetch_preview(self, job: Job) -> None:
        client, address, file = self.link.client, job.preview or "", self.folder / job.key / "preview.png"
        if client is None or job.key in self._previews:
            return
        if self._previews.get(f"{job.key} done") == address:
            return
        self._previews[job.key] = address

        def then(_: Any) -> None:
            self._previews[f"{job.key} done"] = self._previews.pop(job.key)
            self.desk.touch()

        def work(stop: threading.Event) -> None:
            client.download(address, file, _silent, stop)

        # A preview that does not come is not worth a message: the next one may.
        self.desk.start(work, then, failed=then)

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
                client = self.link.wait_for_client(stop)
                client.download(there + "preview.png", folder / "preview.png", _silent, stop)
                client.download(there + "result.glb", folder / "result.glb", told, stop)
            return self._in_child(READ, {**request, **files}, folder, stop)

        def then(_: dict[str, Any]) -> None:
            job.phase = "ready"
            self.changed(job)

        self._work(job, work, then)
        self.changed(job)

    def place(self, job: Job, context: bpy.types.Context) -> bpy.types.Object:
        """Puts a ready job's result into the scene. Raises Trouble."""
        scene = bpy.data.scenes.get(job.scene) or context.scene
        blend, sketch = self.folder / job.key / "result.blend", subject.find(job.sketch_id)
        placed = result.place(job, blend, sketch, scene, self.hide_sketch)
        job.phase, job.was_imported, job.trouble = "done", True, None
        if not self.keep_files:
            self._tidy(job)
        self.changed(job)
        return placed

    def fetch_again(self, job: Job) -> None:
        """For a job that is done: its result is made ready once more."""
        job.was_imported = False
        self._fetch(job)

    def _tidy(self, job: Job) -> None:
        folder = self.folder / job.key
        for file in [file for pattern in WORKING_FILES for file in folder.glob(pattern)]:
            file.unlink(missing_ok=True)

    # What users do to a job

    def cancel(self, job: Job) -> None:
        """Stops it, here or on the server. Raises Trouble when it is over, or nothing can be told to the server."""
        if job.phase in OVER:
            raise Trouble("finished", f"{job.name} is over: {job.phase}.", "There is nothing to cancel.")
        if job.phase not in THERE:
            if task := self._at_work.pop(job.key, None):
                task.stop()
            job.phase = "cancelled"
            return self.changed(job)
        server_id, before = job.id or "", job.phase

        def failed(trouble: Trouble) -> None:
            job.phase = before  # it goes on
            progress.add_warnings(job, [f"It could not be cancelled: {trouble}"])
            self.changed(job)

        job.phase = "cancelling"
        self._ask(job, lambda client: client.cancel(server_id), failed)

    def retry(self, job: Job) -> None:
        """Goes on with a broken job from where it broke. Raises Trouble."""
        if job.phase not in BROKEN:
            raise Trouble("not_retryable", f"{job.name} is not over.", "Wait for it, or cancel it first.")
        if job.id is not None and job.phase != "lost":
            return self._retry_there(job)
        if (self.folder / job.key / "sketch.glb").is_file():
            job.trouble, job.id, job.finished = None, None, None
            return self._send(job)
        objects = subject.find_all(job.members)
        if not objects:
            raise Trouble("no_sketch", f"The sketch of {job.name} is gone.", "Undo its removal, or remove this job.")
        again = self.begin(objects, bpy.context)
        again.prompt, again.preset, again.seed, again.settings = job.prompt, job.preset, job.seed, job.settings
        self.forget(job)

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
        client, server_id = self.link.client, job.id
        if client is not None and server_id is not None:
            # Its files there go some day anyway; here it is gone whatever the server says.
            self.desk.start(lambda stop: client.remove(server_id), lambda _: None, failed=lambda _: None)
        self.forget(job)

    def forget(self, job: Job) -> None:
        """Takes it off the list."""
        if task := self._at_work.pop(job.key, None):
            task.stop()
        del self.desk.jobs[job.key]
        journal.forget(self.folder, job.key, self.keep_files)
        self.desk.touch()
        self.on_change()

    # The small parts

    def resume(self, job: Job) -> None:
        """For a job out of a file that was opened: what was under way here begins again, the rest is asked for."""
        if job.phase in HERE:
            message = f"Blender was closed before {job.name} was sent."
            self._failing(job)(Trouble("interrupted", message, "Retry sends it now."))
        elif job.phase in ("fetching", "ready"):
            job.phase = "running"  # the server says again that it is done

    def changed(self, job: Job) -> None:
        """Its phase is another: what is kept of it is out of date."""
        ids = {each.id for each in self.desk.jobs.values() if each.id and each.phase not in OVER}
        self.link.follow = frozenset(ids)
        self.desk.touch()
        self.on_change()

    def _ask(
        self,
        job: Job,
        ask: Callable[[Client], dict[str, Any]],
        failed: Callable[[Trouble], None] | None = None,
    ) -> None:
        """A question to the server that is answered with the job."""
        self._work(job, lambda stop: ask(self.link.wait_for_client(stop)), lambda told: self.take(job, told), failed)
        self.changed(job)

    def _work(
        self,
        job: Job,
        work: Callable[[threading.Event], dict[str, Any]],
        then: Callable[[dict[str, Any]], None],
        failed: Callable[[Trouble], None] | None = None,
    ) -> None:
        """What `cancel` stops. Without `failed` what fails breaks the job."""

        def done(answer: dict[str, Any]) -> None:
            self._at_work.pop(job.key, None)
            then(answer)

        self._at_work[job.key] = self.desk.start(work, done, failed or self._failing(job))

    def _failing(self, job: Job, phase: Any = "failed") -> Callable[[Trouble], None]:
        def failed(trouble: Trouble) -> None:
            self._at_work.pop(job.key, None)
            job.phase, job.trouble = phase, trouble.as_dict()
            self.changed(job)

        return failed

    def _in_child(
        self, script: Path, request: dict[str, Any], folder: Path, stop: threading.Event
    ) -> dict[str, Any]:
        with CHILDREN:
            return blender.run(self.program, script, request, folder, CHILD_SECONDS, stop)


@contextmanager
def _seen(sketches: Sequence[bpy.types.Object], context: bpy.types.Context) -> Iterator[None]:
    """Shows those that the result of the first one has hidden: what is hidden is not evaluated."""
    has_result = subject.result_of(sketches[0]) is not None
    hidden = [each for each in sketches if not each.visible_get() and (has_result or subject.result_of(each))]
    for each in hidden:
        collection.hide(each, context.scene, is_hidden=False)
    context.view_layer.update()
    try:
        yield
    finally:
        for each in hidden:
            collection.hide(each, context.scene)


def _silent(done: int, total: int) -> None:
    """For what nobody waits for."""
