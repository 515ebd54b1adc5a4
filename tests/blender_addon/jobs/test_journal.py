"""Jobs on the disk: they come back as they were, and what is none is told from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blender_addon.jobs import journal
from blender_addon.jobs.job import Job
from blender_addon.trouble import Trouble


def test_the_journal_gives_back_what_it_got_and_half_a_file_is_none(tmp_path: Path) -> None:
    jobs = [Job("mushroom", "ein Pilz 🍄", settings={"geometry.lr": 0.0}, created=2.0), Job("cup", "τάσι", created=1.0)]
    for job in jobs:
        journal.keep(tmp_path, job)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / journal.NAME).write_text('{"name": "hal')
    assert list(journal.kept(tmp_path)) == [jobs[1], jobs[0]]
    journal.forget(tmp_path, jobs[0].key)
    assert [job.name for job in journal.kept(tmp_path)] == ["cup"]
    assert not (tmp_path / jobs[0].key).exists()
    journal.forget(tmp_path, jobs[1].key, keep_files=True)
    assert (tmp_path / jobs[1].key).exists() and not list(journal.kept(tmp_path))


@pytest.mark.parametrize(
    "odd",
    [
        {"created": "yesterday"},
        {"phase": "resting"},  # a later version's
        {"matrix": [1.0]},
        {"origin": [0.0, None, 0.0]},
        {"members": None},
        {"members": ["one"], "names": []},
        {"step": True},
        {"trouble": {"code": 4}},
        {"prompt": None},
    ],
    ids=str,
)
def test_what_is_no_job_is_refused_and_named(odd: dict[str, Any]) -> None:
    job = Job("mushroom", "a mushroom", settings={"a.b": [1]}, trouble={"code": "x"}, seconds_left=3)
    kept = json.loads(json.dumps(job.as_dict()))
    assert Job.from_dict({**kept, "of a later version": 1}) == job
    with pytest.raises((ValueError, TypeError), match=next(iter(odd))):
        Job.from_dict({**kept, **odd})


def test_one_odd_file_of_the_journal_costs_only_itself(tmp_path: Path) -> None:
    job = Job("cup", "a cup")
    journal.keep(tmp_path, job)
    for name, text in {"list": "[]", "odd": '{"name": "m", "prompt": "p", "created": "yesterday"}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / journal.NAME).write_text(text)
    assert list(journal.kept(tmp_path)) == [job]


def test_a_journal_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Trouble, match="file") as trouble:
        journal.keep(tmp_path / "file", Job("mushroom", "a mushroom"))
    assert trouble.value.code == "disk_full" and trouble.value.fix
