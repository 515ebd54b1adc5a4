"""The queue as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.jobs.views import answer
from server.models import Queue
from server.parts import Parts, TheParts
from server.store import jobs

router = APIRouter(tags=["queue"])


@router.get("/v1/queue", response_model=Queue)
async def get_queue(parts: TheParts) -> Response:
    """Whether jobs are started, and how many are in each state."""
    return _view(parts)


@router.post("/v1/queue/pause", response_model=Queue)
async def pause(parts: TheParts) -> Response:
    """Starts no more jobs; those that run go on. Holds over a restart."""
    await parts.store.write(jobs.set_paused, True)
    return _view(parts)


@router.post("/v1/queue/resume", response_model=Queue)
async def resume(parts: TheParts) -> Response:
    """Starts jobs again."""
    await parts.store.write(jobs.set_paused, False)
    parts.dispatcher.wake()
    return _view(parts)


def _view(parts: Parts) -> Response:
    return answer(Queue(paused=parts.store.read(jobs.paused), counts=parts.store.read(jobs.counts)))
