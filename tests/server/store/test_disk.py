"""A reserve is kept; a disk that is full to the last byte loses nothing, and deletion still works on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.folders import Folders
from server.problem import Problem
from server.store import attempts, disk, jobs
from server.store.retention import delete_job
from tests.server.store.case import Case, opened

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path)
    folders.make()
    return folders


def test_a_reserve_is_kept(folders: Folders) -> None:
    free = disk.free_bytes(folders)
    disk.require_space(folders, reserve=free // 4, needed=free // 4)
    with pytest.raises(Problem, match=r"\d+ MiB free; \d+ are needed and \d+ kept free") as full:
        disk.require_space(folders, reserve=free // 2, needed=free)
    assert (full.value.status, full.value.code) == (507, "disk_full")


def test_the_ballast_takes_room_and_is_given_up_once(folders: Folders) -> None:
    assert disk.make_ballast(folders, 2**20) and disk.make_ballast(folders, 2**20)
    assert folders.ballast.stat().st_size == 2**20
    assert disk.release_ballast(folders) and not folders.ballast.exists()
    assert not disk.release_ballast(folders)
    assert not disk.make_ballast(folders, disk.free_bytes(folders)), "it would take the room that it is to keep"


def test_files_go_first_when_the_row_has_no_room(tmp_path: Path) -> None:
    with opened(tmp_path) as case:
        job, waiting = case.running(), case.add()
        case.write(attempts.finish, job.id, 1, "done")
        folder = case.folders.attempt(job.id, 1)
        folder.mkdir(parents=True)
        (folder / "result.glb").write_bytes(b"glTF")
        checkpoint = case.folders.job(waiting.id) / "checkpoint.pt"
        checkpoint.parent.mkdir()
        checkpoint.write_bytes(b"half a day's work")
        full = _FullUntilGone(case, folder)
        case.do(delete_job(full, case.folders, job.id))  # type: ignore[arg-type]
        assert case.read(jobs.get, job.id) is None and full.refused == 1
        with pytest.raises(Problem) as refused:  # one that waits could be started meanwhile: its files stay
            case.do(delete_job(_FullUntilGone(case, tmp_path), case.folders, waiting.id))  # type: ignore[arg-type]
        assert refused.value.code == "disk_full" and checkpoint.exists()
        assert case.read(jobs.get, waiting.id) == waiting


class _FullUntilGone:
    """The real store behind a disk on which not even a deletion can be written while the folder is there."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder, self.refused = case, folder, 0
        self.read = case.read

    async def make_room(self, work: Callable[..., object], job_id: str) -> object:
        if self.folder.exists():
            self.refused += 1
            raise Problem(507, "disk_full", "The disk is full.", "Make room.")
        return await self.case.store.make_room(work, job_id)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a small file system of its own, where this machine lets a user mount one."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here, so no small disk can be mounted")
    script = 'mount -t tmpfs -o size=64m none "$1" && exec "$2" -m tests.server.store.on_full_disk "$1/data"'
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    tried = subprocess.run([*mount, 'mount -t tmpfs none "$1"', "sh", tmp_path], capture_output=True)
    if tried.returncode:
        pytest.skip(f"no small disk can be mounted here: {tried.stderr.decode()}")
    run = [*mount, script, "sh", tmp_path, sys.executable]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("taken while full:")
