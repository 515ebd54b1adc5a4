"""Sketches in: streamed to disk, held against their hash, looked at, and only then taken."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from sdf_fit.sketch.error import SketchError
from server.models import ErrorBody, Sha256, Upload
from server.problem import Problem
from server.routes.answers import answer, errors, upload_view
from server.services import Services, TheServices
from server.sketches.check import suffix_of
from server.store import uploads
from server.store.disk import require_space
from server.store.rows import UploadRow

router = APIRouter(tags=["uploads"])
PIECE = 2**20  # bytes written at a time
REST, REST_SECONDS = 2**26, 10.0  # of a refused upload that is still read, so that the client hears why


@router.put("/v1/uploads/{sha256}", response_model=Upload, responses={201: {"model": Upload}, **errors(413, 422, 507)})
async def put_upload(
    sha256: Sha256, name: Annotated[str, Query(min_length=1, max_length=255)], request: Request, services: TheServices
) -> Response:
    """Takes a sketch as the request's body: .glb, .ply, .stl, .obj, or a .zip holding one .gltf or .obj with its
    files. Answers 201, or 200 without reading the body when it is already there."""
    if (known := services.store.read(uploads.get, sha256)) is not None:
        return _Early(answer(upload_view(known)), request)
    try:
        return answer(upload_view(await _take(sha256, name, request, services)), 201)
    except SketchError as error:
        problem = Problem(422, error.code, error.message, error.fix)
    except Problem as raised:
        problem = raised
    body = ErrorBody(**problem.as_dict())
    return _Early(answer(body, problem.status, problem.headers), request)


@router.get("/v1/uploads/{sha256}", response_model=Upload, responses=errors(404))
@router.head("/v1/uploads/{sha256}", include_in_schema=False)
async def get_upload(sha256: Sha256, services: TheServices) -> Response:
    """Says whether a sketch is there."""
    row = services.store.read(uploads.get, sha256)
    if row is None:
        raise Problem(404, "unknown_sketch", f"No sketch {sha256} was uploaded.", "PUT it here.")
    return answer(upload_view(row))


async def _take(sha256: str, name: str, request: Request, services: Services) -> UploadRow:
    """Stores a new sketch. Raises Problem 413, 422, 507 and SketchError."""
    suffix, limit = suffix_of(name), services.config.limits.upload_bytes
    announced = request.headers.get("content-length", "")
    needed = int(announced) if announced.isdecimal() else 0
    if needed > limit:
        raise _too_large(limit)
    require_space(services.folders, services.config.reserve_bytes, needed)
    folder = services.folders.incoming / secrets.token_hex(8)
    try:
        folder.mkdir()
        file = folder / f"sketch{suffix}"
        size = await _receive(request, file, sha256, services)
        return await services.intake.take_in(file, sha256, name, size)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)  # gone already where all went well


async def _receive(request: Request, file: Path, sha256: str, services: Services) -> int:
    """Writes the body to the file; its size."""
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    limit = services.config.limits.upload_bytes

    def write(piece: bytes) -> None:
        require_space(services.folders, services.config.reserve_bytes, len(piece))
        digest.update(piece)
        opened.write(piece)

    with open(file, "xb") as opened:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                waiting += chunk
                if len(waiting) >= PIECE:
                    await asyncio.to_thread(write, bytes(waiting))
                    waiting.clear()
        except ClientDisconnect as error:
            raise Problem(400, "cut_short", f"The upload ended after {size} bytes.", "Send it again.") from error
        request.state.was_read = True
        await asyncio.to_thread(write, bytes(waiting))
    if digest.hexdigest() != sha256:
        raise Problem(
            422,
            "hash_mismatch",
            f"The {size} bytes that came have SHA-256 {digest.hexdigest()}, the address says {sha256}.",
            "Send the file whole, to the address of its own hash.",
        )
    return size


def _too_large(limit: int) -> Problem:
    return Problem(
        413, "too_large", f"At most {limit / 2**20:.0f} MiB are taken.", "Export fewer strokes at once."
    )


class _Early(Response):
    """An answer that is given before the body was read. The body is read on for a while: a client that only looks
    for an answer once it has sent everything would find a broken connection instead."""

    def __init__(self, first: Response, request: Request) -> None:
        super().__init__(first.body, first.status_code, dict(first.headers))
        asks_first = "expect" in request.headers  # then it sends nothing before it is asked to
        self._rest = 0 if asks_first or getattr(request.state, "was_read", False) else REST

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                await self._read_rest(receive)
        await send({"type": "http.response.body", "body": b""})

    async def _read_rest(self, receive: Receive) -> None:
        while self._rest > 0:
            message = await receive()
            self._rest -= len(message.get("body", b""))
            if not message.get("more_body"):  # its end, or the client is gone
                return
