"""The queue as a whole."""

from __future__ import annotations

from fastapi import APIRouter, Response

from server.models import Queue
from server.routes.answers import answer
from server.services import Services, TheServices
from server.store import jobs

router = APIRouter(tags=["queue"])


@router.get("/v1/queue", response_model=Queue)
async def get_queue(services: TheServices) -> Response:
    """Whether jobs are started, and how many are in each state."""
    return _view(services)


@router.post("/v1/queue/pause", response_model=Queue)
async def pause(services: TheServices) -> Response:
    """Starts no more jobs; those that run go on. Holds over a restart."""
    await services.store.write(jobs.set_paused, True)
    return _view(services)


@router.post("/v1/queue/resume", response_model=Queue)
async def resume(services: TheServices) -> Response:
    """Starts jobs again."""
    await services.store.write(jobs.set_paused, False)
    services.dispatcher.wake()
    return _view(services)


def _view(services: Services) -> Response:
    return answer(Queue(paused=services.store.read(jobs.paused), counts=services.store.read(jobs.counts)))
