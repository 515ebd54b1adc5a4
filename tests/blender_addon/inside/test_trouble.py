"""What goes wrong is told in the panel's words, and nothing is lost."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import Server
from tests.blender_addon.inside.test_run import ECHO, begin


def refused(**values: Any) -> str:
    """What a script is told by realify.run."""
    with pytest.raises(RuntimeError) as error:
        bpy.ops.realify.run(**values)
    return str(error.value)


def test_no_server(runtime: ModuleType) -> None:
    runtime.preferences().url = "http://127.0.0.1:9"
    sketches.wedge().realify.prompt = "a wedge"
    assert "127.0.0.1:9" in refused() and runtime.state.status.fix and not runtime.state.jobs


def test_a_wrong_token(server: Server, runtime: ModuleType) -> None:
    chosen = runtime.preferences()
    chosen.url, chosen.token = server.url, "wrong"
    sketches.wedge().realify.prompt = "a wedge"
    assert "token" in refused() and runtime.state.status.state == "bad_token"
    chosen.token = ""
    assert "token" in refused() and runtime.state.status.state in ("no_token", "bad_token")
    chosen.token = server.token
    assert bpy.ops.realify.check_server() == {"FINISHED"} and runtime.state.status.state == "ready"


@contextmanager
def another_program(body: bytes) -> Iterator[str]:
    """An HTTP server that answers everything with this."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (json.dumps({"name": "realify", "version": "9.1.0", "api": 2}).encode(), "other_version"),
        (b"<html>hello</html>", "not_realify"),
    ],
)
def test_a_server_of_another_version_or_kind(body: bytes, state: str, runtime: ModuleType) -> None:
    with another_program(body) as url:
        runtime.preferences().url = url
        sketches.wedge().realify.prompt = "a wedge"
        said = refused()
    assert runtime.state.status.state == state and (state != "other_version" or "9.1.0" in said)


def test_nothing_leaves_this_computer_without_online_access(runtime: ModuleType) -> None:
    assert not bpy.app.online_access
    runtime.preferences().url = "http://192.0.2.7:8760"
    sketches.wedge().realify.prompt = "a wedge"
    assert "Online Access" in refused() and runtime.state.status.state == "offline"


def test_what_cannot_be_a_sketch_is_named(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    empty = sketches.link("nothing", bpy.data.meshes.new("nothing"))
    empty.realify.prompt = "a thing"
    assert "nothing" in refused() and "empty" in refused()
    flat = sketches.wedge("flat")
    flat.realify.prompt, flat.scale.z = "a thing", 0
    bpy.context.view_layer.update()
    assert "scale" in refused()
    sketches.link("eye", bpy.data.cameras.new("eye")).realify.prompt = "a thing"
    assert "eye" in refused()
    sketches.select()
    assert "Select" in refused()
    sketches.wedge("silent")
    assert "prompt" in refused()
    bpy.data.objects["silent"].realify.prompt = "a thing"
    bpy.data.objects["silent"].realify.more = "nonsense"
    assert "'nonsense'" in refused()
    assert not runtime.state.jobs


def test_a_setting_that_the_server_refuses(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    sketch = sketches.wedge()
    sketch.realify.prompt, sketch.realify.more = "a wedge", "geometri.lr=1"
    assert "geometry.lr" in refused()
    (job,) = runtime.state.jobs.values()
    assert job.phase == "failed" and job.trouble["fix"]


def test_a_job_that_fails_says_why_and_can_be_tried_again(
    server: Server, use: Any, runtime: ModuleType, wait: Any
) -> None:
    use(server)
    sketch = sketches.wedge()
    sketch.realify.prompt = "a wedge echo=1 steps=10 fail-at=5 attempts=1"
    assert "asked for a failure" in refused()
    (job,) = runtime.state.jobs.values()
    assert job.phase == "failed"
    assert bpy.ops.realify.retry(key=job.key) == {"FINISHED"}
    wait(lambda: job.phase == "done", "result")
    assert sketch.realify.result is not None


def test_a_sketch_renamed_while_its_job_runs(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    sketch = sketches.wedge()
    job = begin(runtime, sketch, "a wedge echo=1 steps=20 pause=.05")
    sketch.name = "renamed"
    wait(lambda: job.phase == "done", "result")
    assert sketch.realify.result is not None and "renamed" in sketch.realify.result.name


def test_a_sketch_deleted_while_its_job_runs(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    sketch = sketches.wedge()
    sketch.location = (2, 3, 4)
    bpy.context.view_layer.update()
    there = sketches.world_points(sketch)
    job = begin(runtime, sketch, "a wedge echo=1 steps=20 pause=.05")
    wait(lambda: job.phase == "running", "run")
    bpy.ops.object.delete()
    wait(lambda: job.phase == "done", "result")
    (result,) = bpy.context.scene.objects
    assert sketches.distance(sketches.world_points(result), there) < 1e-5


def test_a_sketch_deleted_while_it_is_read(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    job = begin(runtime, sketches.wedge(), "a wedge echo=1 steps=8")
    bpy.ops.object.delete()
    wait(lambda: job.phase in ("done", "failed"), "end")
    assert job.phase == "done" or job.trouble["message"]


def test_a_full_disk_is_told_and_a_retry_goes_on(
    server: Server, use: Any, runtime: ModuleType, wait: Any, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        (small / "filler").write_bytes(bytes(40_000))
        use(server)
        runtime.flow.folder = small
        job = begin(runtime, sketches.wedge(), ECHO)
        (small / "more").write_bytes(bytes(16_000))
        wait(lambda: job.phase in ("failed", "done"), "end")
        assert job.phase == "failed" and job.trouble["code"] == "disk_full", job.trouble
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        bpy.ops.realify.retry(key=job.key)
        wait(lambda: [each.name for each in runtime.state.jobs.values() if each.phase == "done"] == ["wedge"], "result")
    finally:
        subprocess.run(["umount", str(small)], check=True)
