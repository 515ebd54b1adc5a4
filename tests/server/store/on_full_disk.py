"""Fills a disk to its last byte and goes on working with a store on it: DATA, on a small disk, is given."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from server.problem import Problem
from server.store import attempts, jobs
from server.store.disk import free_bytes, require_space
from server.store.retention import delete_job
from tests.server.store.case import Case, opened


def fill(path: Path) -> None:
    """Writes until nothing goes in any more, and gives a little back: what a few jobs need."""
    with open(path, "wb", buffering=0) as file:
        for size in (2**20, 2**12):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
        file.truncate(file.tell() - 2**18)


def submit_until_full(case: Case) -> int:
    """Hands in jobs until the disk takes no more; the number of those that were taken."""
    for taken in range(100_000):
        try:
            case.add("a prompt " * 200)
        except Problem as problem:
            assert (problem.status, problem.code) == (507, "disk_full"), problem
            return taken
    raise AssertionError("the disk was never full")


def remove_with_the_last_reserve(case: Case, job_id: str) -> int:
    """As long as someone reads, the log can only grow, so that even a deletion needs new room: the ballast's. Returns
    how many more jobs the disk took before."""
    with closing(sqlite3.connect(case.folders.database)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        taken = submit_until_full(case)
        assert case.folders.ballast.exists(), "it is not for jobs"
        case.make_room(jobs.remove, job_id)
        assert not case.folders.ballast.exists()
    return taken


def main(data: Path) -> None:
    with opened(data) as case:
        assert case.folders.ballast.exists()
        started = [case.running() for _ in range(3)]
        for job in started:
            folder = case.folders.attempt(job.id, 1)
            folder.mkdir(parents=True)
            (folder / "result.glb").write_bytes(b"g" * 2**20)
            case.write(attempts.finish, job.id, 1, "done")
        waiting = case.add("waiting")
        fill(data / "someone elses file")
        taken = submit_until_full(case)
        assert taken and case.read(jobs.counts)["queued"] == taken + 1 and free_bytes(case.folders) < 2**16
        taken += remove_with_the_last_reserve(case, waiting.id)
        fill(data / "someone elses second file")
        try:
            require_space(case.folders, reserve=2**20)
        except Problem as problem:
            assert problem.status == 507
        else:
            raise AssertionError("a full disk has room")
        for job in started:
            case.do(delete_job(case.store, case.folders, job.id))
            assert case.read(jobs.get, job.id) is None and not case.folders.job(job.id).exists()
        case.add("it goes on")
        assert case.read(jobs.counts) | {"queued": taken + 1, "done": 0} == case.read(jobs.counts)
        (data / "someone elses file").unlink()
        (data / "someone elses second file").unlink()
    with opened(data) as case:
        assert case.folders.ballast.exists() and case.read(jobs.counts)["queued"] == taken + 1
    print("taken while full:", taken)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
