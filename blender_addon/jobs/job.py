"""One job, from the click to the result on the sketch, as it is kept: in memory, in the .blend file, on the disk.

The server knows nothing of Blender and Blender may be closed while it works, so a job holds all that is needed to
put its result in its place: which sketch, and where that stood.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass, field
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

Phase = Literal[
    "preparing",  # the sketch becomes a GLB, on this computer
    "sending",
    "queued",
    "running",
    "cancelling",
    "fetching",  # done on the server; the result is downloaded and made ready here
    "ready",  # waits to be put into the scene
    "done",  # was put into the scene
    "failed",
    "dead",  # the server gave it up after three starts
    "cancelled",
    "lost",  # the server does not know it
]
HERE: tuple[Phase, ...] = ("preparing", "sending")  # before the server has it
THERE: tuple[Phase, ...] = ("queued", "running", "cancelling")  # on the server
OVER: tuple[Phase, ...] = ("done", "failed", "dead", "cancelled", "lost")
BROKEN: tuple[Phase, ...] = ("failed", "dead", "cancelled", "lost")  # can be tried again

IDENTITY = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@dataclass
class Job:
    """Times are seconds since 1970. `sketch_id` and `members` are `Object.realify.uid` of objects, which outlive
    renaming, saving and undo; `matrix` (4 x 4 by rows) is the sketch's to the world and `origin` the point of the
    world (metres, Z up) that is the exported file's (0, 0, 0), both when it was sent."""

    name: str
    prompt: str
    preset: str = "standard"
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)  # the submit's Idempotency-Key
    sketch_id: str = ""
    members: list[str] = field(default_factory=list)  # all objects of the sketch, the first one too
    names: list[str] = field(default_factory=list)  # theirs when it was sent, for a file that was not saved after it
    scene: str = ""
    file: str = ""  # the .blend file; empty: never saved
    matrix: tuple[float, ...] = IDENTITY
    origin: tuple[float, ...] = (0.0, 0.0, 0.0)
    phase: Phase = "preparing"
    id: str | None = None  # the server's
    stage: str | None = None
    step: int = 0
    total: int = 0
    seconds_left: float | None = None
    fraction: float = 0.0  # of the server's work that is done
    told: float = field(default_factory=time.time)  # when seconds_left was true
    place: int | None = None  # jobs in front of it
    trouble: dict[str, str] | None = None
    warnings: list[str] = field(default_factory=list)
    preview: str | None = None  # the server's address of the newest one
    created: float = field(default_factory=time.time)
    finished: float | None = None
    was_imported: bool = False  # so that an undone import is not made again by itself

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Job:
        """What `as_dict` gave; fields of another version are left out. Raises TypeError and ValueError for what is no
        job, a phase of another version among it."""
        if not isinstance(kept, dict):
            raise TypeError(f"it is {kept!r:.80}; a job is an object with a name and a prompt")
        hints = get_type_hints(cls)
        known = {name: value for name, value in kept.items() if name in hints}
        for name, value in known.items():
            if not _fits(value, hints[name]):
                raise ValueError(f"its {name} is {value!r:.80}, which is no {cls.__annotations__[name]}")
        job = cls(**known)
        job.matrix, job.origin = tuple(job.matrix), tuple(job.origin)
        if (len(job.matrix), len(job.origin)) != (len(IDENTITY), 3) or len(job.members) != len(job.names):
            raise ValueError("its matrix wants 16 numbers, its origin 3, and each of its members a name")
        return job


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value as JSON gives it is of the kind; in tuples, lists and dicts all that is in them, too."""
    if hint is Any:
        return True
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is Literal:
        return value in inner
    if kind is UnionType:
        return any(_fits(value, each) for each in inner)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    if kind in (list, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(each, inner[0]) for each in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is kind
