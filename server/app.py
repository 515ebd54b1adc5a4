"""The application: the gate, the routes, the page, and what runs beside them. Read this first.

    request ─► Gate (safety/gate.py: Host, origin, token) ─► routes/ ─► Store, Dispatcher

This process answers HTTP, writes the database and hands out orders. It never imports torch: that lives in the workers
(worker/), which the executor starts (local.py).
"""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from realify import __version__
from server.jobs.watched import folder_watch
from server.models import ErrorBody
from server.routes import artefacts, batches, documents, events, health, jobs, options, pairing, queue, uploads
from server.safety import problems
from server.safety.gate import Gate, is_open
from server.services import Services
from server.store.retention import clean

PAGE = Path(__file__).parent / "page"
ROUTERS = (uploads, jobs, events, artefacts, queue, batches, options, pairing, health, documents)
CLEANING_SECONDS = 600.0
# A system's own table may know these as something else, and with nosniff a browser then refuses them.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def make_app(services: Services) -> FastAPI:
    """The whole application on these services; its lifespan starts and stops them."""
    app = FastAPI(
        title="Realify",
        version=__version__,
        summary="Coarse 3D sketches and sentences in, realistic textured meshes out.",
        docs_url=None,  # FastAPI's own page loads its scripts from elsewhere; routes/documents.py
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_route_name,
        responses={"default": {"model": ErrorBody, "description": "Any error, whatever its status."}},
    )
    app.state.services = services
    app.openapi = partial(_openapi, app, app.openapi)  # type: ignore[method-assign]
    for module in ROUTERS:
        app.include_router(module.router)
    for suffix, media_type in TYPES.items():
        mimetypes.add_type(media_type, suffix)
    app.add_api_route("/", _index, include_in_schema=False, methods=["GET", "HEAD"])
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    problems.install(app)
    pages = [page.read_text(encoding="utf-8") for page in PAGE.glob("*.html")]
    app.add_middleware(
        Gate, hosts=services.hosts, tokens=services.tokens, body_bytes=services.config.limits.body_bytes, pages=pages
    )
    return app


async def _index() -> FileResponse:
    """The page."""
    return FileResponse(PAGE / "index.html", media_type="text/html")


def _openapi(app: FastAPI, draw: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """FastAPI's document, and which routes ask for the token: the gate decides that, not the routes."""
    if app.openapi_schema is None:
        document = draw()
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                operation["security"] = [] if is_open(method.upper(), path) else [{"token": []}]
    return app.openapi_schema or {}


def _route_name(route: APIRoute) -> str:
    return route.name


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Starts what runs beside the requests; stops it in reverse. Running jobs keep their checkpoints."""
    services: Services = app.state.services
    async with AsyncExitStack() as stack:
        stack.callback(services.store.close)
        stack.callback(services.hub.close)
        stack.callback(services.store.listen(services.metrics.on_events))
        stack.push_async_callback(services.dispatcher.close)
        await services.dispatcher.start()
        await stack.enter_async_context(_beside(_clean_up(services)))
        await stack.enter_async_context(_beside(_watch_folders(services)))
        yield


async def _watch_folders(services: Services) -> None:
    """What lies in the watched folders goes the way of an upload and a submit over HTTP."""
    async with asyncio.TaskGroup() as group:
        for folder in services.config.watch:
            watch = folder_watch(folder, services.config, services.folders, services.store, services.intake)
            group.create_task(watch.run())


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs a coroutine until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _clean_up(services: Services) -> None:
    """Removes now and then what the retention says."""
    log = structlog.get_logger()
    while True:
        try:
            removed = await clean(services.store, services.folders, services.config.retention, time.time())
        except Exception:  # e.g. a disk that fails now: the next round may do better, and the log has the reason
            log.exception("cleaning up failed")
        else:
            if removed:
                log.info("old jobs were removed", jobs=removed)
        await asyncio.sleep(CLEANING_SECONDS)
