"""One question to a server and its answer, on a connection of its own: no proxies, no redirects."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import certificate
from .address import port_of
from .failure import told
from .wire import Wire


@dataclass(frozen=True)
class Line:
    """To which server, and with how much patience: seconds to connect, and seconds without a byte."""

    url: str
    fingerprint: str
    timeout: float
    silence: float


@contextmanager
def exchange(
    line: Line,
    method: str,
    path: str,
    headers: dict[str, str],
    pieces: Iterable[bytes],
    stop: threading.Event,
    thinking: float = 0.0,
) -> Iterator[http.client.HTTPResponse]:
    """Sends the request and gives the answer, whose body is read in the block. `thinking`: seconds that the server
    may take longer for its answer. Errors of the block are told as the connection's. Raises Trouble."""
    with told(line.url):
        wire = Wire(_dial(line), line.silence, stop)
        try:
            connection = http.client.HTTPConnection(urlsplit(line.url).hostname or "", port_of(line.url))
            connection.sock = wire  # type: ignore[assignment]
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", re.sub("%[^]]*", "", urlsplit(line.url).netloc))  # a zone is this computer's
            for name, value in {**headers, "Connection": "close"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            _send(wire, pieces)
            wire.silence = line.silence + thinking
            answer = connection.getresponse()
            wire.silence = line.silence
            yield answer
        finally:
            wire.hang_up()


def _dial(line: Line) -> socket.socket:
    if line.url.startswith("https:"):
        return certificate.connect(line.url, line.fingerprint, line.timeout)
    host = urlsplit(line.url).hostname or ""
    channel = socket.create_connection((host, port_of(line.url)), line.timeout)
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return channel


def _send(wire: Wire, pieces: Iterable[bytes]) -> None:
    """Until all is sent, or the server has answered before: it refuses what is too large without reading it."""
    try:
        for piece in pieces:
            if wire.has_answer():
                return
            wire.sendall(piece)
    except (BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
        return  # its answer may have come; where not, reading it tells
