"""What is old or too much goes, what nothing refers to goes, and everything else stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import Retention
from server.problem import Problem
from server.store import attempts, jobs, uploads
from server.store.attempts import Ended
from server.store.retention import DAY, clean, delete_job, tree_bytes
from tests.server.store.case import SKETCH, Case, opened, upload_row

OTHER = "0b" * 32
MIB = 2**20


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with opened(tmp_path / "data") as case:
        yield case


def _finished(case: Case, state: Ended = "done", size: int = 1000) -> str:
    job = case.running()
    _file(case.folders.attempt(job.id, 1) / "result.glb", size)
    case.write(attempts.finish, job.id, 1, state)
    return job.id


def _file(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for each in [*path.rglob("*"), path]:
        os.utime(each, (then, then))


def _clean(case: Case, now: float, days: float | None = None, gib: float | None = None) -> int:
    return case.do(clean(case.store, case.folders, Retention(days, gib), now))


def test_only_finished_jobs_grow_old(case: Case) -> None:
    now = time.time()
    ended = [_finished(case, "done"), _finished(case, "failed"), _finished(case, "cancelled")]
    running, queued = case.running(), case.add()
    assert _clean(case, now + 2 * DAY) == 0, "without a limit all are kept"
    assert _clean(case, now + 2 * DAY, days=3) == 0
    assert _clean(case, now + 4 * DAY, days=3) == 3
    assert all(case.read(jobs.get, job) is None and not case.folders.job(job).exists() for job in ended)
    assert case.row(running.id).state == "running" and case.row(queued.id).state == "queued"


def test_the_oldest_go_until_the_rest_fits(case: Case) -> None:
    sizable = [_finished(case, size=MIB) for _ in range(4)]
    running = case.running()
    _file(case.folders.attempt(running.id, 1) / "checkpoint.pt", MIB)
    assert _clean(case, time.time(), gib=5.5 * MIB / 2**30) == 0
    assert _clean(case, time.time(), gib=3.5 * MIB / 2**30) == 2
    assert [case.read(jobs.get, job) is not None for job in sizable] == [False, False, True, True]
    assert _clean(case, time.time(), gib=0) == 2
    assert case.row(running.id).state == "running"
    assert tree_bytes(case.folders.jobs) == MIB


def test_unused_uploads_go_after_a_day(case: Case) -> None:
    now = time.time()
    for sha, created in ((OTHER, now - 2 * DAY), ("0c" * 32, now)):
        case.write(uploads.add, upload_row(sha, created))
        _file(case.folders.upload(sha) / "sketch.glb")
    used = case.add()
    _file(case.folders.upload(SKETCH) / "sketch.glb")
    _clean(case, now + DAY / 2)
    assert case.read(uploads.get, OTHER) is None and not case.folders.upload(OTHER).exists()
    _clean(case, now + 2 * DAY)
    assert case.read(uploads.get, "0c" * 32) is None and case.read(uploads.get, SKETCH) is not None
    assert [path.name for path in case.folders.uploads.iterdir()] == [SKETCH]
    case.do(delete_job(case.store, case.folders, used.id))
    _clean(case, now + 2 * DAY)
    assert list(case.folders.uploads.iterdir()) == []


def test_an_upload_that_comes_again_is_young_again(case: Case) -> None:
    now = time.time()
    case.write(uploads.add, upload_row(OTHER, now - 2 * DAY))
    case.write(uploads.add, upload_row(OTHER, now))
    assert [row.sha256 for row in case.read(uploads.unused, now - DAY)] == []


def test_left_overs_go_once_they_cannot_be_on_their_way_in(case: Case) -> None:
    job = _finished(case)
    left = [case.folders.incoming / "half", case.folders.jobs / ("0" * 26), case.folders.uploads / OTHER]
    for folder in left:
        _file(folder / "deep" / "file")
    stray = _file(case.folders.incoming / "stray file")
    _clean(case, time.time())
    assert all(path.exists() for path in [*left, stray])
    for path in [*left, stray]:
        _age(path, 2 * 3600)
    _age(case.folders.job(job), 2 * 3600)
    _clean(case, time.time())
    assert not any(path.exists() for path in [*left, stray])
    assert (case.folders.attempt(job, 1) / "result.glb").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_links_are_removed_and_never_followed(case: Case, tmp_path: Path) -> None:
    precious = _file(tmp_path / "home" / "precious")
    job = _finished(case)
    (case.folders.attempt(job, 1) / "link").symlink_to(tmp_path / "home")
    (case.folders.incoming / "link").symlink_to(tmp_path / "home")
    os.utime(case.folders.incoming / "link", (0, 0), follow_symlinks=False)
    case.do(delete_job(case.store, case.folders, job))
    _clean(case, time.time())
    assert precious.exists() and not case.folders.job(job).exists()
    assert list(case.folders.incoming.iterdir()) == []


def test_a_running_job_is_not_deleted(case: Case) -> None:
    job = case.running()
    file = _file(case.folders.attempt(job.id, 1) / "log.txt")
    with pytest.raises(Problem) as refused:
        case.do(delete_job(case.store, case.folders, job.id))
    assert refused.value.code == "running" and file.exists()


def test_the_ballast_is_laid_by_again(case: Case) -> None:
    assert case.folders.ballast.exists()
    case.folders.ballast.unlink()
    _clean(case, time.time())
    assert case.folders.ballast.exists()
