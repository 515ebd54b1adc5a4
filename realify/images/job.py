"""A job in two dimensions as values: what was asked for, whether it can be, and its file in the run folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal
from unicodedata import category

from realify.job.atomic import write_atomic
from realify.job.run_folder import as_json

NAME = "image.json"
INPUT = "input.png"  # the picture that the run began with, square and of the prior's size
DONE = "result.json"  # in the folder of a run that reached its end
Task = Literal["text", "paint", "illusion"]
PARAMETERS = ("latent", "pixels")
FITS = ("crop", "pad")


class ImageError(ValueError):
    """A job that cannot be: `message` says what was got, `fix` what is wanted."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


@dataclass(frozen=True)
class ImageJob:
    """One picture (or `count` of them, or four on two films), with absolute paths. Raises ImageError.

    None is the prior's own default (steps, lr, guide) or nothing at all (view, background, picture). `constants` are a
    rule's numbers by name, as text. `picture`, `domain`, `fit` and `guide` are those of "paint", `brightness` of
    "illusion".
    """

    task: Task
    prompts: tuple[str, ...]
    out: Path
    rule: str = "bridge"
    parameters: str = "latent"
    steps: int | None = None
    lr: float | None = None
    seed: int = 0
    count: int = 1
    view: str | None = None
    background: str | None = None
    prior: str = "embedded"
    device: str = "auto"
    dtype: str = "auto"
    constants: Mapping[str, str] = field(default_factory=dict)
    enlarge: int = 1
    picture: Path | None = None
    domain: str = "painting"
    fit: str = "crop"
    guide: float | None = None
    brightness: float = 3.0

    def __post_init__(self) -> None:
        if self.out.suffix.lower() != ".png":
            raise ImageError(f"The result's name is {self.out}.", "It has to end in .png.")
        if self.out.is_dir():
            raise ImageError(f"{self.out} is a folder.", "Give the name of a file.")
        if self.picture is not None and self.picture == self.out:
            raise ImageError("The result would overwrite the picture.", "Give it another name with -o.")
        if not all(prompt.strip() for prompt in self.prompts):
            raise ImageError("A prompt is empty.", 'Say what the picture shows, as in "a photo of a red mushroom".')
        for prompt in (*self.prompts, self.domain):
            if any(category(letter) in ("Cc", "Cs") and not letter.isspace() for letter in prompt):
                raise ImageError(
                    f"{prompt!r} holds a control character, or bytes that are no UTF-8.", "Write it anew in plain text."
                )
        for name, low, high in (
            ("steps", 1, 1_000_000),
            ("lr", 1e-9, 1e3),
            ("seed", 0, 2**63 - 1),
            ("count", 1, 64),
            ("enlarge", 1, 16),
            ("brightness", 0.1, 100),
            ("guide", 0, 1),
        ):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise ImageError(f"--{name} is {value}.", f"It takes a number from {low:g} to {high:g}.")
        for name, known in (("parameters", PARAMETERS), ("fit", FITS)):
            if getattr(self, name) not in known:
                raise ImageError(f"--{name} is {getattr(self, name)!r}.", f"It takes {' or '.join(known)}.")

    @property
    def folder(self) -> Path:
        """The run's folder: OUT.png.realify, beside the result."""
        return self.out.with_name(self.out.name + ".realify")


def save_job(folder: Path, job: ImageJob) -> None:
    """Makes the folder where it is missing and writes image.json; a result of an earlier run is forgotten."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DONE).unlink(missing_ok=True)
    about = asdict(job) | {"out": str(job.out), "picture": str(job.picture) if job.picture else None}
    write_atomic(folder / NAME, as_json(about))


def load_job(folder: Path) -> ImageJob:
    """What `save_job` wrote. Raises ImageError: no run of pictures there, or one that is finished."""
    if not (folder / NAME).exists():
        raise ImageError(f"{folder} holds no run of `realify image`.", "Give the folder that the stopped run named.")
    if (folder / DONE).exists():
        raise ImageError(f"The run in {folder} is finished.", "Start a new one for another picture.")
    try:
        about: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
        about["prompts"], about["out"] = tuple(about["prompts"]), Path(about["out"])
        about["picture"] = Path(about["picture"]) if about["picture"] else None
        return ImageJob(**about)
    except (ValueError, TypeError, KeyError) as wrong:
        raise ImageError(f"{folder / NAME} cannot be read: {wrong}.", "Start a new run.") from wrong
