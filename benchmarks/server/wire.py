"""HTTP/1.1 on a bare asyncio connection: what a load is made with, so that little of the time is the client's own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Told:
    """One event of a stream: its id, its JSON, and when it was here (seconds since 1970)."""

    id: int
    data: dict[str, Any]
    here: float


@dataclass
class Wire:
    """One connection that is kept open from request to request."""

    url: str
    token: str
    _reader: asyncio.StreamReader = field(init=False)
    _writer: asyncio.StreamWriter = field(init=False)

    async def __aenter__(self) -> Wire:
        parts = urlsplit(self.url)
        self._reader, self._writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**22)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()

    def drop(self) -> None:
        """Ends the connection without a word, as a network that goes away does."""
        self._writer.transport.abort()

    async def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        data = b"" if body is None else json.dumps(body).encode()
        await self._send(method, path, data, {"Content-Type": "application/json"} | (headers or {}))
        status, told = await self._head()
        if told.get("transfer-encoding") == "chunked":
            return status, b"".join([piece async for piece in self._chunks()])
        return status, await self._reader.readexactly(int(told.get("content-length", "0")))

    async def events(self, path: str, last_id: int | None = None) -> AsyncIterator[Told]:
        """The events of a stream, until it ends or the connection is dropped (ConnectionError, IncompleteReadError)."""
        headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
        await self._send("GET", path, b"", {"Accept": "text/event-stream"} | headers)
        status, _ = await self._head()
        if status != 200:
            raise RuntimeError(f"{path} answered {status}, wanted 200")
        text = b""
        async for piece in self._chunks():
            text += piece.replace(b"\r\n", b"\n")
            *whole, text = text.split(b"\n\n")
            here = time.time()
            for block in whole:
                fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line and line[:1] != b":")
                if b"data" in fields:
                    yield Told(int(fields[b"id"]), json.loads(fields[b"data"]), here)

    async def _send(self, method: str, path: str, data: bytes, headers: dict[str, str]) -> None:
        told = {"Host": urlsplit(self.url).netloc, "Authorization": f"Bearer {self.token}"} | headers
        told["Content-Length"] = str(len(data))
        lines = [f"{method} {path} HTTP/1.1", *(f"{key}: {value}" for key, value in told.items()), "", ""]
        self._writer.write("\r\n".join(lines).encode() + data)
        await self._writer.drain()

    async def _head(self) -> tuple[int, dict[str, str]]:
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split()[1]), {key.lower(): value.strip() for key, _, value in pairs}

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (length := int((await self._reader.readline()).split(b";")[0] or b"0", 16)) > 0:
            piece = await self._reader.readexactly(length + 2)
            yield piece[:-2]
        await self._reader.readline()
