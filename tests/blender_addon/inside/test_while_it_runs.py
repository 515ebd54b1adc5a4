"""What is heard of a job that runs, a cancel, and a server that goes: between the extension and the server."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import FAST, PACKAGE, Server
from tests.blender_addon.inside.test_lasting import SLOW
from tests.blender_addon.inside.test_run import ECHO, begin, server_job


def test_progress_is_heard_step_by_step(
    server: Server, use: Any, runtime: ModuleType, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases, stages, steps, left = [], [], set(), []
    use(server)

    def look() -> bool:
        phases.append(job.phase)
        stages.append(job.stage)
        steps.add((job.stage, job.step))
        left.append(job.seconds_left)
        return job.phase == "done"

    def heard(event: dict[str, Any], hear: Any = runtime.flow.heard) -> None:
        hear(event)
        look()

    monkeypatch.setattr(runtime.flow, "heard", heard)
    job = begin(runtime, sketches.wedge(), "a wedge steps=40 pause=.05 warn=odd")
    wait(look, "result")
    order = [phase for phase in ("preparing", "sending", "running", "fetching", "done") if phase in phases]
    assert {"preparing", "running", "fetching", "done"} <= set(order)
    assert {"read", "fit", "stage1", "stage2"} <= set(stages)
    assert len(steps) > 8 and any(left) and job.warnings == ["odd"]
    assert (runtime.flow.folder / job.key / "preview.png").read_bytes().startswith(b"\x89PNG")


def test_a_cancel_reaches_the_server(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    job = begin(runtime, sketches.wedge(), "a wedge steps=1000 pause=.1")
    wait(lambda: job.phase == "running", "run")
    assert bpy.ops.realify.cancel(key=job.key) == {"FINISHED"}
    assert job.phase == "cancelled" and server_job(server, job.id)["state"] == "cancelled"
    assert bpy.ops.realify.remove(key=job.key) == {"FINISHED"}
    assert not runtime.state.jobs and not (runtime.flow.folder / job.key).exists()


def test_a_cancel_before_anything_was_sent(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    job = begin(runtime, sketches.wedge(), "a wedge")
    task = wait(lambda: runtime.flow.work._at_work.get(job.key), "child")
    bpy.ops.realify.cancel(key=job.key)
    wait(lambda: task not in runtime.tasks._running, "end of its thread")
    assert job.phase == "cancelled" and job.id is None


def test_a_server_that_goes_and_comes_back(
    new_server: Any, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    first = new_server(data=tmp_path / "kept")
    use(first)
    job = begin(runtime, sketches.wedge(), SLOW)
    wait(lambda: job.phase == "running" and job.step > 1, "run")
    first.kill()
    wait(lambda: runtime.state.status.state == "unreachable", "notice of it")
    assert job.phase == "running" and runtime.state.status.fix
    port = int(first.url.rsplit(":", 1)[1])
    new_server(*FAST, data=tmp_path / "kept", port=port)
    wait(lambda: runtime.state.status.state == "ready", "connection again")
    wait(lambda: job.phase == "done", "result")


def test_a_cancel_that_does_not_reach_the_server_is_told_and_the_job_goes_on(
    new_server: Any, use: Any, runtime: ModuleType, wait: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server()
    use(server)
    job = begin(runtime, sketches.wedge(), SLOW)
    wait(lambda: job.phase == "running", "run")
    server.kill()
    wait(lambda: runtime.state.status.state == "unreachable", "notice of it")
    monkeypatch.setattr(import_module(f"{PACKAGE}.jobs.connection"), "WAIT_SECONDS", 0.5)
    bpy.ops.realify.cancel(key=job.key)
    assert job.phase == "running" and any("could not be cancelled" in each for each in job.warnings)


def test_a_server_that_forgot_the_job_is_told_and_a_retry_sends_it_anew(
    new_server: Any, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    first = new_server(data=tmp_path / "one")
    use(first)
    job = begin(runtime, sketches.wedge(), SLOW)
    wait(lambda: job.phase == "running", "run")
    first.kill()
    use(new_server(data=tmp_path / "other"))
    wait(lambda: job.phase == "lost", "notice of it")
    assert "does not know this job" in job.trouble["message"]
    job.prompt = ECHO
    bpy.ops.realify.retry(key=job.key)
    wait(lambda: job.phase == "done", "result")
