"""Jobs: handed in, listed, cancelled, started over, moved in the queue, deleted."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from server.jobs.submit import body_sha, new_row
from server.models import Job, JobList, JobState, NewJob, Priority
from server.problem import Problem
from server.routes.answers import answer, errors, job_view
from server.services import Services, TheServices
from server.store import jobs, submissions, uploads
from server.store.disk import require_space
from server.store.retention import delete_job
from server.store.rows import JobRow

router = APIRouter(tags=["jobs"])
NOT_THERE, NOT_NOW = errors(404), errors(404, 409)


@router.post(
    "/v1/jobs",
    response_model=Job,
    status_code=201,
    responses=errors(404, 409, 422, 429, 507) | {200: {"model": Job}},
)
async def submit(
    new: NewJob,
    services: TheServices,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Puts a job into the queue. With an Idempotency-Key that was used before, answers that job again, with 200."""
    began = time.perf_counter()
    limits = services.config.limits
    row = new_row(new, services.store.read(uploads.get, new.sketch), limits)
    require_space(services.folders, services.config.reserve_bytes, 0)
    job, is_new = await services.store.write(
        submissions.add_job, row, idempotency_key, body_sha(new), limits.queued_jobs
    )
    headers = {"Location": f"/v1/jobs/{job.id}"}
    services.metrics.submit_seconds.observe(time.perf_counter() - began)
    return answer(job_view(job, services), 201 if is_new else 200, headers)


@router.get("/v1/jobs", response_model=JobList)
async def list_jobs(
    services: TheServices,
    state: Annotated[list[JobState] | None, Query(description="Only those in one of these states.")] = None,
    batch: Annotated[str | None, Query(max_length=100, description="Only those of this batch.")] = None,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Lists jobs, newest first."""

    def look() -> JobList:
        rows, following = services.store.read(jobs.page, state or [], batch, after, limit)
        return JobList(jobs=[job_view(row, services) for row in rows], next=following)

    return answer(await asyncio.to_thread(look))  # a long list of many files is not looked at between two events


@router.get("/v1/jobs/{job_id}", response_model=Job, responses=NOT_THERE)
async def get_job(job_id: str, services: TheServices) -> Response:
    """One job."""
    return answer(job_view(found(job_id, services), services))


@router.patch("/v1/jobs/{job_id}", response_model=Job, responses=NOT_NOW)
async def move(job_id: str, where: Priority, services: TheServices) -> Response:
    """Moves a queued job: to a priority, or before another one."""
    found(job_id, services)
    if (where.priority is None) == (where.before is None):
        raise Problem(422, "bad_priority", "Give either priority or before.", "Send one of the two.")
    if where.before is not None:
        found(where.before, services)
        await services.store.write(jobs.move_before, job_id, where.before)
    elif where.priority is not None:
        await services.store.write(jobs.set_priority, job_id, where.priority)
    return answer(job_view(found(job_id, services), services))


@router.post("/v1/jobs/{job_id}/cancel", response_model=Job, responses=NOT_NOW)
async def cancel(job_id: str, services: TheServices) -> Response:
    """Cancels a job: at once where it waits, else its worker is stopped within seconds."""
    found(job_id, services)
    return answer(job_view(await services.dispatcher.cancel(job_id), services))


@router.post("/v1/jobs/{job_id}/retry", response_model=Job, responses=NOT_NOW)
async def retry(job_id: str, services: TheServices) -> Response:
    """Queues a failed, dead or cancelled job again; it goes on from its last checkpoint where there is one."""
    found(job_id, services)
    return answer(job_view(await services.store.write(jobs.retry, job_id), services))


@router.delete("/v1/jobs/{job_id}", status_code=204, responses=NOT_NOW)
async def delete(job_id: str, services: TheServices) -> Response:
    """Deletes a job that is not running, with its files."""
    await delete_job(services.store, services.folders, job_id)
    return Response(status_code=204)


def found(job_id: str, services: Services) -> JobRow:
    """The job's row. Raises Problem 404."""
    row = services.store.read(jobs.get, job_id)
    if row is None:
        raise Problem(404, "unknown_job", f"There is no job {job_id[:60]!r}.", "GET /v1/jobs lists those there are.")
    return row
