"""What travels over HTTP, as JSON: /docs is drawn from these."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

JobState = Literal["queued", "running", "cancelling", "cancelled", "failed", "done", "dead"]
STATES: tuple[JobState, ...] = ("queued", "running", "cancelling", "cancelled", "failed", "done", "dead")
FINISHED: tuple[JobState, ...] = ("cancelled", "failed", "done", "dead")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")]
Setting = str | int | float | bool | None
NAME_LETTERS = 200  # of a job's name or a batch's, at most
_CONTROL_CODES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # and halves of letters


def _letters_alone(text: str) -> str:
    if _CONTROL_CODES.search(text):
        raise PydanticCustomError("control_codes", "It should hold letters, no control codes")
    return text


Words = Annotated[str, AfterValidator(_letters_alone)]


class Strict(BaseModel):
    """Refuses fields it does not know, so that a typo is told and not ignored."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(BaseModel):
    """Every error, whatever its status; `message` says what came and what was wanted, `fix` how to mend it."""

    code: str
    message: str
    fix: str


class Upload(BaseModel):
    """A sketch that is stored and was parsed."""

    sha256: Sha256
    name: str
    bytes: int
    vertices: int
    faces: int
    notes: list[str] = []


class NewJob(Strict):
    """A sketch that was uploaded, a sentence, and what is to differ from the preset."""

    sketch: Sha256
    prompt: Words = Field(min_length=1, description="What it is, in a sentence.")
    preset: str = "standard"
    seed: int | None = Field(None, description="Every random draw comes from it; none: the preset's.")
    settings: dict[str, Setting] = Field({}, description="Dotted keys as in GET /v1/options.")
    name: Annotated[Words, Field(max_length=NAME_LETTERS)] | None = Field(
        None, description="What the result is called; else the upload's name."
    )
    priority: int = Field(0, ge=-100, le=100, description="The higher go first.")


class Job(BaseModel):
    """One job as it stands. Times are seconds since 1970."""

    id: JobId
    state: JobState
    stage: str | None = Field(None, description="read, fit, stage1, stage2, sample, bake or export")
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    fraction: float = Field(0.0, description="How much of the job is done, by time, 0 to 1.")
    loss: float | None = None
    error: ErrorBody | None = None
    warnings: list[str] = []
    sketch: Sha256
    name: str
    prompt: str
    preset: str
    seed: int
    settings: dict[str, Setting] = Field({}, description="What was given beside the preset.")
    priority: int = 0
    place: int | None = Field(None, description="Jobs in front of it in the queue; none unless queued.")
    batch: str | None = None
    attempt: int = 0
    created: float
    started: float | None = None
    finished: float | None = None
    preview: str | None = Field(None, description="Address of the newest preview.")
    artefacts: list[str] = Field([], description="Names under /v1/jobs/{id}/artefacts/ that are there now.")


class JobList(BaseModel):
    """A page of jobs, newest first; `next` goes into `after` for the next page."""

    jobs: list[Job]
    next: str | None = None


class Event(BaseModel):
    """What an event stream carries as `data`; `id` is the stream's event id.

    kind "state": the job's state changed. "progress": stage, step, total, seconds_left, fraction, loss, preview.
    "removed": the job is gone. `warnings` are those that are new.
    """

    id: int
    job: JobId
    kind: Literal["state", "progress", "removed"]
    time: float
    state: JobState | None = None
    stage: str | None = None
    step: int | None = None
    total: int | None = None
    seconds_left: float | None = None
    fraction: float | None = None
    loss: float | None = None
    preview: str | None = None
    warnings: list[str] = []
    error: ErrorBody | None = None


class Priority(Strict):
    """Where a queued job goes: a priority, or before another queued job (its priority is then taken over)."""

    priority: int | None = Field(None, ge=-100, le=100)
    before: JobId | None = None


class Queue(BaseModel):
    """Whether jobs are started, and how many are in each state."""

    paused: bool
    counts: dict[JobState, int]


class Batch(BaseModel):
    """Many jobs handed in together."""

    id: str
    name: str
    created: float
    counts: dict[JobState, int]
    jobs: list[JobId] = []


class Problem422(ErrorBody):
    """A manifest whose lines are wrong: nothing of it was taken."""

    lines: list[str] = []


class SettingRow(BaseModel):
    """One setting as a form shows it (docs/settings.md)."""

    key: str
    type: Literal["bool", "int", "float", "str"]
    optional: bool
    default: Setting
    range: tuple[float, float] | None
    choices: list[Setting] | None
    help: str


class PriorOption(BaseModel):
    """A prior that a job may name."""

    name: str
    title: str
    ready: bool = Field(description="Whether its files are on the server's disk.")


class Options(BaseModel):
    """What page and panel are drawn from."""

    presets: dict[str, dict[str, Setting]] = Field(description="Each preset's values that differ from standard's.")
    priors: list[PriorOption]
    backends: list[str]
    settings: list[SettingRow]
    formats: list[str]
    limits: dict[str, int]


class Version(BaseModel):
    """For a client's handshake: it goes on if `api` is the number that it knows."""

    name: Literal["realify"] = "realify"
    version: str
    api: int


class PairRequest(Strict):
    """The six digits that the server's own screen shows."""

    code: str = Field(pattern=r"^[0-9]{6}$")


class Token(BaseModel):
    """For `Authorization: Bearer`."""

    token: str


class PairCode(BaseModel):
    """A code for another device; `seconds` until it expires."""

    code: str
    seconds: float
    addresses: list[str] = Field([], description="Where another device finds the server's page; none on loopback.")
    fingerprint: str | None = Field(None, description="SHA-256 of the certificate, as a browser's warning shows it.")


class Health(BaseModel):
    """`ok`, or what keeps the server from taking jobs."""

    ok: bool
    reason: str | None = None
    workers: list[dict[str, Any]] = []
