"""What goes wrong on the way to a server, in plain sentences."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..trouble import Trouble

START = "Start the server there (`realify serve`), or correct the address in the preferences."
TLS = "If the server was started with --tls, its address begins with https://."


@contextmanager
def as_trouble(url: str) -> Iterator[None]:
    """Turns the errors of sockets, TLS and HTTP in its block into Trouble unreachable or not_realify."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise trouble_of(error, url) from error


def trouble_of(error: Exception, url: str) -> Trouble:
    """For an OSError or HTTPException that a connection to `url` raised."""
    host = urlsplit(url).hostname or ""
    if isinstance(error, socket.gaierror):
        return _unreachable(f"There is no computer called {host}, or no network.", START)
    if isinstance(error, ssl.SSLError):
        fix = "If the server was started without --tls, its address begins with http://."
        return _unreachable(f"What answers at {url} does not speak TLS as wanted: {_reason(error)}.", fix)
    if isinstance(error, ConnectionRefusedError):
        return _unreachable(f"No server answers at {url}.", START)
    if isinstance(error, TimeoutError):
        return _unreachable(f"{url} does not answer.", f"Look whether that computer is on and lets others in. {START}")
    if isinstance(error, ConnectionError):  # RemoteDisconnected too
        hint = f" {TLS}" if url.startswith("http:") else ""
        return _unreachable(f"{url} broke the connection off.", f"Try again; the server's log may say why.{hint}")
    if isinstance(error, http.client.IncompleteRead):
        return _unreachable(f"{url} broke the connection off in the middle of an answer.", "Try again.")
    if isinstance(error, http.client.HTTPException):
        return not_realify(url, f"its answer is no HTTP ({_reason(error)})", TLS)
    return _unreachable(f"{url} cannot be reached: {_reason(error)}.", "Look at the network of this computer.")


def not_realify(url: str, what: str, fix: str = "") -> Trouble:
    """Somebody else answers there."""
    message = f"What answers at {url} is not a Realify server: {what}."
    return Trouble("not_realify", message, f"Correct the address in the preferences. {fix}".strip())


def _unreachable(message: str, fix: str) -> Trouble:
    return Trouble("unreachable", message, fix)


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())[:200].rstrip(".")
