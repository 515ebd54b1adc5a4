"""A file as an HTTP answer: ETag, 304, one Range. Opened before the first byte is sent, so that a file that is
removed meanwhile is still sent whole or answered by 404, and never cut short."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.problem import Problem

CHUNK = 2**18


async def file_answer(request: Request, path: Path, media_type: str, disposition: str) -> Response:
    """The file, or the part of it that was asked for. Raises FileNotFoundError, and Problem 416."""
    file = await asyncio.to_thread(open, path, "rb")
    try:
        stat = os.fstat(file.fileno())
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Accept-Ranges": "bytes"}
        if _matches(request.headers.get("if-none-match", ""), etag):
            file.close()
            return Response(status_code=304, headers=headers)
        first, end = _range(request, etag, stat.st_size)
    except BaseException:
        file.close()
        raise
    headers |= {"Content-Type": media_type, "Content-Disposition": disposition, "Content-Length": str(end - first)}
    whole = end - first == stat.st_size
    if not whole:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{stat.st_size}"
    return _Stream(file, first, end, 200 if whole else 206, headers)


def _matches(header: str, etag: str) -> bool:
    return header == "*" or etag in (each.strip().removeprefix("W/") for each in header.split(","))


def _range(request: Request, etag: str, size: int) -> tuple[int, int]:
    """First byte and the one after the last. Several ranges at once, or another unit, are answered by the whole."""
    wanted = re.fullmatch(r"bytes=\s*(\d*)-(\d*)\s*", request.headers.get("range", ""), re.ASCII)
    if wanted is None or request.headers.get("if-range", etag) != etag or not any(wanted.groups()):
        return 0, size
    if not wanted[1]:
        first, end = max(0, size - int(wanted[2])), size
    else:
        first, end = int(wanted[1]), min(size, int(wanted[2]) + 1) if wanted[2] else size
        if wanted[2] and int(wanted[2]) < int(wanted[1]):  # not a range at all: as if there were none
            return 0, size
    if first >= end:
        raise Problem(
            416,
            "bad_range",
            f"The file has {size} bytes, the range begins at {first}.",
            "Ask for a range within it.",
            {"Content-Range": f"bytes */{size}"},
        )
    return first, end


class _Stream(Response):
    """Bytes [first, end) of an open file, which it closes."""

    def __init__(self, file: BinaryIO, first: int, end: int, status: int, headers: dict[str, str]) -> None:
        self._file, self._first, self._left = file, first, end - first
        self.status_code, self.background = status, None
        self.init_headers(headers)

    def init_headers(self, headers: dict[str, str] | None = None) -> None:  # type: ignore[override]
        self.raw_headers = [(key.lower().encode(), value.encode("latin-1")) for key, value in (headers or {}).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file as file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._left = 0 if scope["method"] == "HEAD" else self._left
            file.seek(self._first)
            while self._left > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK, self._left))):
                self._left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
