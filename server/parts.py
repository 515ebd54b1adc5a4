"""All parts of a running server, as the routes get them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from server.config import ServerConfig
from server.folders import Folders
from server.jobs.dispatcher import Dispatcher
from server.jobs.executor import Executor
from server.jobs.local import LocalExecutor
from server.metrics import Metrics
from server.safety.hosts import Hosts
from server.safety.pairing import Pairing
from server.safety.tokens import Tokens
from server.sketches.check import SketchCheck
from server.store.event_hub import EventHub
from server.store.store import Store


@dataclass(frozen=True)
class Parts:
    """Live in one event loop, the one in which `open_parts` made them."""

    config: ServerConfig
    folders: Folders
    store: Store
    hub: EventHub
    executor: Executor
    dispatcher: Dispatcher
    tokens: Tokens
    pairing: Pairing
    hosts: Hosts
    metrics: Metrics
    check: SketchCheck


def open_parts(config: ServerConfig, executor: Executor | None = None) -> Parts:
    """Opens the data folder; starts nothing yet (app.py does). To be called in the running loop, by the process that
    owns the folder. Raises StoreError, TokenError, HostNameError."""
    folders = Folders(config.data)
    hosts, tokens = Hosts(config.names), Tokens.open(folders.token)
    store = Store.open(folders)
    executor = executor or LocalExecutor(config)
    return Parts(
        config=config,
        folders=folders,
        store=store,
        hub=EventHub(store, asyncio.get_running_loop()),
        executor=executor,
        dispatcher=Dispatcher(store, executor, folders, config),
        tokens=tokens,
        pairing=Pairing(),
        hosts=hosts,
        metrics=Metrics(),
        check=SketchCheck(config.limits),
    )


async def _parts(request: Request) -> Parts:
    return request.app.state.parts


TheParts = Annotated[Parts, Depends(_parts)]
