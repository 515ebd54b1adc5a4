"""What a running server is made of, as the routes get it."""

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
from server.sketches.intake import SketchIntake
from server.store.event_hub import EventHub
from server.store.store import Store


@dataclass(frozen=True)
class Services:
    """Live in one event loop, the one in which `open_services` made them."""

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
    intake: SketchIntake


def open_services(config: ServerConfig, executor: Executor | None = None) -> Services:
    """Opens the data folder; starts nothing yet (app.py does). To be called in the running loop, by the process that
    owns the folder. Raises StoreError, TokenError, HostNameError."""
    folders = Folders(config.data)
    hosts, tokens = Hosts(config.names), Tokens.open(folders.token)
    store = Store.open(folders)
    executor = executor or LocalExecutor(config)
    return Services(
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
        intake=SketchIntake(store, folders, SketchCheck(config.limits)),
    )


async def _services(request: Request) -> Services:
    return request.app.state.services


TheServices = Annotated[Services, Depends(_services)]
