"""Many jobs handed in together, by a manifest."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ValidationError

from server.jobs.manifest import Kind, Line, ManifestError, parse_manifest
from server.jobs.submit import new_row
from server.jobs.views import answer, batch_view
from server.models import Batch, NewJob, Problem422
from server.parts import Parts, TheParts
from server.problem import Problem
from server.routes.responses import errors
from server.safety.problems import told_faults
from server.store import submissions, uploads
from server.store.disk import require_space
from server.store.ids import new_id
from server.store.rows import NewRow

router = APIRouter(tags=["batches"])
KINDS: dict[str, Kind] = {"text/csv": "csv", "application/x-ndjson": "jsonl", "application/jsonl": "jsonl"}
BODY = {
    "requestBody": {
        "required": True,
        "description": "Columns: sketch (a SHA-256), prompt, preset, seed, name, priority, and any setting's key.",
        "content": {kind: {"schema": {"type": "string"}} for kind in ("text/csv", "application/x-ndjson")},
    }
}
ERRORS = errors(409, 413, 415, 429, 507) | {422: {"model": Problem422}}


@router.post("/v1/batches", response_model=Batch, status_code=201, responses=ERRORS, openapi_extra=BODY)
async def submit_batch(
    request: Request,
    parts: TheParts,
    name: Annotated[str, Query(max_length=200, description="What it is called.")] = "batch",
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Queues one job a line, all of them or none. With an Idempotency-Key that was used before, answers that batch."""
    body = await request.body()
    try:
        lines = parse_manifest(_text(body), _kind(request), most=parts.config.limits.batch_rows)
    except ManifestError as error:
        return _wrong(error.lines or [error.message], error.fix)
    rows, wrong = _rows(lines, parts)
    if wrong:
        return _wrong(wrong, "Mend them and hand it in again.")
    require_space(parts.folders, parts.config.reserve_bytes, 0)
    sha = hashlib.sha256(body + name.encode("utf-8", "surrogatepass")).hexdigest()
    limit = parts.config.limits.queued_jobs
    added = await parts.store.write(submissions.add_jobs, rows, new_id(), name, idempotency_key, sha, limit)
    batch = parts.store.read(submissions.batch, added[0].batch or "")
    assert batch is not None, "its jobs were just added"
    return answer(batch_view(batch), 201, {"Location": f"/v1/batches/{batch.id}"})


@router.get("/v1/batches", response_model=list[Batch])
async def list_batches(parts: TheParts) -> list[Batch]:
    """All batches, newest first, without their jobs."""
    return [batch_view(row) for row in parts.store.read(submissions.batches)]


@router.get("/v1/batches/{batch_id}", response_model=Batch, responses=errors(404))
async def get_batch(batch_id: str, parts: TheParts) -> Response:
    """One batch with its jobs, in the manifest's order."""
    row = parts.store.read(submissions.batch, batch_id)
    if row is None:
        raise Problem(404, "unknown_batch", f"There is no batch {batch_id[:60]!r}.", "GET /v1/batches lists all.")
    return answer(batch_view(row))


def _kind(request: Request) -> Kind:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in KINDS:
        raise Problem(
            415, "media_type", f"The body is {media_type[:60] or 'of no kind'!r}.", f"Send {' or '.join(KINDS)}."
        )
    return KINDS[media_type]


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"The manifest is not UTF-8: {error}.", "Save it as UTF-8.") from error


def _rows(lines: list[Line], parts: Parts) -> tuple[list[NewRow], list[str]]:
    """A row for each line, and what is wrong with those that cannot be one."""
    rows, wrong = [], []
    for line in lines:
        try:
            rows.append(_row(line, parts))
        except ValidationError as error:
            faults = [{**fault, "loc": ("line", *fault["loc"])} for fault in error.errors()]
            wrong.append(f"line {line.number}: {told_faults(faults)}")
        except Problem as problem:
            wrong.append(f"line {line.number}: {problem.message} {problem.fix}")
    return rows, wrong


def _row(line: Line, parts: Parts) -> NewRow:
    new = NewJob(
        sketch=line.sketch,
        prompt=line.prompt,
        preset=line.preset,
        seed=line.seed,
        settings=line.settings,
        name=line.name,
        priority=line.priority,
    )
    return new_row(new, parts.store.read(uploads.get, new.sketch), parts.config.limits)


def _wrong(lines: list[str], fix: str) -> Response:
    count = "1 line is" if len(lines) == 1 else f"{len(lines)} lines are"
    message = f"{count} wrong; nothing of the manifest was taken."
    return answer(Problem422(code="bad_manifest", message=message, fix=fix, lines=lines), 422)
