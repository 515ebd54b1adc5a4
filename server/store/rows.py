"""What is read from the store: one frozen dataclass for each table that others see. Times are seconds since 1970."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from server.models import JobState
from server.problem import ProblemDict

EventKind = Literal["state", "progress", "removed"]


@dataclass(frozen=True)
class NewRow:
    """A job to be: everything about it was checked, and `full_settings` is the whole tree as to_dict gives it."""

    sketch: str
    name: str
    prompt: str
    preset: str
    seed: int
    settings: dict[str, Any]
    full_settings: dict[str, Any]
    priority: int = 0


@dataclass(frozen=True)
class JobRow:
    """A job as it stands.

    `rank` orders the queue within a priority, lowest first. `attempt` counts the starts and is the fence of every
    write by one; `strikes`, the starts lost since the last new checkpoint. `preview` is a path in the folder of the
    current attempt; `result_attempt` and `checkpoint_attempt` tell whose folder holds the result or a checkpoint.
    """

    id: str
    state: JobState
    sketch: str
    name: str
    prompt: str
    preset: str
    seed: int
    settings: dict[str, Any]
    full_settings: dict[str, Any]
    priority: int
    rank: float
    batch: str | None
    attempt: int
    strikes: int
    stage: str | None
    step: int
    total: int
    seconds_left: float | None
    fraction: float
    loss: float | None
    error: ProblemDict | None
    warnings: list[str]
    created: float
    started: float | None
    finished: float | None
    preview: str | None
    result_attempt: int | None
    checkpoint_attempt: int | None
    lease_until: float | None
    worker: str | None


@dataclass(frozen=True)
class UploadRow:
    """A sketch on the disk: `main` is the file to read, relative to `folders.upload(sha256)`."""

    sha256: str
    name: str
    suffix: str
    main: str
    bytes: int
    vertices: int
    faces: int
    notes: list[str]
    created: float


@dataclass(frozen=True)
class BatchRow:
    """Jobs handed in together; `jobs` are their ids in the manifest's order (empty in a list of batches)."""

    id: str
    name: str
    created: float
    counts: dict[JobState, int]
    jobs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EventRow:
    """One line of the event stream; the fields are those of models.Event, `preview` as in JobRow."""

    id: int
    job: str
    kind: EventKind
    time: float
    state: JobState | None = None
    stage: str | None = None
    step: int | None = None
    total: int | None = None
    seconds_left: float | None = None
    fraction: float | None = None
    loss: float | None = None
    preview: str | None = None
    warnings: list[str] = field(default_factory=list)
    error: ProblemDict | None = None


JOB_COLUMNS = ", ".join(f.name for f in fields(JobRow))
EVENT_COLUMNS = ", ".join(f.name for f in fields(EventRow))
JSON_FIELDS = ("settings", "full_settings", "error", "warnings", "notes")


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    """The row's values, JSON read."""
    values = dict(row)
    for name in JSON_FIELDS:
        if values.get(name) is not None:
            values[name] = json.loads(values[name])
    return values


def job_row(row: sqlite3.Row) -> JobRow:
    """From a SELECT of JOB_COLUMNS."""
    return JobRow(**_plain(row))


def upload_row(row: sqlite3.Row) -> UploadRow:
    """From a SELECT * of uploads."""
    return UploadRow(**_plain(row))


def event_row(row: sqlite3.Row) -> EventRow:
    """From a SELECT of EVENT_COLUMNS."""
    values = _plain(row)
    values["warnings"] = values["warnings"] or []
    return EventRow(**values)
