"""The names under which this server may be spoken to: the guard against DNS rebinding.

A page on evil.example can make its own name resolve to 127.0.0.1 and then counts, for the browser, as the origin of
whatever answers there. The browser still sends `Host: evil.example`. So only these names are answered, on every
request: IP literals and localhost (nobody can point them elsewhere), *.local (resolved by multicast on the own
network; no public DNS serves it), and the names the server was started with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from server.problem import Problem

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Authority:
    """Host and port of a URL or a Host header: lower case, no trailing dot, an IPv6 address compressed and without
    its brackets. `port` None: the scheme's own."""

    host: str
    port: int | None


class HostNameError(Exception):
    """A declared name is none."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


class Hosts:
    """The allow-list. `names` are those declared beside localhost, *.local and IP literals."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(declared_name(name) for name in names)

    def allows(self, host: str) -> bool:
        """Whether a parsed host is this server's. 0.0.0.0 and [::] are not: browsers let foreign pages reach the
        own machine by them."""
        if host == "localhost" or host.endswith(".local") or host in self.names:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return not (address.is_unspecified or address.is_multicast)

    def check(self, headers: list[str]) -> Authority:
        """The authority out of a request's Host headers. Raises Problem 400 for none, several or an ill-formed one,
        421 for a name that is not this server's."""
        fix = "Use the address that the server printed when it started."
        if len(headers) != 1:
            raise Problem(400, "bad_host", f"One Host header was wanted, {len(headers)} came.", fix)
        authority = parse_authority(headers[0])
        if authority is None:
            raise Problem(400, "bad_host", f"The Host header {_shown(headers[0])} is no host and port.", fix)
        if not self.allows(authority.host):
            raise Problem(
                421,
                "bad_host",
                f"This server does not go by the name {_shown(authority.host)}.",
                f"{fix} If the name is its own, start it with --name {authority.host[:80]}.",
            )
        return authority


def parse_authority(text: str) -> Authority | None:
    """`host`, `host:port`, `[v6]` or `[v6]:port`; None if it is anything else.

    One trailing dot of a name is dropped (it is the same name). Not taken: user@host, an empty host or port, spaces,
    lists, letters beyond ASCII (a browser sends them as xn--), IPv6 zones, and what only some resolvers take for an
    address (127.1, 0x7f000001).
    """
    match = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    host, port = match["host"], int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        return None
    if host.startswith("["):
        try:
            return Authority(str(IPv6Address(host[1:-1])), port)
        except ValueError:
            return None
    name = host.removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name) or (host != name and _is_number(name)):
        return None
    return Authority(name, port)


def declared_name(text: str) -> str:
    """A name as --name takes it, in the form in which browsers send it. Raises HostNameError."""
    try:
        name = text.strip().encode("idna").decode() if not text.isascii() else text.strip()
    except UnicodeError as error:
        raise HostNameError(f"{text!r} is no host name: {error}.", "Give the name alone, like box.example.") from error
    authority = parse_authority(name)
    if authority is None or authority.port is not None:
        raise HostNameError(f"{text!r} is no host name.", "Give the name alone, like box.example: no port, no *.")
    return authority.host


def _is_number(name: str) -> bool:
    """Whether a name's last label is a number, as an IPv4 address's is."""
    return name.rpartition(".")[2].isdigit()


def _shown(text: str) -> str:
    """A client's text, short and without control characters, for an error."""
    return ascii(text if len(text) <= 80 else text[:80] + "...")
