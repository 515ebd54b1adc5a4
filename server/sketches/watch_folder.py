"""A watched folder: each new sketch in it becomes a job once it has been written to its end.

A headset or a painting program writes slowly, through programs that copy in pieces, and in several formats at once:

    Exports/Mushroom/{fbx,obj,glb,newglb}/Mushroom.*        one sketch, its GLB is taken
    Exports/mug.glb, Exports/mug.obj, Exports/mug.txt       one sketch and its prompt

So the folder is looked at again and again (no system tells of changes on every kind of network drive), and a sketch
is taken when none of its files has changed for a while and its GLB has the length that it says. Nothing is written
into the folder. What became a job is remembered by content; other content under the same name is a new job.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from sdf_fit.sandbox.capped_child import ChildError, run_capped
from sdf_fit.sketch.error import SketchError
from server.problem import Problem
from server.sketches.packing import Packed, pack
from server.sketches.prompt_files import prompt_for

POLL_SECONDS = 2.0
QUIET_SECONDS = 5.0  # without a change, then a sketch is complete
QUIET_FOR_GLB = 60.0  # where a painting program has written other formats and its GLB may still come
PATIENCE_SECONDS = 120.0  # after which a file that stays incomplete is told of
LATER_SECONDS = 60.0  # before a sketch is tried again that the server had no room for
FORMATS = (".glb", ".gltf", ".obj", ".ply", ".stl")  # the better first
FORMAT_FOLDER = re.compile(r"(glb1?|newglb|gltf[12]?|obj|fbx|stl|ply|usd[acz]?|wrl|latk|json)( \d+)?", re.IGNORECASE)
DEPTH, MOST_ENTRIES = 8, 200_000
BUSY = (429, 503, 507)

Signature = tuple[tuple[str, int, int], ...]  # of each file its path, size and time of change
log = structlog.get_logger()


@dataclass(frozen=True)
class FoundSketch:
    """A sketch to be made into a job: `packed` lies alone in a folder below incoming/, which then belongs to the
    receiver. `key` is the same whenever the same content is found under the same name."""

    packed: Packed
    name: str
    prompt: str
    key: str


@dataclass
class Drawing:
    """One sketch: `files`, the best first, and `around`, all files that belong to it, with size and time."""

    folder: Path
    stem: str
    painted: bool = False  # in folders named for formats
    files: list[Path] = field(default_factory=list)
    around: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def signature(self) -> Signature:
        return tuple(sorted((str(path), *state) for path, state in self.around.items()))

    @property
    def quiet_seconds(self) -> float:
        """How long nothing has to change."""
        waits = self.painted and self.files[0].suffix.lower() != ".glb"
        return QUIET_FOR_GLB if waits else QUIET_SECONDS

    @property
    def texts(self) -> list[Path]:
        """Where its prompt may stand."""
        name = f"{self.stem}.txt"
        places = [self.files[0].parent, self.folder]
        if self.folder.name.lower() == self.stem.lower():
            places.append(self.folder.parent)
        return [place / name for place in dict.fromkeys(places)]


class Incomplete(Exception):
    """The file is still being written, as it seems."""


@dataclass
class FolderWatch:
    """Watches `folder` for ever (`run`). `known` and `remember` are the store's memory of paths; `submit` makes a job
    and returns its id, or raises Problem or SketchError; `room` raises Problem where so many bytes are too many for the
    disk; `leave_out` is never looked into."""

    folder: Path
    incoming: Path
    known: Callable[[str], str | None]
    remember: Callable[[str, str, str], Awaitable[None]]
    submit: Callable[[FoundSketch], Awaitable[str]]
    leave_out: Path
    most_bytes: int = 2**29
    room: Callable[[int], None] = lambda needed: None
    clock: Callable[[], float] = time.monotonic
    _since: dict[Path, tuple[Signature, float]] = field(default_factory=dict)
    _settled: dict[Path, Signature] = field(default_factory=dict)
    _later: dict[Path, float] = field(default_factory=dict)
    _told: dict[Path, str] = field(default_factory=dict)

    async def run(self) -> None:
        """Looks, takes what is complete, waits; until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # nobody foresaw it: the log has the reason, and other sketches still come
                log.exception("looking at a watched folder failed", path=str(self.folder))
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """One round."""
        try:
            drawings = await asyncio.to_thread(scan, self.folder, self.leave_out)
        except OSError as error:
            self._tell_once(self.folder, f"The watched folder cannot be read: {error}.", "It is tried on.")
            return
        self._told.pop(self.folder, None)
        self._forget_all_but(set(drawings))
        for key, drawing in drawings.items():
            if self._is_quiet(key, drawing):
                await self._take(key, drawing)

    def _forget_all_but(self, there: set[Path]) -> None:
        for memory in (self._since, self._settled, self._later, self._told):
            for gone in memory.keys() - there - {self.folder}:
                del memory[gone]

    def _is_quiet(self, key: Path, drawing: Drawing) -> bool:
        """Whether it is new, has not changed for long enough, and is not to be tried later only."""
        now, signature = self.clock(), drawing.signature
        if key not in self._since or self._since[key][0] != signature:
            self._since[key] = signature, now
            self._later.pop(key, None)
            self._told.pop(key, None)
        quiet = now - self._since[key][1] >= drawing.quiet_seconds
        return quiet and self._settled.get(key) != signature and now >= self._later.get(key, now)

    async def _take(self, key: Path, drawing: Drawing) -> None:
        """Makes a job of it, or tells once why not."""
        inside = self.incoming / secrets.token_hex(8)
        try:
            await self._make_job(drawing, inside)
        except Incomplete as error:
            if self.clock() - self._since[key][1] < PATIENCE_SECONDS:
                return
            self._tell_once(key, str(error), "Copy it there again, whole.")
        except (SketchError, Problem) as error:
            self._tell_once(key, f"{drawing.files[0].name}: {error.message}", error.fix)
            if isinstance(error, Problem) and error.status in BUSY:
                self._later[key] = self.clock() + LATER_SECONDS
                return
        except OSError as error:  # it went away or is locked by who writes it; the next round sees
            self._tell_once(key, f"{drawing.files[0].name} cannot be read: {error}.", "It is tried on.")
            self._later[key] = self.clock() + LATER_SECONDS
            return
        finally:
            await asyncio.to_thread(shutil.rmtree, inside, ignore_errors=True)  # gone already if it was taken over
        self._settled[key] = drawing.signature

    async def _make_job(self, drawing: Drawing, inside: Path) -> None:
        found = await asyncio.to_thread(self._fetch, drawing, drawing.files[0], inside)
        path, content = _plain(str(drawing.files[0])), _content(found)
        if self.known(path) == content:
            return
        if self.known(path) is None and (other := await asyncio.to_thread(self._done_as, drawing, inside)):
            log.info("a sketch came in one more format", sketch=path, job_was_made_from=str(other))
            return
        job_id = await self.submit(found)
        await self.remember(path, content, job_id)
        log.info("a new sketch in a watched folder", sketch=path, prompt=found.prompt, job_id=job_id)

    def _done_as(self, drawing: Drawing, inside: Path) -> Path | None:
        """The file in another format that this drawing, unchanged, became a job from."""
        for number, other in enumerate(drawing.files[1:]):
            mark = self.known(_plain(str(other)))
            if mark is not None:
                found = self._fetch(drawing, other, inside / str(number))
                if _content(found) == mark:
                    return other
        return None

    def _fetch(self, drawing: Drawing, file: Path, inside: Path) -> FoundSketch:
        """Copies it away; the copy is of one moment. Raises Incomplete, SketchError, OSError."""
        before = _state(os.lstat(file))
        if before[0] > self.most_bytes:
            raise SketchError(
                "too_large", f"It has {before[0] / 2**20:.0f} MiB, at most {self.most_bytes / 2**20:.0f} are taken.",
                "Export fewer strokes at once.",
            )  # fmt: skip
        if before[0] == 0 or (file.suffix.lower() == ".glb" and not _glb_is_whole(file, before[0])):
            raise Incomplete(f"{file.name} is not whole: it has {before[0]} bytes, which is not what its head says.")
        self.room(before[0])
        inside.mkdir(parents=True)
        try:
            packed = pack(file, inside, _names_it_needs(file))
        except SketchError as error:
            if error.code != "missing_file":
                raise
            raise Incomplete(error.message) from error
        if _state(os.lstat(file)) != before:
            raise Incomplete(f"{file.name} changes while it is read.")
        prompt = _plain(prompt_for(drawing.stem, drawing.texts))
        key = hashlib.sha256(f"{_plain(str(file))}\n{packed.sha256}\n{prompt}".encode()).hexdigest()
        return FoundSketch(packed, _plain(drawing.stem), prompt, f"watched-{key}")

    def _tell_once(self, key: Path, message: str, fix: str) -> None:
        if self._told.get(key) != message:
            self._told[key] = message
            log.warning("a sketch in a watched folder was not taken", path=str(key), message=message, fix=fix)


def scan(folder: Path, leave_out: Path) -> dict[Path, Drawing]:
    """All sketches below the folder by folder and name. Raises OSError where it cannot be read."""
    drawings: dict[Path, Drawing] = {}
    inside: dict[Path, list[tuple[Path, tuple[int, int]]]] = {}
    for path, state in _walk(folder, leave_out):
        inside.setdefault(path.parent, []).append((path, state))
        if path.suffix.lower() in FORMATS:
            home = path.parent
            painted = home != folder and FORMAT_FOLDER.fullmatch(home.name) is not None
            home = home.parent if painted else home
            drawing = drawings.setdefault(home / path.stem.lower(), Drawing(home, path.stem))
            drawing.painted |= painted
            drawing.files.append(path)
    for drawing in drawings.values():
        drawing.files.sort(key=lambda path: (FORMATS.index(path.suffix.lower()), str(path)))
        _look_around(drawing, inside)
    return drawings


def _look_around(drawing: Drawing, inside: dict[Path, list[tuple[Path, tuple[int, int]]]]) -> None:
    """Everything of its name, in its folder and in the folders of formats, whichever program writes it."""
    stem, texts = drawing.stem.lower(), set(drawing.texts)
    homes = [drawing.folder, drawing.folder.parent]
    if drawing.painted:
        homes += [home for home in inside if home.parent == drawing.folder and FORMAT_FOLDER.fullmatch(home.name)]
    for home in homes:
        for path, state in inside.get(home, []):
            beside = home != drawing.folder.parent and path.stem.lower() == stem
            if beside or path in texts:
                drawing.around[path] = state


def _walk(folder: Path, leave_out: Path, depth: int = 0) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Ordinary files with their states; nothing hidden, no links, not deeper than DEPTH."""
    count = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            count += 1
            if count > MOST_ENTRIES:
                raise OSError(f"{folder} holds more than {MOST_ENTRIES} files")
            path = Path(entry.path)
            if entry.name.startswith((".", "~")) or path == leave_out:
                continue
            try:
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    yield path, _state(about)
                elif stat.S_ISDIR(about.st_mode) and depth < DEPTH:
                    yield from _walk(path, leave_out, depth + 1)
            except (FileNotFoundError, PermissionError):
                continue  # it went while we looked, or is another user's


def _state(about: os.stat_result) -> tuple[int, int]:
    return about.st_size, about.st_mtime_ns


def _plain(name: str) -> str:
    """A file's name as text, where a system allows names that are none."""
    return re.sub(r"[\x00-\x1f\x7f]", "_", name.encode("utf-8", "replace").decode())


def _content(found: FoundSketch) -> str:
    """What is remembered: another sketch or another prompt is another one."""
    return hashlib.sha256(f"{found.packed.sha256}\n{found.prompt}".encode()).hexdigest()


def _glb_is_whole(file: Path, size: int) -> bool:
    with open(file, "rb") as opened:
        head = opened.read(12)
    if len(head) < 12 or head[:4] != b"glTF":  # copying programs first fill a file with zeros
        return False
    return struct.unpack_from("<I", head, 8)[0] <= size


def _names_it_needs(file: Path) -> list[str]:
    """The files that a .gltf or .obj names, found out in the capped child. Raises SketchError."""
    if file.suffix.lower() not in (".gltf", ".obj"):
        return []
    try:
        found = run_capped(
            "server.sketches.packing:references_json", {"path": str(file.resolve())}, memory_bytes=2**31, seconds=60.0,
            readable=file.resolve().parent,
        )  # fmt: skip
    except ChildError as error:
        if error.error_type == "SketchError":
            raise SketchError(*error.error_args) from error
        raise SketchError("unreadable", f"It could not be read: {error}.", "Export it again, best as .glb.") from error
    return json.loads(found["names"])
