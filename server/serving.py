"""A server from its configuration to its end: opens what it is made of, listens, tells where it is, and stops."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import uvicorn

from realify import __version__
from server.app import make_app
from server.config import ServerConfig
from server.folders import Folders
from server.network.addresses import certificate_names, page_addresses
from server.network.announce import Announcement
from server.network.instance import StartError, owned, tell_address
from server.network.listening import Server, bound
from server.safety.tls import Certificate, ensure_certificate, keep_fresh
from server.services import Services, open_services

GRACE_SECONDS = 5  # that an answer under way gets to be sent when the server stops


def run(config: ServerConfig, as_json: bool) -> None:
    """Serves until a signal. Raises StartError, StoreError, TokenError, HostNameError."""
    folders = Folders(config.data)
    folders.make()
    with owned(folders), bound(config.host, config.port) as listening:
        asyncio.run(_serve(config, folders, listening, as_json))


async def _serve(config: ServerConfig, folders: Folders, listening: socket.socket, as_json: bool) -> None:
    port = listening.getsockname()[1]
    url = local_url(config, port)
    services = open_services(config)

    def on_ready() -> None:
        # What is there now stays: to look through it again and again would halt every answer for 40 ms.
        gc.freeze()
        tell_address(folders, url)
        if as_json:
            _tell_program(url, folders)
        else:
            _tell_person(url, port, services, certificate)

    certificate = await asyncio.to_thread(_certificate, config, folders, services)
    settings = uvicorn.Config(
        make_app(services),
        ssl_certfile=certificate and certificate.cert,
        ssl_keyfile=certificate and certificate.key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(settings, on_ready, services.hub.close)
    async with _on_the_network(config, port, services, settings, certificate):
        await server.serve(sockets=[listening])
    if not server.started:
        raise StartError("The server did not start.", "The lines above say why.")


def _certificate(config: ServerConfig, folders: Folders, services: Services) -> Certificate | None:
    return ensure_certificate(folders.tls, certificate_names(config.host, services.hosts.names)) if config.tls else None


@asynccontextmanager
async def _on_the_network(
    config: ServerConfig, port: int, services: Services, settings: uvicorn.Config, certificate: Certificate | None
) -> AsyncIterator[None]:
    """Announces the server and keeps its certificate fresh while the block runs."""
    async with AsyncExitStack() as stack:
        if config.announce:
            announcement = Announcement(config.host, port, config.tls)
            announcement.start()
            stack.push_async_callback(announcement.close)
        if certificate is not None:
            settings.load()
            assert settings.ssl is not None
            names = partial(certificate_names, config.host, services.hosts.names)
            renewal = asyncio.create_task(keep_fresh(certificate, names, settings.ssl))
            stack.callback(renewal.cancel)
        yield


def local_url(config: ServerConfig, port: int) -> str:
    """Where programs on this machine find it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(config.host, config.host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if config.tls else 'http'}://{host}:{port}"


def _tell_program(url: str, folders: Folders) -> None:
    about = {"url": url, "data": str(folders.data), "token_file": str(folders.token), "version": __version__}
    print(json.dumps(about), flush=True)


def _tell_person(url: str, port: int, services: Services, certificate: Certificate | None) -> None:
    lines = [f"Realify {__version__} is at {url}", f"  page      {url}/#token={services.tokens.token}"]
    scheme = "https" if services.config.tls else "http"
    lines += [f"  network   {page}" for page in page_addresses(services.config.host, port, scheme)]
    if certificate is not None:
        lines.append(f"  SHA-256   {certificate.fingerprint}  (of the certificate, to compare in a browser's warning)")
    lines += [
        f"  token     {services.tokens.token}  (also in {services.folders.token})",
        "  another device: `realify pair` shows a code for it",
    ]
    print("\n".join(lines), flush=True)
