"""The real pipeline as a worker runs it: one attempt, in its folder, with the prior kept warm."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from distill.precision import choose_device
from realify import pipeline
from realify.job.checkpoint import CheckpointError, discard_checkpoint
from realify.job.errors import is_own
from realify.job.events import Event
from realify.settings import Settings, from_dict
from server.problem import ProblemDict
from server.worker.faults import explain
from server.worker.protocol import Message, Order
from server.worker.result_files import settle
from server.worker.warm_prior import WarmPrior

log = logging.getLogger("realify")


@dataclass
class Warm:
    """What stays between jobs: the prior, on the device `chosen` that this worker was given."""

    chosen: str
    device: str
    problem: ProblemDict | None = None
    prior: WarmPrior = field(default_factory=WarmPrior)


def warm_up(prior: str, device: str) -> Warm:
    """Loads a prior ("": none) as a job with the standard settings would. One that is missing is only told: other
    jobs may name others. Raises DeviceError."""
    where = choose_device(device)
    warm = Warm(device, torch.cuda.get_device_name(where) if where.type == "cuda" else where.type)
    if prior:
        wanted = Settings().prior
        try:
            warm.prior.load(prior, str(where), wanted.dtype)
        except Exception as error:
            if not is_own(error):
                raise
            warm.problem = explain(error)[1]
    return warm


def run(order: Order, tell: Callable[[Message], None], should_stop: Callable[[], bool], warm: Warm) -> None:
    """One attempt; its files are in the folder under the artefacts' names, flushed to disk. The checkpoint stays:
    the result is not published yet. Raises Stopped and what realify.pipeline.run raises."""
    settings = from_dict(order.settings)
    if settings.device == "auto":
        settings = replace(settings, device=warm.chosen)

    def on_event(event: Event) -> None:
        tell({"type": "event", **event.as_dict()})

    def attempt() -> None:
        pipeline.run(
            order.sketch,
            order.prompt,
            settings,
            order.folder,
            on_event,
            should_stop,
            name=order.name,
            load=warm.prior.load,
            on_checkpoint=lambda: tell({"type": "checkpoint"}),
            keep_checkpoint=True,
        )

    try:
        attempt()
    except CheckpointError as error:  # of another version, or hurt by the disk: the job itself is sound
        log.warning("%s The job starts over.", error.message)
        discard_checkpoint(order.folder)
        attempt()
    settle(order.folder)
