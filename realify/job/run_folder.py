"""The run folder: the names of what lies in it, and job.json and settings.json, from which `realify run --resume` goes
on. Without torch: who only looks for the files needs none."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realify.job.atomic import write_atomic
from realify.setting import SettingsError
from realify.settings import Settings, from_dict, to_dict

NAME = "job.json"
SETTINGS, LOG = "settings.json", "log.txt"
CHECKPOINT = "checkpoint.pt"
PREVIEWS = "previews"  # a folder of pictures
RESULT, SHEET, TURNTABLE = "result.glb", "sheet.png", "turntable.webp"


@dataclass(frozen=True)
class Job:
    """A sketch, a sentence, the settings, and where the result goes (absolute paths)."""

    sketch: Path
    prompt: str
    out: Path
    settings: Settings


def save_job(folder: Path, job: Job) -> None:
    """Makes the folder where it is missing and writes job.json and settings.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / SETTINGS, as_json(to_dict(job.settings)))
    about = {
        "sketch": str(job.sketch),
        "sketch_sha256": _sha256(job.sketch),
        "prompt": job.prompt,
        "out": str(job.out),
    }
    write_atomic(folder / NAME, as_json(about))


def load_job(folder: Path) -> Job:
    """What `save_job` wrote. Raises SettingsError: no run in the folder, or the sketch gone or changed."""
    if not (folder / NAME).exists():
        raise SettingsError(f"{folder} holds no run.", "Give the folder that the interrupted run named.")
    about = json.loads((folder / NAME).read_text(encoding="utf-8"))
    settings = from_dict(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    sketch = Path(about["sketch"])
    if not sketch.exists():
        raise SettingsError(f"The run's sketch {sketch} is gone.", "Put it back, or start a new run.")
    if _sha256(sketch) != about["sketch_sha256"]:
        raise SettingsError(f"{sketch} has changed since the run began.", "Start a new run.")
    return Job(sketch, about["prompt"], Path(about["out"]), settings)


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Appends what the packages log to the folder's log.txt."""
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("realify", "sdf_fit", "distill")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def check_free(folder: Path, name: str, otherwise: str) -> None:
    """SettingsError for a folder that holds something, but no file of that `name`, as every run of a kind has. Its fix
    is to choose another of `otherwise`.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / name).exists():
        raise SettingsError(f"{folder} is not empty and holds no run.", f"Choose another {otherwise}.")


def as_json(values: object) -> bytes:
    """JSON for people to read."""
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
