"""Whether the server lives, whether it takes jobs, which version it is, and its measures."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from realify import __version__
from server import API_VERSION
from server.models import Health
from server.models import Version as VersionBody
from server.routes.answers import answer
from server.services import TheServices
from server.store import jobs
from server.store.disk import free_bytes

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """The process answers."""
    return answer(Health(ok=True))


@router.get("/readyz", response_model=Health, responses={503: {"model": Health}})
async def readyz(services: TheServices) -> Response:
    """Whether a worker is warm; without a token nothing more is told."""
    states = services.executor.states()
    if any(each.state in ("warm", "busy") for each in states):
        return answer(Health(ok=True))
    starting = any(each.state == "starting" for each in states)
    reason = "No worker is warm yet." if starting else "No worker can be started: GET /v1/workers says why."
    return answer(Health(ok=False, reason=reason), 503, {"Retry-After": "2"})


@router.get("/v1/workers", response_model=Health)
async def workers(services: TheServices) -> Response:
    """The workers, what they do, and what is wrong with those that do nothing."""
    states = services.executor.states()
    ok = any(each.state in ("warm", "busy") for each in states)
    return answer(Health(ok=ok, workers=[asdict(each) for each in states]))


@router.get("/v1/version", response_model=VersionBody)
async def version() -> Response:
    """For a client's handshake."""
    return answer(VersionBody(version=__version__, api=API_VERSION))


@router.get("/metrics", response_class=Response)
async def metrics(services: TheServices) -> Response:
    """Prometheus' text format."""
    counts, free = services.store.read(jobs.counts), free_bytes(services.folders)
    text = services.metrics.text(counts, services.executor.states(), free)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
