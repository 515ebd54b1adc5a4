"""The announcement on the network, found by a second zeroconf as a headset would find it."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from realify import __version__
from server import API_VERSION
from server.network.addresses import is_loopback, network_addresses, page_addresses
from server.network.announce import SERVICE, Announcement

HERE = [ip for ip in network_addresses("0.0.0.0") if ip.version == 4]
networked = pytest.mark.skipif(not HERE, reason="this machine is on no network")


class Listener:
    """What is on the network now: name → what it told."""

    def __init__(self) -> None:
        self.found: dict[str, AsyncServiceInfo] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            self.found.pop(name, None)
            return
        task = asyncio.ensure_future(self._ask(zeroconf, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE, name)
        if await info.async_request(zeroconf, 20_000):
            self.found[name] = info

    def ports(self) -> set[int | None]:
        return {info.port for info in self.found.values()}


async def until(condition, seconds: float = 60.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)


@networked
def test_a_server_is_found_and_gone_when_it_stops() -> None:
    async def run() -> None:
        watcher, listener = AsyncZeroconf(interfaces=[str(HERE[0])]), Listener()
        browser = AsyncServiceBrowser(watcher.zeroconf, SERVICE, handlers=[listener.on_change])
        first, second = Announcement("0.0.0.0", 41001, tls=True), Announcement(str(HERE[0]), 41002, tls=False)
        first.start()
        await until(lambda: 41001 in listener.ports())
        second.start()  # another server on this machine: its name is changed, both stay
        await until(lambda: {41001, 41002} <= listener.ports())
        by_port = {info.port: info for info in listener.found.values()}
        assert by_port[41001].decoded_properties == {"version": __version__, "api": str(API_VERSION), "tls": "1"}
        assert by_port[41002].decoded_properties["tls"] == "0"
        assert str(HERE[0]) in by_port[41001].parsed_addresses()
        await first.close()
        await until(lambda: 41001 not in listener.ports())
        assert 41002 in listener.ports()
        await second.close()
        await until(lambda: 41002 not in listener.ports())
        await browser.async_cancel()
        await watcher.async_close()

    asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_nothing_is_announced_on_loopback(host: str) -> None:
    async def run() -> None:
        announcement = Announcement(host, 41003, tls=False)
        before = asyncio.all_tasks()
        announcement.start()
        assert asyncio.all_tasks() == before
        await announcement.close()

    asyncio.run(run())
    assert is_loopback(host) and network_addresses(host) == [] and page_addresses(host, 8760, "http") == []


@networked
def test_addresses_to_open() -> None:
    everywhere = network_addresses("0.0.0.0")
    assert all(ip.version == 4 and not ip.is_loopback for ip in everywhere)
    assert set(everywhere) <= set(network_addresses("::"))
    assert page_addresses("0.0.0.0", 8760, "https")[0] == f"https://{everywhere[0]}:8760/"


def test_one_address_that_was_bound() -> None:
    assert network_addresses("192.0.2.5") == [ip_address("192.0.2.5")]
    assert page_addresses("fd00::5", 8760, "http") == ["http://[fd00::5]:8760/"]
