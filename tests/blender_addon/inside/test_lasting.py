"""Jobs outlive the .blend file's closing, Blender's end, and the server's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import PACKAGE, ROOT, Server
from tests.blender_addon.inside.test_run import ECHO, begin, realify

SLOW = "a wedge echo=1 steps=50 pause=.08"


def the_job(runtime: ModuleType) -> Any:
    (job,) = runtime.state.jobs.values()
    return job


def test_a_job_goes_on_when_its_file_is_closed_and_opened(
    server: Server, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    use(server)
    job = begin(runtime, sketches.wedge(), SLOW)
    wait(lambda: job.phase == "running", "run")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "sketch.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not runtime.state.jobs
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "sketch.blend"))
    again = the_job(runtime)
    assert again.key == job.key and again is not job
    wait(lambda: again.phase == "done", "result")
    sketch = bpy.data.objects["wedge"]
    assert sketch.realify.prompt == SLOW and sketch.realify.result is not None


def test_results_and_versions_are_in_the_file(
    server: Server, use: Any, runtime: ModuleType, tmp_path: Path
) -> None:
    use(server)
    sketch = sketches.wedge()
    realify(sketch, ECHO)
    realify(sketch, "a wedge steps=8")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "done.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "done.blend"))
    sketch = bpy.data.objects["wedge"]
    assert sketch.realify.result.realify.sketch == sketch and not sketch.visible_get()
    assert [each.prompt for each in sketch.realify.versions] == [ECHO, "a wedge steps=8"]
    assert [job.phase for job in runtime.state.jobs.values()] == ["done", "done"]
    sketch.realify.version = 0
    assert sketch.realify.result.data == sketch.realify.versions[0].mesh


def test_a_job_that_cannot_be_read_costs_only_itself(
    server: Server, use: Any, runtime: ModuleType, tmp_path: Path
) -> None:
    """A later version's, say: it is kept as it stands, through every save, and told of."""
    use(server)
    realify(sketches.wedge(), ECHO)
    scene = bpy.context.scene
    (known,) = json.loads(scene.realify.jobs)
    odd = [
        {"key": "of a later version", "matrix": None},
        {**known, "key": "its phase is of one", "phase": "resting"},
        {**known, "key": "its time is no number", "created": "yesterday"},
        "a text",
    ]
    scene.realify.jobs = json.dumps([odd[0], known, *odd[1:]])
    for name in ("mixed.blend", "again.blend"):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / name))
        bpy.ops.wm.read_homefile(use_empty=True)
        assert runtime.state.unread == 0
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / name))
        assert the_job(runtime).key == known["key"] and runtime.state.unread == len(odd)
        kept = json.loads(bpy.context.scene.realify.jobs)
        assert kept[1:] == odd and kept[0]["key"] == known["key"]


CLOSED = """
    import os, signal, sys, time
    from importlib import import_module
    import bpy
    bpy.ops.preferences.addon_enable(module=sys.argv[2])  # bpy as a module does not read the user's preferences
    bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
    runtime = import_module(f"{sys.argv[2]}.runtime")
    chosen = runtime.preferences()
    chosen.url, chosen.token = sys.argv[3], sys.argv[4]
    runtime.connect()
    def turn(over):
        end = time.monotonic() + 100
        while not over():
            assert time.monotonic() < end, (runtime.state.status, runtime.state.jobs)
            runtime.tick()
            time.sleep(.02)
    turn(lambda: runtime.state.status.state == "ready")
    job = runtime.flow.begin([bpy.data.objects["wedge"]], bpy.context)
    if sys.argv[5] == "sending":
        os.kill(int(sys.argv[6]), signal.SIGSTOP)  # a server that takes its time
    turn(lambda: job.phase == sys.argv[5])
    print("REACHED", job.key, flush=True)
    os._exit(0)
"""


def close_blender_in(phase: str, server: Server, blend: Path) -> str:
    """Another Blender opens the file, begins a job, and is gone in that phase. The job's key."""
    values = [str(blend), PACKAGE, server.url, server.token, phase, str(server.process.pid)]
    command = [sys.executable, "-c", textwrap.dedent(CLOSED), *values]
    ran = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), cwd=ROOT, timeout=300)
    server.process.send_signal(signal.SIGCONT)
    assert "REACHED" in ran.stdout, ran.stdout + ran.stderr
    return ran.stdout.split("REACHED")[1].split()[0]


def saved_wedge(path: Path, prompt: str) -> Path:
    sketches.wedge().realify.prompt = prompt
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    return path


def test_blender_closed_in_the_middle_without_saving(
    server: Server, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    blend = saved_wedge(tmp_path / "closed.blend", SLOW)
    key = close_blender_in("running", server, blend)
    use(server)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    job = the_job(runtime)
    assert job.key == key and job.id
    wait(lambda: job.phase == "done", "result")
    assert bpy.data.objects["wedge"].realify.result is not None


def test_blender_closed_before_the_sketch_was_sent(
    server: Server, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    blend = saved_wedge(tmp_path / "early.blend", ECHO)
    key = close_blender_in("sending", server, blend)
    use(server)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    job = the_job(runtime)
    assert job.key == key and job.phase == "failed" and "closed" in job.trouble["message"]
    bpy.ops.realify.retry(key=key)
    wait(lambda: job.phase == "done", "result")
