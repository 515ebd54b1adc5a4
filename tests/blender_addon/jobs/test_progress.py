"""What the server tells of a job, taken over into ours."""

from __future__ import annotations

from typing import Any

from blender_addon.jobs import progress
from blender_addon.jobs.job import Job


def told(**fields: Any) -> dict[str, Any]:
    return {"kind": "state", **fields}  # the server leaves out what is none


def test_events_move_a_job_and_done_is_news_once() -> None:
    job = Job("mushroom", "a mushroom", phase="queued", id="1")
    assert not progress.take_event(job, told(state="running"))
    assert job.phase == "running"
    numbers = {"step": 3, "total": 10, "seconds_left": 4.0, "fraction": 0.25}
    progress.take_event(job, told(kind="progress", stage="stage1", **numbers, warnings=["odd"]))
    assert (job.stage, job.step, job.total, job.seconds_left, job.fraction) == ("stage1", 3, 10, 4.0, 0.25)
    progress.take_event(job, told(kind="warning", warnings=["odd"]))
    progress.take_event(job, told(kind="warning", warnings=["odd", "thin"]))
    assert job.warnings == ["odd", "thin"]
    assert progress.take_event(job, told(state="done"))
    assert job.phase == "fetching" and job.finished
    assert not progress.take_event(job, told(state="done"))
    assert not progress.take_event(job, told(state="running"))  # an old one, out of a stream that began anew
    assert job.phase == "fetching"


def test_an_error_is_kept_and_gone_after_a_new_start() -> None:
    job, error = Job("m", "a mushroom", phase="running", id="1"), {"code": "x", "message": "No.", "fix": "Do."}
    progress.take_event(job, told(state="failed", error=error))
    assert job.phase == "failed" and job.trouble == error
    progress.take_event(job, told(state="queued"))
    assert job.phase == "queued" and job.trouble is None


def test_a_job_that_was_removed_on_the_server_is_lost_unless_its_result_is_here() -> None:
    running, done = Job("m", "a", phase="running", id="1"), Job("m", "a", phase="done", id="2")
    for job in (running, done):
        progress.take_event(job, told(kind="removed"))
    assert (running.phase, done.phase) == ("lost", "done")
