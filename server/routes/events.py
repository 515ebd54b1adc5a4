"""What happens, as it happens: server-sent events with ids out of the store, so that a client that lost its
connection hears all that it missed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from server.models import FINISHED
from server.problem import Problem
from server.routes.answers import Responses, errors, event_view
from server.routes.jobs import found
from server.services import Services, TheServices
from server.store import events, jobs
from server.store.rows import EventRow

router = APIRouter(tags=["events"])
ALIVE_SECONDS = 15.0
STREAM: Responses = {
    200: {
        "description": "A stream: `id` an event's, `event` its kind, `data` an Event. Comments keep it alive.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    **errors(404),
}
After = Annotated[str | None, Query(description="Only events after this id; `Last-Event-ID` goes before it.")]
LastEventId = Annotated[str | None, Header(description="Sent by browsers when they connect anew.")]


@router.get("/v1/events", response_class=StreamingResponse, responses=STREAM)
async def all_events(
    services: TheServices, after: After = None, last_event_id: LastEventId = None
) -> StreamingResponse:
    """Streams the events of all jobs, from now on or after an id."""
    return _stream(services, None, _after(last_event_id, after, services.store.read(events.last_id)), False)


@router.get("/v1/jobs/{job_id}/events", response_class=StreamingResponse, responses=STREAM)
async def job_events(
    job_id: str,
    services: TheServices,
    after: After = None,
    last_event_id: LastEventId = None,
    until_end: Annotated[bool, Query(description="End the stream once the job has ended.")] = False,
) -> StreamingResponse:
    """Streams a job's events, from its first or after an id."""
    found(job_id, services)
    return _stream(services, job_id, _after(last_event_id, after, 0), until_end)


def _after(header: str | None, query: str | None, default: int) -> int:
    text = header or query
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Problem(422, "bad_event_id", f"{text[:40]!a} is no event's id.", "Send an `id` of the stream, or none.")
    return int(text)


def _stream(services: Services, job: str | None, after: int, until_end: bool) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_texts(services, job, after, until_end), 200, headers, "text/event-stream")


async def _texts(services: Services, job: str | None, after: int, until_end: bool) -> AsyncGenerator[bytes]:
    yield b"retry: 2000\n\n"
    with services.metrics.streams.track_inprogress():
        if until_end and job is not None and _has_ended(services, job, after):
            return
        async with aclosing(_kept_alive(services, job, after)) as live:
            async for rows in live:
                yield b"".join(_text(row) for row in rows) or b": alive\n\n"
                if job is not None and rows and _ends(services, job, rows, until_end):
                    return


def _text(row: EventRow) -> bytes:
    """The lines of one server-sent event."""
    data = event_view(row).model_dump_json(exclude_none=True)
    return f"id: {row.id}\nevent: {row.kind}\ndata: {data}\n\n".encode()


def _has_ended(services: Services, job: str, after: int) -> bool:
    """Whether the job is over and its last event is known to the client: none would come any more."""
    row = services.store.read(jobs.get, job)
    over = row is None or row.state in FINISHED
    return over and not services.store.read(events.after, after, job, 1)


def _ends(services: Services, job: str, rows: list[EventRow], until_end: bool) -> bool:
    """Whether nothing comes after these. An end among them may be an old one, of a job that was tried again."""
    if rows[-1].kind == "removed":
        return True
    ended = any(row.kind == "state" and row.state in FINISHED for row in rows)
    return until_end and ended and _has_ended(services, job, rows[-1].id)


async def _kept_alive(services: Services, job: str | None, after: int) -> AsyncGenerator[list[EventRow]]:
    """The hub's events, and an empty list whenever there was none for a while."""
    following = services.hub.follow(job, after)
    waiting: asyncio.Task[list[EventRow] | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(following, None))
            done, _ = await asyncio.wait({waiting}, timeout=ALIVE_SECONDS)
            if not done:
                yield []
                continue
            rows, waiting = waiting.result(), None
            if rows is None:
                return
            yield rows
    finally:
        if waiting is not None:
            waiting.cancel()  # closes the hub's generator too
        else:
            await following.aclose()
