"""What a batch is made of: the sketches of a folder, or the lines of a manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from realify.setting import SettingsError
from server.artefacts import file_name
from server.jobs.manifest import Kind, ManifestError, parse_manifest
from server.models import NewJob, Words
from server.sketches.prompt_files import prompt_for
from server.sketches.watch_folder import FORMATS, scan

MANIFESTS: dict[str, Kind] = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass
class Item:
    """One job to be, and how far it is. `name` is its file's name in OUT, unlike every other item's."""

    name: str
    sketch: Path
    prompt: str
    preset: str
    seed: int | None = None
    priority: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    key: str = ""  # of its content, once the sketch was read
    job: str | None = None
    state: str = "waiting"
    seconds: float | None = None
    error: str = ""

    def line(self, sha256: str) -> dict[str, Any]:
        """As the server's manifest takes it."""
        line = {"sketch": sha256, "prompt": self.prompt, "preset": self.preset, "name": self.name}
        seed = {} if self.seed is None else {"seed": self.seed}
        return {**line, **seed, "priority": self.priority, "settings": self.settings}

    def key_with(self, sha256: str) -> str:
        """The same for the same work: a sketch or a wish that changed is another job."""
        return hashlib.sha256(json.dumps(self.line(sha256), sort_keys=True).encode()).hexdigest()


class FileJob(NewJob):
    """A line of a manifest on this machine: `sketch` is a path, and the prompt may be left to be found."""

    sketch: str = Field(min_length=1)
    prompt: Words = ""


@dataclass(frozen=True)
class Defaults:
    """What holds for every sketch whose line does not say otherwise."""

    prompt: str | None
    preset: str | None
    seed: int | None
    settings: dict[str, Any]


def items_of(source: Path, defaults: Defaults, leave_out: Path) -> list[Item]:
    """The items of a folder or a manifest. Raises SettingsError, ManifestError."""
    if source.is_dir():
        found = _of_folder(source, defaults, leave_out)
    elif source.suffix.lower() in MANIFESTS:
        found = _of_manifest(source, defaults)
    else:
        kinds = ", ".join(MANIFESTS)
        raise SettingsError(f"{source} is neither a folder nor a manifest.", f"A manifest ends in {kinds}.")
    for item, name in zip(found, unique_names([item.name for item in found]), strict=True):
        item.name = name
    return found


def _of_folder(folder: Path, defaults: Defaults, leave_out: Path) -> list[Item]:
    drawings = sorted(scan(folder, leave_out).items())
    if not drawings:
        raise SettingsError(f"{folder} holds no sketches.", f"They end in {', '.join(FORMATS)}.")
    preset = defaults.preset or "standard"
    return [
        _item(FileJob.model_construct(preset=preset), drawing.files[0], drawing.texts, defaults)
        for _, drawing in drawings
    ]


def _of_manifest(manifest: Path, defaults: Defaults) -> list[Item]:
    try:
        text = manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{manifest} cannot be read: {error}.", "Save it as UTF-8.") from error
    kind, preset = MANIFESTS[manifest.suffix.lower()], defaults.preset or "standard"
    jobs = parse_manifest(text, kind, FileJob, preset=preset)
    paths = {line: manifest.parent / job.sketch for line, job in jobs.items()}
    if wrong := [f"line {n}: There is no file {jobs[n].sketch}." for n, path in paths.items() if not path.is_file()]:
        message = f"{len(wrong)} sketches of {manifest} are missing."
        raise ManifestError(message, "Paths count from the manifest's folder.", wrong)
    return [_item(job, paths[line], [paths[line].with_suffix(".txt")], defaults) for line, job in jobs.items()]


def unique_names(names: list[str]) -> list[str]:
    """A file's name for each, no two alike on systems that take A for a."""
    seen: set[str] = set()
    unique = []
    for name in map(file_name, names):
        candidate, number = name, 2
        while candidate.casefold() in seen:
            candidate, number = f"{name}-{number}", number + 1
        seen.add(candidate.casefold())
        unique.append(candidate)
    return unique


def _item(job: FileJob, sketch: Path, texts: list[Path], defaults: Defaults) -> Item:
    """The manifest's own word goes first, then the .txt beside the sketch, then the command's, then the name."""
    said = any(text.is_file() for text in texts)
    return Item(
        name=job.name or sketch.stem,
        sketch=sketch,
        prompt=job.prompt or (defaults.prompt if defaults.prompt and not said else prompt_for(sketch.stem, texts)),
        preset=job.preset,
        seed=job.seed if job.seed is not None else defaults.seed,
        priority=job.priority,
        settings={**defaults.settings, **job.settings},
    )
