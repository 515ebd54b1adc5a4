"""A server that says exactly what a test wants, byte for byte: what a real one says only when it is broken."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Answer = Callable[[socket.socket, bytes], None]  # the connection, and the request's head


class RawServer:
    """`heads` are the requests that came, up to their bodies; `connections` counts those that were opened."""

    def __init__(self, answers: tuple[Answer, ...], tls: ssl.SSLContext | None = None) -> None:
        self._answers, self._tls = answers, tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.heads: list[bytes] = []
        self.connections = 0
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it, and the connections that are open."""
        # A blocked accept is not woken by close alone.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._open:
            connection.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # closed
                return
            self.connections += 1
            answer = self._answers[min(self.connections, len(self._answers)) - 1]
            threading.Thread(target=self._speak, args=(connection, answer), daemon=True).start()

    def _speak(self, connection: socket.socket, answer: Answer) -> None:
        self._open.append(connection)
        with suppress(OSError):  # the client hung up, or the test is over
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            head = b""
            while b"\r\n\r\n" not in head and (came := connection.recv(1)):
                head += came
            self.heads.append(head)
            if head:
                answer(connection, head)


@contextmanager
def raw_server(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """One answer a connection; the last one for all that come after."""
    server = RawServer(answers, tls)
    try:
        yield server
    finally:
        server.close()


def text(status: str, body: str | bytes, kind: str = "application/json", *headers: str) -> Answer:
    """A whole answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(content)}", *headers, "", ""]
    return whole("\r\n".join(lines).encode() + content)


def said(status: str, **body: Any) -> Answer:
    """A JSON object."""
    return text(status, json.dumps(body))


def whole(content: bytes) -> Answer:
    """These bytes, and the end."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    return answer


def then_silence(content: bytes) -> Answer:
    """These bytes, and nothing more; the connection stays open, and nothing is read from it."""

    def answer(connection: socket.socket, head: bytes) -> None:
        connection.sendall(content)

    return answer


def then_reset(content: bytes, after: int = 0) -> Answer:
    """Reads so many bytes of the body, sends these, and breaks the connection off as a killed process's system does."""

    def answer(connection: socket.socket, head: bytes) -> None:
        left = after
        while left > 0 and (came := connection.recv(min(left, 65536))):
            left -= len(came)
        connection.sendall(content)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return answer
