"""The socket, and uvicorn on it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from server.network.instance import StartError


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on that address. Raises StartError where it cannot be had."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
    except OSError as error:
        raise StartError(f"The host {host!r} is no address of this machine: {error}.", "Try 127.0.0.1.") from error
    # With the protocol's number: only then does asyncio send small answers at once (TCP_NODELAY), and not 40 ms late.
    with socket.socket(family, kind, protocol) as listening:
        # On Windows this option would let two servers share the port.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(2048)
        except OSError as error:
            raise StartError(
                f"Nothing can be served on {host}, port {port}: {error.strerror}.",
                "Another program may have the port: give another --port (0: any free one).",
            ) from error
        yield listening


class Server(uvicorn.Server):
    """uvicorn's, which says when it answers, ends the event streams before it waits for open answers, and lets the
    caller clean up after a signal (uvicorn would raise it once more)."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_stop = on_ready, on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGBREAK] if sys.platform == "win32" else [])]
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
