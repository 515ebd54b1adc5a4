"""What goes wrong, as the panel tells it: a wrong token, a sketch that is none, a job that fails, a sketch that is
renamed or deleted while its job runs, a server that is killed."""

from __future__ import annotations

import os
import signal
from typing import Any

import bpy
from hand import Wait, until

ANY_SCRIPT = "赤いキノコ · красный гриб · فطر أحمر · लाल मशरूम"


def tell(stage: Any) -> Wait:
    """Each trouble after the one before was mended."""
    server, chosen = stage.request["server"], stage.preferences
    yield from stage.hand.open_tab("Realify")
    yield from wrong_token(stage)
    chosen.token = server["token"]
    yield from until(lambda: stage.state.status.state == "ready", "connection")
    yield from no_sketch(stage)
    yield from failed_job(stage)
    yield from changed_sketch(stage)
    yield from killed_server(stage)


def wrong_token(stage: Any) -> Wait:
    stage.preferences.url, stage.preferences.token = stage.request["server"]["url"], "wrong"
    yield from until(lambda: stage.state.status.state == "bad_token", "word that the token is wrong")
    yield from stage.glimpse("wrong-token")


def no_sketch(stage: Any) -> Wait:
    """The button is there, and a click on it does nothing, but the panel says why."""
    cube = bpy.context.active_object
    cube.realify.prompt = "a cube"
    cube.scale.x = 0.0
    yield from stage.hand.rest()
    yield from stage.hand.push("realify.run")
    assert not stage.state.jobs, "a flat sketch was sent"
    yield from stage.glimpse("zero-scale")
    cube.scale.x = 1.0


def run(stage: Any, prompt: str) -> Any:
    """The job that a click on Realify makes of the active object, which then says `prompt`."""
    bpy.context.active_object.realify.prompt = prompt
    count = len(stage.state.jobs)
    yield from stage.hand.rest()
    yield from stage.hand.push("realify.run")
    assert len(stage.state.jobs) == count + 1, "the click on Realify made no job"
    return list(stage.state.jobs.values())[-1]


def failed_job(stage: Any) -> Wait:
    """Its card tells what the server tells; it is taken off the list by its button."""
    job = yield from run(stage, "fail-at=12")
    yield from until(lambda: job.phase == "failed", "failed job")
    yield from stage.glimpse("failed")
    yield from stage.hand.push("realify.remove")
    yield from until(lambda: not stage.state.jobs, "job that is gone")


def changed_sketch(stage: Any) -> Wait:
    """Renamed: the result finds it. Deleted: the result comes all the same, where the sketch stood."""
    cube = bpy.context.active_object
    job = yield from run(stage, f"{ANY_SCRIPT} steps=60 pause=.05")
    yield from until(lambda: job.phase == "running", "job at work")
    cube.name = "renamed"
    yield from stage.glimpse("any-script")
    yield from until(lambda: job.phase == "done" or job.trouble, "result of a renamed sketch")
    assert cube.realify.result is not None, job.trouble

    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(3.0, 0.0, 0.0))
    deleted = bpy.context.active_object.name
    job = yield from run(stage, "a cube steps=60 pause=.05")
    yield from until(lambda: job.phase == "running", "job at work")
    bpy.data.objects.remove(bpy.data.objects[deleted])
    known = set(bpy.data.objects)
    yield from until(lambda: job.phase == "done" or job.trouble, "result of a deleted sketch")
    (result,) = set(bpy.data.objects) - known
    assert abs(result.matrix_world.translation.x - 3.0) < 1e-4, result.matrix_world


def killed_server(stage: Any) -> Wait:
    """The panel says that nobody answers; the job keeps its place."""
    bpy.ops.mesh.primitive_cube_add(size=1.0, location=(-3.0, 0.0, 0.0))
    job = yield from run(stage, "a cube steps=400 pause=.1")
    yield from until(lambda: job.phase == "running" and job.step > 3, "job at work")
    os.kill(stage.request["server"]["pid"], signal.SIGKILL)
    yield from until(lambda: stage.state.status.state == "unreachable", "word that the server is gone")
    yield from stage.glimpse("killed-server")
    assert job.phase == "running", job.phase
