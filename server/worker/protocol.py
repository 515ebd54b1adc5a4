"""What the server and its workers say to each other: an order, the messages meanwhile, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from server.problem import ProblemDict

Ending = Literal["done", "stopped", "failed", "lost"]
Message = dict[str, Any]  # {"type": "event" | "checkpoint" | "ended", ...}, see docs/decisions/the-worker.md


@dataclass(frozen=True)
class Order:
    """One attempt at a job. `settings` is the whole tree as realify.settings.to_dict gives it; `sketch` a file;
    `name` what the result is called; `folder` the attempt's run folder, which may hold a checkpoint to go on from."""

    job_id: str
    attempt: int
    sketch: Path
    name: str
    prompt: str
    settings: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    done: the files are in the folder, flushed to disk. stopped: as was asked, with a checkpoint where there can be
    one. failed: `problem` is the job's own fault and would come again. lost: the worker died, ran out of memory or
    broke its GPU; `problem` says so, and another start may go better.
    """

    ending: Ending
    problem: ProblemDict | None = None


def order_to_dict(order: Order) -> dict[str, Any]:
    """Ready for JSON."""
    return asdict(order) | {"sketch": str(order.sketch), "folder": str(order.folder)}


def order_from_dict(values: dict[str, Any]) -> Order:
    """What `order_to_dict` made."""
    return Order(**{**values, "sketch": Path(values["sketch"]), "folder": Path(values["folder"])})
