"""Many jobs handed in together, by a manifest."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from server.jobs.manifest import Kind, ManifestError, parse_manifest
from server.jobs.submit import new_row
from server.models import NAME_LETTERS, Batch, NewJob, Problem422
from server.problem import Problem
from server.routes.answers import answer, batch_view, errors
from server.services import Services, TheServices
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
    services: TheServices,
    name: Annotated[str, Query(max_length=NAME_LETTERS, description="What it is called.")] = "batch",
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Queues one job a line, all of them or none. With an Idempotency-Key that was used before, answers that batch."""
    body = await request.body()
    try:
        jobs = parse_manifest(_text(body), _kind(request), NewJob, most=services.config.limits.batch_rows)
    except ManifestError as error:
        return _wrong(error.lines or [error.message], error.fix)
    rows, wrong = _rows(jobs, services)
    if wrong:
        return _wrong(wrong, "Mend them and hand it in again.")
    require_space(services.folders, services.config.reserve_bytes, 0)
    sha = hashlib.sha256(body + name.encode("utf-8", "surrogatepass")).hexdigest()
    limit = services.config.limits.queued_jobs
    added = await services.store.write(submissions.add_jobs, rows, new_id(), name, idempotency_key, sha, limit)
    batch = services.store.read(submissions.batch, added[0].batch or "")
    assert batch is not None, "its jobs were just added"
    return answer(batch_view(batch), 201, {"Location": f"/v1/batches/{batch.id}"})


@router.get("/v1/batches", response_model=list[Batch])
async def list_batches(services: TheServices) -> list[Batch]:
    """All batches, newest first, without their jobs."""
    return [batch_view(row) for row in services.store.read(submissions.batches)]


@router.get("/v1/batches/{batch_id}", response_model=Batch, responses=errors(404))
async def get_batch(batch_id: str, services: TheServices) -> Response:
    """One batch with its jobs, in the manifest's order."""
    row = services.store.read(submissions.batch, batch_id)
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


def _rows(jobs: dict[int, NewJob], services: Services) -> tuple[list[NewRow], list[str]]:
    """A row for each job, and what is wrong with those that cannot be one."""
    rows, wrong = [], []
    for line, new in jobs.items():
        try:
            rows.append(new_row(new, services.store.read(uploads.get, new.sketch), services.config.limits))
        except Problem as problem:
            wrong.append(f"line {line}: {problem.message} {problem.fix}")
    return rows, wrong


def _wrong(lines: list[str], fix: str) -> Response:
    count = "1 line is" if len(lines) == 1 else f"{len(lines)} lines are"
    message = f"{count} wrong; nothing of the manifest was taken."
    return answer(Problem422(code="bad_manifest", message=message, fix=fix, lines=lines), 422)
