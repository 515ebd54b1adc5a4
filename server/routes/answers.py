"""What the routes answer: rows of the store as they travel over HTTP, and the errors that a route may give."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import BaseModel

from server.jobs.artefacts import present, preview_address
from server.models import Batch, ErrorBody, Event, Job, Upload
from server.services import Services
from server.store import jobs
from server.store.rows import BatchRow, EventRow, JobRow, UploadRow

Responses = dict[int | str, dict[str, Any]]


def errors(*statuses: int) -> Responses:
    """Errors in their one shape, for the OpenAPI document."""
    return {status: {"model": ErrorBody} for status in statuses}


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as JSON; nothing checks it a second time."""
    return Response(model.model_dump_json(), status, headers, "application/json")


def job_view(row: JobRow, services: Services) -> Job:
    """The job with the files that are there now."""
    return Job(
        id=row.id,
        state=row.state,
        stage=row.stage,
        step=row.step,
        total=row.total,
        seconds_left=row.seconds_left,
        fraction=row.fraction,
        loss=row.loss,
        error=ErrorBody(**row.error) if row.error else None,
        warnings=row.warnings,
        sketch=row.sketch,
        name=row.name,
        prompt=row.prompt,
        preset=row.preset,
        seed=row.seed,
        settings=row.settings,
        priority=row.priority,
        place=services.store.read(jobs.place, row.id) if row.state == "queued" else None,
        batch=row.batch,
        attempt=row.attempt,
        created=row.created,
        started=row.started,
        finished=row.finished,
        preview=preview_address(row.id, row.preview),
        artefacts=present(row, services.folders),
    )


def upload_view(row: UploadRow) -> Upload:
    """The upload, without where it lies."""
    return Upload(
        sha256=row.sha256,
        name=row.name,
        bytes=row.bytes,
        vertices=row.vertices,
        faces=row.faces,
        notes=row.notes,
    )


def batch_view(row: BatchRow) -> Batch:
    """The batch."""
    return Batch(id=row.id, name=row.name, created=row.created, counts=row.counts, jobs=row.jobs)


def event_view(row: EventRow) -> Event:
    """The event."""
    return Event(
        id=row.id,
        job=row.job,
        kind=row.kind,
        time=row.time,
        state=row.state,
        stage=row.stage,
        step=row.step,
        total=row.total,
        seconds_left=row.seconds_left,
        fraction=row.fraction,
        loss=row.loss,
        preview=preview_address(row.job, row.preview),
        warnings=row.warnings,
        error=ErrorBody(**row.error) if row.error else None,
    )
