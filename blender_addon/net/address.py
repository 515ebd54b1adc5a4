"""Where a server is, as people write it, and as programs do."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote, urlsplit

from ..trouble import Trouble

PORT = 8760
DEFAULT = f"http://127.0.0.1:{PORT}"
FIX = f"Write it as http://HOST:PORT, like {DEFAULT} or https://box.local:{PORT}."
_SCHEME = re.compile(r"(https?)(?::/+)|([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what a server binds to is nothing to connect to


def normalised(text: str) -> tuple[str, str]:
    """(`scheme://host[:port]`, the token of a pasted `#token=…` or "").

    Without scheme and port it is HTTP on 8760; what comes after the port, as of a page's address, is left out.
    Raises Trouble bad_address.
    """
    plain, _, fragment = text.strip().strip("<>\"'").strip().partition("#")
    scheme = _SCHEME.match(plain)
    if scheme and scheme[2]:
        raise Trouble("bad_address", f"A server is reached by http or https, not by {_short(scheme[2])}.", FIX)
    rest = plain[scheme.end() :] if scheme else plain
    authority = re.split(r"[/?]", rest, maxsplit=1)[0].strip()
    host, port = _split(authority, text)
    if port is None and scheme is None:
        port = PORT
    shown = f"[{host}]" if ":" in host else host
    url = f"{scheme[1].lower() if scheme else 'http'}://{shown}" + (f":{port}" if port is not None else "")
    return url, unquote(fragment[6:]).strip() if fragment.startswith("token=") else ""


def is_loopback(url: str) -> bool:
    """Whether a normalised address is this computer's own, so that nothing sent there travels over a network."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def same_place(one: str, other: str) -> bool:
    """Whether two normalised addresses lead to the same server, by whatever name this computer calls itself."""
    a, b = urlsplit(one), urlsplit(other)
    same_host = a.hostname == b.hostname or (is_loopback(one) and is_loopback(other))
    return same_host and a.scheme == b.scheme and port_of(one) == port_of(other)


def port_of(url: str) -> int:
    """A normalised address's port, written or not."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _split(authority: str, text: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `v6`, `[v6]` or `[v6]:port`."""
    if not authority:
        raise Trouble("bad_address", f"There is no host in the server's address {_short(text)}.", FIX)
    if authority.count(":") > 1 and not authority.startswith("["):
        authority = f"[{authority}]"
    match = re.fullmatch(r"(\[[^\]]*\]|[^:@\[\]]*)(?::(.*))?", authority)
    if match is None:
        raise Trouble("bad_address", f"{_short(text)} is no address of a server.", FIX)
    port = match[2] or None
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise Trouble("bad_address", f"{_short(port)} is no port: it is a number from 1 to 65535.", FIX)
    host = _host(match[1], text)
    return _EVERYWHERE.get(host, host), int(port) if port is not None else None


def _host(host: str, text: str) -> str:
    """In small ASCII letters, as it goes over the wire; an IPv6 address without its brackets."""
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        name = host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()
    except ValueError as error:  # UnicodeError is one too
        raise Trouble("bad_address", f"{_short(host)} is no host: {error}.", FIX) from error
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise Trouble("bad_address", f"{_short(host)} in {_short(text)} is no host.", FIX)
    return name


def _short(text: str) -> str:
    """For a message; without the token."""
    plain = text.partition("#")[0]
    return repr(plain if len(plain) <= 60 else plain[:60] + "…")
