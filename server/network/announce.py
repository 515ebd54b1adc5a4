"""Tells the own network that a server is here, so that a headset or Blender finds it (`_realify._tcp`). The only file
that knows zeroconf. What it tells is no secret: name, port, version, and whether it speaks TLS."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address

import structlog
from zeroconf import Error, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from realify import __version__
from server import API_VERSION
from server.network.addresses import is_loopback, local_name, network_addresses

SERVICE = "_realify._tcp.local."
Address = IPv4Address | IPv6Address


class Announcement:
    """One server's entry, from `start` to `close`. A network that cannot carry it is told in the log and no more:
    the server works without. `watch` is how often, in seconds, it is looked whether the addresses are still these."""

    def __init__(self, host: str, port: int, tls: bool, watch: float = 60.0) -> None:
        self.host, self.port, self.tls, self.watch = host, port, tls, watch
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to announce, behind; not for a server on loopback alone."""
        if not is_loopback(self.host):
            self._task = asyncio.get_running_loop().create_task(self._keep_announced())

    async def close(self) -> None:
        """Takes the entry back."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_announced(self) -> None:
        while True:
            try:
                await self._announce_while(await asyncio.to_thread(network_addresses, self.host))
            except (OSError, Error, RuntimeError) as error:
                structlog.get_logger().warning("the network does not carry the announcement", reason=repr(error))
                await asyncio.sleep(self.watch)

    async def _announce_while(self, addresses: list[Address]) -> None:
        """Announces until the addresses are others."""
        if not addresses:  # no network now
            await asyncio.sleep(self.watch)
            return
        # On the networks that are served and no others; by IPv4 where there is any, which every device speaks.
        zeroconf = AsyncZeroconf(interfaces=[str(ip) for ip in addresses if ip.version == addresses[0].version])
        try:
            await (await zeroconf.async_register_service(self._info(addresses), allow_name_change=True))
            while await asyncio.to_thread(network_addresses, self.host) == addresses:
                await asyncio.sleep(self.watch)
        finally:
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()

    def _info(self, addresses: list[Address]) -> ServiceInfo:
        name = socket.gethostname().partition(".")[0] or "this machine"
        return ServiceInfo(
            SERVICE,
            f"Realify on {name}.{SERVICE}",
            addresses=[ip.packed for ip in addresses],
            port=self.port,
            properties={"version": __version__, "api": str(API_VERSION), "tls": "1" if self.tls else "0"},
            server=f"{local_name()}.",
        )
