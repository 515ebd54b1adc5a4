"""This machine's own addresses on its networks. The only file that knows ifaddr."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import ifaddr


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def network_addresses(host: str) -> list[IPv4Address | IPv6Address]:
    """Where a server bound to `host` is reached from other machines, IPv4 first; none on loopback.

    Link-local IPv6 addresses are left out: they need a zone, which browsers do not take.
    """
    if is_loopback(host):
        return []
    if host not in ("", "0.0.0.0", "::"):
        return [ip_address(text) for text in _resolved(host)]
    found: set[IPv4Address | IPv6Address] = set()
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            found.add(ip_address(each.ip if isinstance(each.ip, str) else each.ip[0]))
    own = [ip for ip in found if not (ip.is_loopback or ip.is_unspecified or (ip.version == 6 and ip.is_link_local))]
    return sorted((ip for ip in own if host != "0.0.0.0" or ip.version == 4), key=lambda ip: (ip.version, int(ip)))


def page_addresses(host: str, port: int, scheme: str) -> list[str]:
    """The same as URLs of the page."""
    shown = (f"[{ip}]" if ip.version == 6 else str(ip) for ip in network_addresses(host))
    return [f"{scheme}://{each}:{port}/" for each in shown]


def local_name() -> str:
    """This machine's name on its own network: HOST.local, in lower case."""
    label = re.sub("[^a-z0-9-]+", "-", socket.gethostname().partition(".")[0].lower()).strip("-")
    return f"{label or 'realify'}.local"


def certificate_names(host: str, declared: Iterable[str]) -> list[str]:
    """What a certificate has to name: the addresses and the local name of a server bound to `host`, and the names
    that were declared (as Hosts.names has them)."""
    return [*map(str, network_addresses(host)), local_name(), *declared]


def _resolved(host: str) -> list[str]:
    """A bind address as IP literals; a name is resolved as the server's socket does it."""
    infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos))
