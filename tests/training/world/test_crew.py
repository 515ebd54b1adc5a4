"""Children at work: counted, tried again, named when they fail, ended when asked."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from training.world.__main__ import _complete, _drop_covered
from training.world.crew import Crew, Job


def job(name: str, code: str) -> Job:
    return Job(Path(f"{name}.tar"), 0, 1, 2, (sys.executable, "-c", code))


def test_views_are_counted() -> None:
    done: list[Job] = []
    jobs = [job(name, "print('object 3'); print('view'); print('view')") for name in "abc"]
    crew = Crew(jobs, 2, done.append)
    crew.start()
    assert crew.wait(60)
    assert sorted(finished.path.name for finished in done) == ["a.tar", "b.tar", "c.tar"]
    assert crew.tally.line().startswith("shard 3 of 3 | view 6 of 6 | ")
    assert not crew.tally.failures


def test_a_job_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = (
        f"import os, pathlib as p\nif not p.Path({str(mark)!r}).exists():\n p.Path({str(mark)!r}).touch(); os.abort()"
    )
    crew = Crew([job("a", code)], 1)
    crew.start()
    assert crew.wait(60)
    assert crew.tally.shards_done == 1 and not crew.tally.failures


def test_a_job_that_fails_twice_names_its_object_and_the_others_go_on() -> None:
    broken = job("bad", "print('object 700003'); print('view', flush=True); raise ValueError('no such petal')")
    crew = Crew([broken, job("good", "print('view'); print('view')")], 1)
    crew.start()
    assert crew.wait(60)
    assert crew.tally.failures == ["bad.tar: failed at object 700003 (status 1): ValueError: no such petal"]
    assert crew.tally.shards_done == 1 and crew.tally.views_done == 2


def test_stopping_ends_the_children() -> None:
    crew = Crew([job(name, "import time; time.sleep(60)") for name in "ab"], 2)
    crew.start()
    assert not crew.wait(0.5)
    before = time.monotonic()
    crew.stop()
    assert crew.wait(0) and time.monotonic() - before < 10
    assert not crew.tally.failures


def test_shards_of_any_length_count_as_done_and_a_grown_one_replaces_its_beginning(tmp_path: Path) -> None:
    for name in ("world-7-00000-00100", "world-7-00100-00120", "world-8-00150-00200"):
        (tmp_path / f"{name}.tar").touch()

    def shard(first: int, end: int) -> Job:
        return Job(tmp_path / f"world-7-{first:05d}-{end:05d}.tar", first, end, 0, ())

    ranges = ((0, 50), (50, 100), (100, 150), (150, 200))
    assert [_complete(shard(first, end)) for first, end in ranges] == [True, True, False, False]
    shard(100, 150).path.touch()
    _drop_covered(shard(100, 150))
    assert sorted(path.stem for path in tmp_path.iterdir()) == [
        "world-7-00000-00100", "world-7-00100-00150", "world-8-00150-00200"
    ]  # fmt: skip
