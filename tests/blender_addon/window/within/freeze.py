"""How long the window is away while jobs are begun, run and come back; see stopwatch.py.

Without a GPU Blender draws 2,000,000 triangles in seconds, and again for each sample of its smooth edges: the large
sketch is shown as a box, and edges are not smoothed, so that gaps tell of more than of drawing.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import bpy
import numpy as np
from hand import Wait, until

SIDE = 1000  # squares of the large sketch, each of two triangles
CARDS = 50
LONG = "a cube steps=400 pause=.02"  # a step every 20 ms: more news than the real pipeline has
SHORT = "a cube steps=6 pause=.01"


def tell(stage: Any) -> Wait:
    """Baselines first; then a job's way, small and large; then servers that fail."""
    server, chosen = stage.request["server"], stage.preferences
    wrap(stage)
    bpy.context.preferences.system.viewport_aa = "OFF"
    yield from stage.hand.open_tab("Item")
    yield from span(stage, "Blender alone: at rest", quiet())
    yield from span(stage, "Blender alone: its sidebar drawn ten times a second", drawn(stage, "UI"))
    yield from span(stage, "Blender alone: its 3D View drawn ten times a second", drawn(stage, "WINDOW"))
    yield from span(stage, "Blender alone: a cube is added, and taken back", cube_added(stage))
    chosen.url, chosen.token = server["url"], server["token"]
    yield from stage.hand.open_tab("Realify")
    yield from until(lambda: stage.state.status.state == "ready", "connection")
    yield from span(stage, "connected, no job", quiet())
    yield from one_job(stage, "a cube", LONG)
    yield from span(stage, "Blender alone: a copy of that result appears", copy_appears())
    large_sketch()
    yield 5.0
    yield from span(stage, "2,000,000 triangles are there, no job", drawn(stage, "WINDOW"))
    yield from one_job(stage, "2,000,000 triangles", SHORT)
    yield from many_cards(stage)
    yield from killed(stage)
    yield from deaf(stage)


def wrap(stage: Any) -> None:
    """All that Blender calls in its own thread."""
    runtime = stage.module("runtime")
    stage.watch.watch(runtime, "tick", "tick")
    for part in ("ui.operators.jobs", "ui.panel"):
        for each in stage.module(part).CLASSES:
            for name in ("draw", "draw_header", "invoke", "execute"):
                if name in vars(each):
                    stage.watch.watch(each, name, f"{each.__name__}.{name}")


def span(stage: Any, name: str, what: Wait) -> Wait:
    """`what`, timed."""
    yield from stage.hand.rest()
    stage.watch.begin(name)
    yield from what
    stage.watch.end()


def quiet() -> Wait:
    yield 5.0


def drawn(stage: Any, region: str) -> Wait:
    for _ in range(50):
        stage.hand.region(region).tag_redraw()
        yield 0.1


def cube_added(stage: Any) -> Wait:
    with stage.hand.in_view():
        bpy.ops.mesh.primitive_cube_add(location=(3.0, 0.0, 0.0))
    bpy.ops.ed.undo_push(message="Add Cube")
    yield 2.0
    yield from stage.hand.press("Z", ctrl=True)
    yield 2.0
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]


def copy_appears() -> Wait:
    """What Blender needs to draw such a mesh for the first time."""
    result = next(obj for obj in bpy.data.objects if obj.realify.sketch is not None)
    copy = bpy.data.objects.new("copy", result.data.copy())
    bpy.context.scene.collection.objects.link(copy)
    yield 3.0
    bpy.data.objects.remove(copy)


def one_job(stage: Any, name: str, prompt: str) -> Wait:
    """Its parts, from the click on: until the server has it; at work; until the result is in the scene."""
    watch, sketch = stage.watch, bpy.context.active_object
    sketch.realify.prompt = prompt
    button = yield from stage.hand.find_command("realify.run")
    count = len(stage.state.jobs)
    watch.begin(f"{name}: click, export, upload")
    yield from stage.hand.click(button.spot)
    assert len(stage.state.jobs) == count + 1, "the click on Realify made no job"
    job = list(stage.state.jobs.values())[-1]
    yield from until(lambda: job.phase not in ("preparing", "sending"), "sketch on the server", 300)
    watch.end()
    assert not job.trouble, job.trouble
    watch.begin(f"{name}: at work, its progress told")
    yield from until(lambda: job.phase not in ("queued", "running"), "finished job", 120)
    watch.end()
    watch.begin(f"{name}: 200,000 triangles with 4096 x 4096 textures come back")
    yield from until(lambda: job.phase not in ("fetching", "ready"), "result in the scene", 300)
    yield 3.0  # and is drawn
    watch.end()
    assert job.phase == "done" and sketch.realify.result is not None, job.trouble


def large_sketch() -> None:
    """A wavy sheet of 2,000,000 triangles, selected."""
    u, v = np.meshgrid(np.linspace(-1, 1, SIDE + 1), np.linspace(-1, 1, SIDE + 1))
    positions = np.stack([u, v, 0.2 * np.sin(9 * u) * np.cos(7 * v)], axis=-1).reshape(-1, 3)
    corner = (np.arange(SIDE)[:, None] * (SIDE + 1) + np.arange(SIDE)).reshape(-1, 1)
    a, b, c, d = corner, corner + 1, corner + SIDE + 2, corner + SIDE + 1
    loops = np.concatenate([a, b, c, a, c, d], axis=1).astype(np.int32)
    mesh = bpy.data.meshes.new("sheet")
    mesh.vertices.add(len(positions))
    mesh.vertices.foreach_set("co", positions.astype(np.float32).ravel())
    mesh.loops.add(loops.size)
    mesh.loops.foreach_set("vertex_index", loops.ravel())
    mesh.polygons.add(loops.size // 3)
    mesh.polygons.foreach_set("loop_start", np.arange(0, loops.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    sheet = bpy.data.objects.new("sheet", mesh)
    sheet.display_type = "BOUNDS"
    bpy.context.scene.collection.objects.link(sheet)
    for obj in bpy.context.selected_objects:
        obj.select_set(False)
    sheet.select_set(True)
    bpy.context.view_layer.objects.active = sheet


def many_cards(stage: Any) -> Wait:
    """A long list, drawn ten times a second."""
    job_of = stage.module("jobs.job").Job
    kept = dict(stage.state.jobs)
    for number in range(CARDS):
        job = job_of(name=f"sketch {number}", prompt=f"a photo of thing {number}", phase="done", finished=1.8e9)
        stage.state.jobs[job.key] = job
    yield from span(stage, f"{CARDS} jobs in the list, drawn ten times a second", drawn(stage, "UI"))
    stage.state.jobs.clear()
    stage.state.jobs.update(kept)


def killed(stage: Any) -> Wait:
    """The server dies while a job runs."""
    bpy.ops.mesh.primitive_cube_add(location=(3.0, 0.0, 0.0))
    bpy.context.active_object.realify.prompt = LONG
    yield from stage.hand.rest()
    yield from stage.hand.push("realify.run")
    job = list(stage.state.jobs.values())[-1]
    yield from until(lambda: job.phase == "running", "job at work", 120)
    stage.watch.begin("the server is killed while a job runs")
    os.kill(stage.request["server"]["pid"], signal.SIGKILL)
    yield from until(lambda: stage.state.status.state == "unreachable", "word that the server is gone")
    yield 8.0
    stage.watch.end()


def deaf(stage: Any) -> Wait:
    """A server that takes the connection and never answers; a click on Connect while it does not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage.preferences.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield from span(stage, "a server that never answers", quiet())
