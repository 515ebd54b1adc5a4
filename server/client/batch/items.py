"""What a batch is made of: the sketches of a folder, or the lines of a manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realify.setting import SettingsError
from server.client.file_names import unique_names
from server.jobs.manifest import Kind, Line, ManifestError, parse_manifest
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


@dataclass(frozen=True)
class Wishes:
    """What holds for every sketch whose line does not say otherwise."""

    prompt: str | None
    preset: str | None
    seed: int | None
    settings: dict[str, Any]


def items_of(source: Path, wishes: Wishes, leave_out: Path) -> list[Item]:
    """The items of a folder or a manifest. Raises SettingsError, ManifestError."""
    if source.is_dir():
        found = _of_folder(source, wishes, leave_out)
    elif source.suffix.lower() in MANIFESTS:
        found = _of_manifest(source, wishes)
    else:
        kinds = ", ".join(MANIFESTS)
        raise SettingsError(f"{source} is neither a folder nor a manifest.", f"A manifest ends in {kinds}.")
    for item, name in zip(found, unique_names([item.name for item in found]), strict=True):
        item.name = name
    return found


def _of_folder(folder: Path, wishes: Wishes, leave_out: Path) -> list[Item]:
    drawings = sorted(scan(folder, leave_out).items())
    if not drawings:
        raise SettingsError(f"{folder} holds no sketches.", f"They end in {', '.join(FORMATS)}.")
    preset = wishes.preset or "standard"
    return [
        _item(Line(number, str(drawing.files[0]), preset=preset), drawing.files[0], drawing.texts, wishes)
        for number, (_, drawing) in enumerate(drawings, start=1)
    ]


def _of_manifest(manifest: Path, wishes: Wishes) -> list[Item]:
    try:
        text = manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{manifest} cannot be read: {error}.", "Save it as UTF-8.") from error
    kind, preset = MANIFESTS[manifest.suffix.lower()], wishes.preset or "standard"
    lines = parse_manifest(text, kind, prompts_needed=False, preset=preset)
    missing = [line for line in lines if not _path(manifest, line).is_file()]
    wrong = [f"line {line.number}: There is no file {line.sketch}." for line in missing]
    if wrong:
        message = f"{len(wrong)} sketches of {manifest} are missing."
        raise ManifestError(message, "Paths count from the manifest's folder.", wrong)
    paths = [_path(manifest, line) for line in lines]
    return [
        _item(line, path, [path.with_suffix(".txt")], wishes) for line, path in zip(lines, paths, strict=True)
    ]


def _path(manifest: Path, line: Line) -> Path:
    return manifest.parent / line.sketch


def _item(line: Line, sketch: Path, texts: list[Path], wishes: Wishes) -> Item:
    """The line's own word goes first, then the .txt beside the sketch, then the command's, then the name."""
    said = any(text.is_file() for text in texts)
    return Item(
        name=line.name or sketch.stem,
        sketch=sketch,
        prompt=line.prompt or (wishes.prompt if wishes.prompt and not said else prompt_for(sketch.stem, texts)),
        preset=line.preset,
        seed=line.seed if line.seed is not None else wishes.seed,
        priority=line.priority,
        settings={**wishes.settings, **line.settings},
    )
