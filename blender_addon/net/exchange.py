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
from .failure import as_trouble
from .stoppable_socket import StoppableSocket


@dataclass(frozen=True)
class Endpoint:
    """To which server, and with how much patience: seconds to connect, and seconds without a byte."""

    url: str
    fingerprint: str
    timeout: float
    silence: float


@contextmanager
def exchange(
    endpoint: Endpoint,
    method: str,
    path: str,
    headers: dict[str, str],
    pieces: Iterable[bytes],
    stop: threading.Event,
    thinking: float = 0.0,
) -> Iterator[http.client.HTTPResponse]:
    """Sends the request and gives the answer, whose body is read in the block. `thinking`: seconds that the server
    may take longer for its answer. Errors of the block are told as the connection's. Raises Trouble."""
    with as_trouble(endpoint.url):
        channel = StoppableSocket(_dial(endpoint), endpoint.silence, stop)
        try:
            connection = http.client.HTTPConnection(urlsplit(endpoint.url).hostname or "", port_of(endpoint.url))
            connection.sock = channel  # type: ignore[assignment]
            connection.putrequest(method, path, skip_host=True)
            host = re.sub("%[^]]*", "", urlsplit(endpoint.url).netloc)  # without a zone, which is this computer's
            connection.putheader("Host", host)
            for name, value in {**headers, "Connection": "close"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            _send(channel, pieces)
            channel.silence = endpoint.silence + thinking
            answer = connection.getresponse()
            channel.silence = endpoint.silence
            yield answer
        finally:
            channel.hang_up()


def _dial(endpoint: Endpoint) -> socket.socket:
    if endpoint.url.startswith("https:"):
        return certificate.connect(endpoint.url, endpoint.fingerprint, endpoint.timeout)
    host = urlsplit(endpoint.url).hostname or ""
    channel = socket.create_connection((host, port_of(endpoint.url)), endpoint.timeout)
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return channel


def _send(channel: StoppableSocket, pieces: Iterable[bytes]) -> None:
    """Until all is sent, or the server has answered before: it refuses what is too large without reading it."""
    try:
        for piece in pieces:
            if channel.has_answer():
                return
            channel.sendall(piece)
    except (BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
        return  # its answer may have come; where not, reading it tells
