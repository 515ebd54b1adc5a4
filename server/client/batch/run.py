"""A batch through a server: sketches sent, jobs handed in once, followed, and their results fetched."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Protocol

from realify.job.run_folder import RESULT, SHEET, TURNTABLE
from sdf_fit.sketch.error import SketchError
from server.artefacts import PREVIEW
from server.client.batch.items import Item
from server.client.batch.record import Record
from server.client.client import Client, ClientError
from server.models import FINISHED, Event, Job
from server.sketches.packing import prepared

AT_ONCE = 50  # sent and handed in together, so that work begins before the last sketch was read
ITEMS_FAULT = (404, 413, 422)  # statuses that are about one sketch or wish; any other ends the batch
PICTURES = (SHEET, PREVIEW)


class View(Protocol):
    """Who is shown what happens."""

    def on_item(self, item: Item) -> None:
        """Its state changed."""
        ...

    def on_progress(self, item: Item, event: Event) -> None:
        """Its job made a step."""
        ...


class BatchRun:
    """`items` on one server; results go into `out`. Interrupt it anywhere and run it again."""

    def __init__(self, client: Client, items: list[Item], out: Path, name: str, view: View) -> None:
        self._client, self._items, self._out, self._name, self._view = client, items, out, name, view
        self._record = Record.load(out)

    def run(self, retry: bool) -> None:
        """To the end of all jobs. `retry`: those that failed before are started over. Raises ClientError, OSError."""
        for begin in range(0, len(self._items), AT_ONCE):
            part = self._items[begin : begin + AT_ONCE]
            shas = self._send_sketches(part, retry)
            self._submit([item for item in part if item.state == "waiting"], shas)
        self._follow({item.job: item for item in self._items if item.job and not self._is_over(item)})

    def _send_sketches(self, part: list[Item], retry: bool) -> dict[str, str]:
        """Those sketches that are still needed; {item's key: sha256}."""
        shas = {}
        for item in part:
            try:
                with tempfile.TemporaryDirectory(prefix="realify_batch_") as folder:
                    packed = prepared(item.sketch, Path(folder))
                    item.key = item.key_with(packed.sha256)
                    shas[item.key] = packed.sha256
                    self._record.recall(item)
                    if item.job is not None:
                        self._look_again(item, retry)
                    if item.job is None:
                        self._client.send(packed)
            except (SketchError, OSError) as error:
                self._refuse(item, f"{getattr(error, 'message', error)} {getattr(error, 'fix', '')}")
            except ClientError as error:
                if error.status not in ITEMS_FAULT:
                    raise
                self._refuse(item, str(error))
            self._view.on_item(item)
        return shas

    def _refuse(self, item: Item, error: str) -> None:
        item.state, item.error = "refused", error.strip()

    def _look_again(self, item: Item, retry: bool) -> None:
        """At a job of an earlier run: the server may have got on with it, or have deleted it."""
        assert item.job is not None
        if self._is_over(item) and not (retry and item.state != "done"):
            return
        try:
            job = self._client.job(item.job)
            if retry and job.state in ("failed", "cancelled", "dead"):
                job = self._client.retry(item.job)
        except ClientError as error:
            if error.status != 404:
                raise
            self._record.forget(item)
            return
        item.state = job.state

    def _is_over(self, item: Item) -> bool:
        fetched = (self._out / f"{item.name}.glb").exists()
        return item.state == "refused" or (item.state in FINISHED and (item.state != "done" or fetched))

    def _submit(self, waiting: list[Item], shas: dict[str, str]) -> None:
        """Hands them in. A crash before they are noted repeats the same request, with the same key."""
        if not waiting:
            return
        self._record.save()
        jobs = self._hand_in(waiting, shas)
        if missing := [item for item in waiting if item.name not in jobs]:  # deleted since an earlier, unnoted run
            for item in missing:
                self._record.forget(item)
            self._record.save()
            jobs |= self._hand_in(missing, shas)
        for item in waiting:
            item.job, item.state = jobs[item.name].id, jobs[item.name].state
        self._record.note(waiting)

    def _hand_in(self, part: list[Item], shas: dict[str, str]) -> dict[str, Job]:
        """The jobs of one request, by name."""
        key = hashlib.sha256("\n".join([self._record.id, *(item.key for item in part)]).encode()).hexdigest()
        batch = self._client.submit_batch([item.line(shas[item.key]) for item in part], self._name, key)
        if batch.id not in self._record.batches:
            self._record.batches.append(batch.id)
        return {job.name: job for job in self._client.all_jobs(batch.id)}

    def _follow(self, running: dict[str | None, Item]) -> None:
        """Until all of them have ended and their results are here."""
        if not running:
            return
        with closing(self._client.events()) as events:
            for event in events:
                if event is None:
                    self._look_at_all(running)
                elif (item := running.get(event.job)) is not None:
                    self._on_event(item, event, running)
                if not running:
                    return

    def _look_at_all(self, running: dict[str | None, Item]) -> None:
        """What happened before the events that come."""
        jobs = {job.id: job for batch in self._record.batches for job in self._client.all_jobs(batch)}
        for job_id, item in list(running.items()):
            if job_id in jobs:
                self._on_state(item, jobs[job_id].state, running)
            else:
                self._on_removed(item, running)

    def _on_event(self, item: Item, event: Event, running: dict[str | None, Item]) -> None:
        if event.kind == "progress":
            self._view.on_progress(item, event)
        elif event.kind == "removed":
            self._on_removed(item, running)
        elif event.kind == "state" and event.state is not None:
            self._on_state(item, event.state, running)

    def _on_removed(self, item: Item, running: dict[str | None, Item]) -> None:
        running.pop(item.job)
        self._record.forget(item)
        item.state, item.error = "removed", "The job was deleted on the server. The same command hands it in again."
        self._record.save()
        self._view.on_item(item)

    def _on_state(self, item: Item, state: str, running: dict[str | None, Item]) -> None:
        item.state = state
        if state in FINISHED:
            assert item.job is not None
            job = self._client.job(item.job)
            item.state = job.state
            item.seconds = (job.finished or 0.0) - job.started if job.started and job.finished else None
            item.error = f"{job.error.message} {job.error.fix}" if job.error else ""
            if job.state == "done":
                self._fetch(item, job)
            if job.state in FINISHED:  # not started over meanwhile, by somebody else
                del running[item.job]
            self._record.note([item])
        self._view.on_item(item)

    def _fetch(self, item: Item, job: Job) -> None:
        """The mesh last: where it is, all is."""
        picture = next((name for name in PICTURES if name in job.artefacts), None)
        if picture is not None:
            self._client.download(job.id, picture, self._out / f"{item.name}.png")
        if TURNTABLE in job.artefacts:
            self._client.download(job.id, TURNTABLE, self._out / f"{item.name}.webp")
        self._client.download(job.id, RESULT, self._out / f"{item.name}.glb")
