"""What the server tells of a job, taken over into ours."""

from __future__ import annotations

import time
from typing import Any

from .job import OVER, Job, Phase

# The server's state as a phase. What is done there still has to come here.
PHASES: dict[str, Phase] = {
    "queued": "queued",
    "running": "running",
    "cancelling": "cancelling",
    "cancelled": "cancelled",
    "failed": "failed",
    "dead": "dead",
    "done": "fetching",
}
TOLD = ("stage", "step", "total", "seconds_left", "fraction", "preview")


def take_job(job: Job, told: dict[str, Any]) -> bool:
    """`told` is the server's whole job (server's model Job). Whether it was news that the job is done."""
    job.id, job.name = told["id"], job.name or told["name"]
    for name in TOLD:
        setattr(job, name, told[name])
    job.told, job.place = time.time(), told["place"]
    add_warnings(job, told["warnings"])
    return _take_state(job, told["state"], told["error"])


def take_event(job: Job, event: dict[str, Any]) -> bool:
    """`event` is one of the server's stream (server's model Event, without the fields that are none). Whether it was
    news that the job is done."""
    if event["kind"] == "removed":
        job.phase = "lost" if job.phase not in OVER else job.phase
        return False
    add_warnings(job, event.get("warnings", []))
    if event["kind"] == "warning":
        return False
    if event["kind"] == "progress":
        for name in TOLD:
            if event.get(name) is not None:
                setattr(job, name, event[name])
        job.told, job.place = time.time(), None
        return False
    return _take_state(job, event["state"], event.get("error"))


def add_warnings(job: Job, warnings: list[str]) -> None:
    """Beside those that are known, of the sketch's way to the server too."""
    job.warnings += [each for each in warnings if each not in job.warnings]


def _take_state(job: Job, state: str, error: dict[str, str] | None) -> bool:
    if job.phase in ("fetching", "ready", "done"):
        return False  # what is heard twice, or late
    phase = PHASES[state]
    if phase == "fetching":
        job.finished = time.time()
    elif phase in OVER:
        job.finished = job.finished or time.time()
    job.phase, job.trouble = phase, error
    return phase == "fetching"
