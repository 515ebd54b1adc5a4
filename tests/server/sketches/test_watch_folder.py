"""Watched folders: what is one sketch, when it is complete, what it is called, and what is remembered."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sdf_fit.sketch.error import SketchError
from server.problem import Problem
from server.sketches.watch_folder import PATIENCE_SECONDS, QUIET_FOR_GLB, QUIET_SECONDS, FolderWatch, FoundSketch
from tests.server.painted import obj, painted_glb, put
from tests.server.running import start_server, wait_for


@dataclass
class Rig:
    """A watch over `folder` with a clock of its own; `jobs` keeps what it hands in as (name, file's name, prompt)."""

    base: Path
    now: float = 0.0
    memory: dict[str, str] = field(default_factory=dict)
    jobs: list[tuple[str, str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    refuse: Exception | None = None

    def __post_init__(self) -> None:
        self.folder, self.incoming = self.base / "Exports", self.base / "data" / "incoming"
        self.folder.mkdir(exist_ok=True)
        self.incoming.mkdir(parents=True, exist_ok=True)
        self.watch = self.started()

    def started(self) -> FolderWatch:
        """As after a restart of the server: only what the store remembers is left."""

        async def remember(path: str, content: str, job: str) -> None:
            self.memory[path] = content

        data = self.base / "data"
        return FolderWatch(
            self.folder, self.incoming, self.memory.get, remember, self.submit, data, clock=lambda: self.now
        )

    async def submit(self, found: FoundSketch) -> str:
        if self.refuse:
            raise self.refuse
        assert found.packed.file.stat().st_size == found.packed.bytes
        self.jobs.append((found.name, found.packed.name, found.prompt))
        self.keys.append(found.key)
        return f"job {len(self.jobs)}"

    def look(self, *pauses: float) -> list[tuple[str, str, str]]:
        """Looks, and once more after each pause; what was handed in meanwhile."""
        before = len(self.jobs)
        asyncio.run(self.watch.look())
        for pause in pauses:
            self.now += pause
            asyncio.run(self.watch.look())
        assert not list(self.incoming.iterdir()), "something was left behind"
        return self.jobs[before:]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_painting_programs_folder_becomes_one_job_once_it_is_written(rig: Rig) -> None:
    home, glb = rig.folder / "Red Mushroom", painted_glb()
    put(rig.folder / "README.txt", b"Please see the documentation")
    put(home / "fbx" / "Red Mushroom.fbx", b"Kaydara")
    put(home / "obj" / "Red Mushroom.obj", obj())
    assert rig.look(QUIET_SECONDS, QUIET_SECONDS) == []  # its GLB is still to come
    target = home / "glb" / "Red Mushroom.glb"
    put(target, b"")
    assert rig.look(QUIET_SECONDS, QUIET_SECONDS) == []
    for end in (5, 400, len(glb) // 2, len(glb) - 1):
        put(target, glb[:end])
        assert rig.look(QUIET_SECONDS, QUIET_SECONDS) == []  # quiet for long, and still not whole
    put(target, glb)
    put(home / "newglb" / "Red Mushroom.glb", glb[:1000])
    assert rig.look(QUIET_SECONDS / 2) == []
    put(home / "newglb" / "Red Mushroom.glb", glb)
    assert rig.look(QUIET_SECONDS / 2) == []  # a file of the sketch changed meanwhile
    assert rig.look(QUIET_SECONDS) == [("Red Mushroom", "Red Mushroom.glb", "Red Mushroom")]
    assert rig.look(1000.0, 1000.0) == []


def test_without_a_glb_the_next_best_is_taken_and_a_late_glb_is_no_second_job(rig: Rig) -> None:
    home = rig.folder / "cup"
    put(home / "obj" / "cup.obj", obj())
    put(home / "stl" / "cup.stl", b"solid")
    assert rig.look(QUIET_FOR_GLB - 1) == []
    assert rig.look(1.0) == [("cup", "cup.obj", "cup")]
    put(home / "glb" / "cup.glb", painted_glb())
    assert rig.look(QUIET_SECONDS, 100.0) == []


def test_files_side_by_side_and_the_same_name_in_other_folders(rig: Rig) -> None:
    put(rig.folder / "mug.obj", obj())
    put(rig.folder / "mug.glb", painted_glb("mug"))
    put(rig.folder / "mug.txt", "  a blue mug,\r\n   für Tee ".encode())
    put(rig.folder / "other" / "mug.glb", painted_glb("mug"))
    put(rig.folder / "glb" / "a.glb", painted_glb("apple"))
    put(rig.folder / "glb" / "b.glb", painted_glb("vase"))
    found = rig.look(QUIET_SECONDS)
    assert sorted(found) == [
        ("a", "a.glb", "a"), ("b", "b.glb", "b"), ("mug", "mug.glb", "a blue mug, für Tee"), ("mug", "mug.glb", "mug"),
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["Fish.txt", "Fish/Fish.txt", "Fish/glb/Fish.txt"])
def test_where_a_prompt_may_stand(rig: Rig, place: str) -> None:
    put(rig.folder / "Fish" / "glb" / "Fish.glb", painted_glb("fish"))
    put(rig.folder / place, "a clown fish".encode("utf-16"))
    assert rig.look(QUIET_SECONDS) == [("Fish", "Fish.glb", "a clown fish")]


@pytest.mark.parametrize(
    ("stem", "prompt"),
    [("red_mushroom-02", "red mushroom"), ("RedMushroom", "Red Mushroom"), ("mug (3)", "mug"), ("2 apples", "2 apples"),
     ("Untitled 12", "Untitled"), ("42", "42"), ("_", "_"), ("mp3", "mp3")],
)  # fmt: skip
def test_a_prompt_out_of_a_name(rig: Rig, stem: str, prompt: str) -> None:
    put(rig.folder / f"{stem}.glb", painted_glb())
    assert [job[2] for job in rig.look(QUIET_SECONDS)] == [prompt]


def test_a_restart_remembers_and_other_content_is_a_new_job(rig: Rig) -> None:
    put(rig.folder / "thing.glb", painted_glb("mug"))
    assert len(rig.look(QUIET_SECONDS)) == 1
    rig.watch = rig.started()
    assert rig.look(QUIET_SECONDS, 100.0) == []
    put(rig.folder / "thing.glb", painted_glb("mug"))  # copied once more
    assert rig.look(QUIET_SECONDS) == []
    put(rig.folder / "thing.glb", painted_glb("vase"))
    assert len(rig.look(QUIET_SECONDS)) == 1
    put(rig.folder / "thing.txt", b"a tall vase")
    assert rig.look(QUIET_SECONDS) == [("thing", "thing.glb", "a tall vase")]
    assert len(set(rig.keys)) == 3


def test_a_crash_between_submit_and_memory_repeats_the_key(rig: Rig) -> None:
    put(rig.folder / "thing.glb", painted_glb("mug"))
    rig.look(QUIET_SECONDS)
    rig.memory.clear()
    rig.watch = rig.started()
    rig.look(QUIET_SECONDS)
    assert len(rig.keys) == 2 and rig.keys[0] == rig.keys[1]


def test_a_file_that_stays_cut_short_is_told_of_once_and_taken_when_it_is_whole(rig: Rig) -> None:
    glb = painted_glb()
    put(rig.folder / "thing.glb", glb[:-4])
    with capture_logs() as logs:
        assert rig.look(QUIET_SECONDS, PATIENCE_SECONDS / 2) == []
        assert not logs
        assert rig.look(PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS) == []
    assert len(logs) == 1 and "not whole" in logs[0]["message"] and logs[0]["log_level"] == "warning"
    put(rig.folder / "thing.glb", glb)
    assert len(rig.look(QUIET_SECONDS)) == 1


def test_a_broken_sketch_is_told_of_once_and_a_full_disk_is_tried_again(rig: Rig) -> None:
    put(rig.folder / "thing.glb", painted_glb())
    rig.refuse = SketchError("broken", "It holds no faces.", "Export it again.")
    with capture_logs() as logs:
        assert rig.look(QUIET_SECONDS, 100.0, 100.0) == []
    assert [log["message"] for log in logs] == ["thing.glb: It holds no faces."]
    put(rig.folder / "thing.glb", painted_glb("mug"))
    rig.refuse = Problem(507, "disk_full", "The disk is full.", "Make room.")
    with capture_logs() as logs:
        assert rig.look(QUIET_SECONDS, 100.0, 100.0) == []
    assert len(logs) == 1
    rig.refuse = None
    assert len(rig.look(100.0)) == 1


def test_what_is_not_looked_at(rig: Rig, tmp_path: Path) -> None:
    secret = tmp_path / "secret.glb"
    put(secret, painted_glb())
    put(rig.folder / ".sync" / "a.glb", painted_glb())
    put(rig.folder / ".syncthing.a.glb", painted_glb())
    put(rig.folder / "~a.glb", painted_glb())
    put(rig.folder / "a.glb.part", painted_glb())
    os.symlink(secret, rig.folder / "link.glb")
    os.symlink(tmp_path, rig.folder / "folder")
    assert rig.look(QUIET_SECONDS, 200.0) == []


def test_a_gltf_waits_for_its_files_and_goes_as_a_zip(rig: Rig) -> None:
    tree = {"asset": {"version": "2.0"}, "buffers": [{"uri": "leaf%20one.bin", "byteLength": 4}]}
    put(rig.folder / "leaf.gltf", json.dumps(tree).encode())
    assert rig.look(QUIET_SECONDS) == []
    put(rig.folder / "leaf one.bin", b"1234")
    assert rig.look(QUIET_SECONDS, QUIET_SECONDS) == [("leaf", "leaf.zip", "leaf")]


def test_a_gltf_cannot_fetch_what_lies_outside(rig: Rig) -> None:
    put(rig.base / "token.bin", b"secret")
    tree = {"asset": {"version": "2.0"}, "buffers": [{"uri": "../token.bin", "byteLength": 6}]}
    put(rig.folder / "leaf.gltf", json.dumps(tree).encode())
    with capture_logs() as logs:
        assert rig.look(QUIET_SECONDS) == []
    assert "outside of its folder" in logs[0]["message"]


def test_a_folder_that_goes_and_comes_back(rig: Rig) -> None:
    away = rig.base / "away"
    rig.folder.rename(away)
    with capture_logs() as logs:
        assert rig.look(1.0, 1.0) == []
    assert len(logs) == 1
    put(away / "mug.glb", painted_glb("mug"))
    away.rename(rig.folder)
    assert len(rig.look(QUIET_SECONDS)) == 1


def test_through_a_real_server_and_its_restart(tmp_path: Path) -> None:
    exports, data = tmp_path / "Exports", tmp_path / "data"
    put(exports / "My Fish" / "glb" / "My Fish.glb", painted_glb("mug"))
    put(exports / "My Fish.txt", b"an orange fish steps=6 pause=0")
    put(exports / "broken.glb", painted_glb()[:12] + b"\0" * 200_000)
    server = start_server(data, "--watch", str(exports))

    def jobs() -> list[dict]:
        return server.http.get("/v1/jobs").json()["jobs"]

    (job,) = wait_for(jobs, "job of the watched folder")
    assert (job["name"], job["prompt"]) == ("My Fish", "an orange fish steps=6 pause=0")
    server.wait(job["id"])
    wait_for(lambda: "broken.glb" in server.tail(), "word of the broken file in the log")
    assert server.stop() == 0, server.tail()

    put(exports / "mushroom.obj", obj())  # while no server runs
    server = start_server(data, "--watch", str(exports))
    names = wait_for(lambda: [job["name"] for job in jobs()] if len(jobs()) > 1 else None, "second job")
    assert sorted(names) == ["My Fish", "mushroom"]
    assert sorted(path.name for path in exports.iterdir()) == ["My Fish", "My Fish.txt", "broken.glb", "mushroom.obj"]
    assert server.stop() == 0, server.tail()
