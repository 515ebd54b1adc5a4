"""The server's benchmark: its hostile files are many and the same each time, what it reads out of records and events
is right, and a trial runs through real servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.server import hostile_zips, mutations, opened
from benchmarks.server.__main__ import PARTS
from benchmarks.server.figures import percentile
from benchmarks.server.history import History
from benchmarks.server.hostile_files import EXAMPLES, hostile_files, quick, sound_files
from benchmarks.server.kills import Work
from benchmarks.server.page import page
from benchmarks.server.part import Claim, Part
from benchmarks.server.running import FAKE
from sdf_fit.sketch.read import read_sketch
from tests.server.fake_pipeline import pyramid

ROOT = Path(__file__).parents[2]


def test_there_are_more_than_three_hundred_different_hostile_files() -> None:
    files = hostile_files(Path("/elsewhere/outside.bin"), 9)
    assert len({each.sha256 for each in files}) == len(files) >= 300
    assert len({each.name for each in files}) == len(files)
    assert [each.data for each in hostile_files(Path("/elsewhere/outside.bin"), 9)] == [each.data for each in files]
    assert {each.kind for each in quick(files)} == {each.kind for each in files}


def test_what_is_mutated_is_sound(tmp_path: Path) -> None:
    for name, data in sound_files().items():
        if name.endswith(".stl") or name == "tetrahedron.glb":
            (tmp_path / name).write_bytes(data)
            assert len(read_sketch(tmp_path / name).mesh.faces) >= 4


def test_every_mutation_changes_the_file_and_leaves_a_glb_with_a_sound_frame() -> None:
    data = (EXAMPLES / "apple.glb").read_bytes()
    for mutate in (*mutations.BYTES, mutations.odd_header, mutations.odd_words):
        assert mutate(data, np.random.default_rng(0)) != data
    odd = mutations.odd_header(data, np.random.default_rng(1))
    length = int.from_bytes(odd[12:16], "little")
    assert int.from_bytes(odd[8:12], "little") == len(odd) and json.loads(odd[20 : 20 + length])


def test_the_bombs_are_bombs() -> None:
    archives = hostile_zips.archives()
    assert len(archives["bomb"]) < 2**20 and b"../sketch.obj" in archives["name_parent"]


def trace(folder: Path, number: int, words: str, *calls: str) -> None:
    first = f'execve("/usr/bin/python3", [{words}], 0x7ffd /* 9 vars */) = 0'
    (folder / f"of.{number}").write_text("\n".join([first, *calls]) + "\n", encoding="utf-8")


def test_what_a_parsing_process_opened_is_read_out_of_the_record(tmp_path: Path) -> None:
    child = '"python3", "-m", "sdf_fit.sandbox.capped_child", "/tmp/capped_child_x"'
    library = 'openat(AT_FDCWD, "/usr/share/zoneinfo/UTC", O_RDONLY) = 3'
    trace(tmp_path, 1, child, library, 'openat(AT_FDCWD, "/proc/1/statm", O_RDONLY) = 3')
    seen: set[str] = set()
    usual = opened.read(tmp_path, seen)
    assert usual.children == 1 and not usual.sockets
    outside = 'openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3'
    trace(tmp_path, 2, '"python3", "-m", "server"', outside, "socket(AF_INET) = 4")
    trace(
        tmp_path, 3, child, library, 'openat(AT_FDCWD, "/proc/3/statm", O_RDONLY) = 3',
        'openat(AT_FDCWD, "/data/incoming/ab/sketch.glb", O_RDONLY) = 3',
        'openat(AT_FDCWD, "/data/incoming/ab/../../token", O_RDONLY) = 4',
        'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 5',
        'openat(AT_FDCWD, "/etc/shadow", O_RDONLY|O_CLOEXEC) = -1 EACCES (Permission denied)',
        "socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 6",
    )  # fmt: skip
    found = opened.read(tmp_path, seen)
    assert found.children == 1 and len(found.sockets) == 1
    strays = opened.outside(found, usual, Path("/data"), Path("/tmp"))
    assert strays == ["/data/incoming/ab/../../token", "/etc/passwd"]


def states(*steps: str) -> list[dict[str, object]]:
    """"running" and "done" as states, everything else as a step of that stage."""
    return [
        {"kind": "state", "state": step} if step in ("running", "done") else {"kind": "progress", "stage": step}
        for step in steps
    ]


def test_a_start_that_goes_on_is_told_from_one_that_begins_anew() -> None:
    history = History()
    history.events["on"] = states("running", "read", "fit", "stage1", "running", "read", "stage1", "stage2", "done")
    history.events["anew"] = states("running", "fit", "stage1", "running", "read", "fit", "stage1", "done", "done")
    history.events["early"] = states("running", "read", "fit", "running", "read", "fit", "stage1", "done")
    assert history.starts_again("on") == [True] and history.times_done("on") == 1
    assert history.starts_again("anew") == [False] and history.times_done("anew") == 2
    assert history.starts_again("early") == []


def test_a_result_that_is_half_there_or_was_begun_twice_is_wrong() -> None:
    work = Work(FAKE, b"sketch", (), 1, 1.0)
    other = pyramid("name", {"digest": "of another run"})
    assert work.wrong(other, "steps=5") and work.wrong(other[:-1], "steps=5") and work.wrong(b"", "steps=5")
    assert not Work("server.worker.job:run", b"sketch", (), 1, 1.0).wrong(other, "a photo of an apple")


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([1.0, 2.0, 10.0], 99) == 10.0 and percentile([1.0, 2.0, 10.0], 50) == 2.0
    with pytest.raises(ValueError, match="no measurement"):
        percentile([], 50)


def test_a_claim_that_is_not_kept_shows_and_so_does_what_was_not_measured() -> None:
    claims = [Claim("lost", "0", "2", False), Claim("twice", "0", "0", True)]
    part = Part("A part", lambda size: 1, lambda size, folder: {}, lambda result: claims, lambda result: "its table")
    result = {"a": {"state": "abc", "day": "2026-01-01", "seconds": 2.0, "found": {}}}
    text = page({"a": part, "b": part}, result, trial=False)
    assert "| lost | 0 | 2 | **no** |" in text and "| twice | 0 | 0 | yes |" in text
    assert "Not measured: b." in text and "trial" not in text


def test_a_trial_runs_through_real_servers(tmp_path: Path) -> None:
    parts = ("kills", "matrix")
    options = ["--quick", "--only", ",".join(parts), "--cache", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.server", *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    assert done.returncode == 0, done.stdout
    assert re.match(r"kills, matrix: about \d+ ", done.stdout), done.stdout
    for name in parts:
        kept = json.loads((tmp_path / "quick" / f"{name}.json").read_text(encoding="utf-8"))
        wrong = [claim for claim in PARTS[name].claims(kept["found"]) if not claim.kept]
        assert not wrong, (wrong, kept["found"])
    text = (tmp_path / "quick" / "server-figures.md").read_text(encoding="utf-8")
    assert "A trial" in text and f"## {PARTS['matrix'].title}" in text
