"""What a worker runs: a module with two functions. server.worker.job is the one; tests bring a fast one.

    warm_up(prior, device) -> Warm
        at the worker's start, before it says that it is ready; what is loaded once and kept
    run(order, tell, should_stop, warm)
        one attempt; tell({"type": "event" | "checkpoint", ...}) meanwhile; raises realify.job.events.Stopped
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from server.problem import ProblemDict
from server.worker.protocol import Message, Order


class Warm(Protocol):
    """What a worker keeps between jobs. `device` is what it works on, in words; `problem`: what could not be loaded."""

    device: str
    problem: ProblemDict | None


@dataclass(frozen=True)
class Pipeline:
    """The two functions."""

    warm_up: Callable[[str, str], Any]
    run: Callable[[Order, Callable[[Message], None], Callable[[], bool], Any], None]


def find_pipeline(name: str) -> Pipeline:
    """By MODULE:FUNCTION; `warm_up` stands in the same module."""
    module_name, _, function = name.partition(":")
    module = importlib.import_module(module_name)
    return Pipeline(module.warm_up, getattr(module, function))
