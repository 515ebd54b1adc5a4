"""The whole way, as on the first day, with the real server and its real prior: no server, its button, a sketch, a
prompt, a result on the sketch; undo and redo; another job that is cancelled."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np
from hand import Wait, until
from mathutils import Euler

PROMPT = "a photo of a red mushroom"
QUICK = "fit.steps=100 stage1.steps=60 stage2.steps=20"  # so that two cores without a GPU are done in minutes
WORK_SECONDS = 1200.0


def tell(stage: Any) -> Wait:
    """In the order in which a user comes by these things."""
    hand, state = stage.hand, stage.state
    yield from hand.open_tab("Realify")
    yield from until(lambda: state.status.state == "unreachable", "word that no server answers")
    yield from stage.picture("no-server", "SIDEBAR")
    yield from start_server(stage)
    yield from bring_sketch(stage)
    yield from one_result(stage)
    yield from undo_and_redo(stage)
    yield from cancel_one(stage)
    yield from refused(stage)
    yield from preferences(stage)


def start_server(stage: Any) -> Wait:
    """By its button; the server is found on PATH and takes its data folder from the environment."""
    yield from stage.hand.push("realify.start_server")
    assert stage.state.status.state == "starting", stage.state.status
    yield from until(lambda: stage.state.status.state == "ready", "server that answers", 120)
    # The status says for how long the prior is still being loaded.
    yield from until(lambda: not stage.state.status.message, "server whose worker is warm", 180)


def bring_sketch(stage: Any) -> Wait:
    """As a file that is dropped into the 3D View does."""
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    file = stage.root / "examples" / "sketches" / "mushroom.glb"
    with stage.hand.in_view():
        bpy.ops.realify.open_sketch("INVOKE_DEFAULT", filepath=str(file))
    yield from until(lambda: bpy.context.selected_objects, "sketch in the scene")
    bpy.context.active_object.name = "mushroom"
    look_at_it(stage)
    yield from stage.picture("ready")


def look_at_it(stage: Any) -> None:
    """From the front, a little from above, in the colours it was drawn with."""
    space = stage.hand.area().spaces.active
    space.shading.color_type = "VERTEX"
    space.region_3d.view_rotation = Euler((math.radians(80), 0.0, math.radians(15))).to_quaternion()
    with stage.hand.in_view():
        bpy.ops.view3d.view_selected()
        bpy.ops.view3d.zoom(delta=-1)


def one_result(stage: Any) -> Wait:
    """Prompt, button, progress, result; and it stands on the sketch."""
    hand, state = stage.hand, stage.state
    sketch, parts = bpy.context.active_object, list(bpy.context.selected_objects)
    sketch.realify.preset, sketch.realify.more = "draft", QUICK
    field = yield from hand.find_field("prompt")
    yield from hand.write(field, PROMPT)
    assert sketch.realify.prompt == PROMPT, sketch.realify.prompt
    if not bpy.context.scene.realify.joined:  # the file holds two meshes, which are one sketch
        button = yield from hand.find_field("joined")
        yield from hand.click(button.spot)
    yield from hand.push("realify.run")
    assert len(state.jobs) == 1, f"the click on Realify made {len(state.jobs)} jobs"
    job = next(iter(state.jobs.values()))
    yield from until(lambda: job.stage == "stage1" and job.preview, "first stage with a preview", WORK_SECONDS)
    yield 2.0  # in which it comes
    yield from stage.picture("running")
    yield from until(lambda: job.phase == "done" or job.trouble, "result", WORK_SECONDS)
    assert not job.trouble, job.trouble
    result = sketch.realify.result
    assert result is not None and result.visible_get()
    assert not any(part.visible_get() for part in parts), "the sketch is still to be seen"
    stage.told["away"] = away = distance(parts, result)
    # The result is not the sketch: its box is only nearly the same. That it stands exactly there is tested elsewhere.
    assert away < 0.1, f"the result's box is {away:.2f} of the sketch's size away from it"
    hand.area().spaces.active.shading.type = "MATERIAL"
    yield 60.0  # EEVEE compiles its shaders, on the processor
    yield from stage.picture("done")


def box(objects: list[bpy.types.Object]) -> np.ndarray:
    """[2, 3]: the least and the greatest corner in the world."""
    corners = np.array([obj.matrix_world @ vertex.co for obj in objects for vertex in obj.data.vertices])
    return np.stack([corners.min(0), corners.max(0)])


def distance(sketch: list[bpy.types.Object], result: bpy.types.Object) -> float:
    """How far apart their boxes' corners are, as a part of the sketch's diagonal."""
    a, b = box(sketch), box([result])
    return float(np.abs(a - b).max() / np.linalg.norm(a[1] - a[0]))


def undo_and_redo(stage: Any) -> Wait:
    """Ctrl-Z takes the import back, Ctrl-Shift-Z brings it again."""
    name = bpy.context.active_object.name
    before = {obj.name for obj in bpy.data.objects}
    yield from stage.hand.rest()
    yield from stage.hand.press("Z", ctrl=True)
    yield from until(lambda: name not in bpy.data.objects, "undo")
    stage.told["undone"] = sorted(before - {obj.name for obj in bpy.data.objects})
    assert stage.told["undone"] == [name], stage.told["undone"]
    assert all(obj.visible_get() for obj in bpy.context.scene.objects), "the sketch is still hidden"
    yield 3.0
    assert name not in bpy.data.objects, "the undone import came back by itself"
    yield from stage.hand.press("Z", ctrl=True, shift=True)
    yield from until(lambda: name in bpy.data.objects, "redo")
    yield 1.0


def cancel_one(stage: Any) -> Wait:
    """A second job of the same sketch, longer, whose Cancel is clicked while it works."""
    stage.hand.area().spaces.active.shading.type = "SOLID"
    stage.module("scene.subject").subject(bpy.context).realify.more = "stage1.steps=2000"
    yield from stage.hand.push("realify.run")
    first, job = stage.state.jobs.values()
    stage.told["members"] = [len(first.members), len(job.members)]
    yield from until(lambda: job.phase == "running" and job.step > 1, "second job at work", 120)
    yield from stage.hand.push("realify.cancel")
    yield from until(lambda: job.phase == "cancelled", "cancelled job", 120)
    yield from stage.glimpse("cancelled")
    assert set(job.members) == set(first.members), "the second job is of another sketch than the first"


def refused(stage: Any) -> Wait:
    """A setting that there is not: the server says so, and which one was meant."""
    (first, *_), *_ = stage.module("scene.subject").selected(bpy.context)
    first.realify.more = "stage1.stepps=60"
    yield from stage.hand.rest()
    yield from stage.hand.push("realify.run")
    job = list(stage.state.jobs.values())[-1]
    yield from until(lambda: job.phase == "failed", "refused job")
    stage.told["refused"] = job.trouble
    yield from stage.picture("error", "SIDEBAR")


def preferences(stage: Any) -> Wait:
    """The extension's own, in place of the 3D View: a window of their own would lie over the edge of the screen."""
    bpy.context.preferences.view.show_addons_enabled_only = True
    bpy.context.window_manager.addon_search = "Realify"
    area = stage.hand.area()
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.ops.preferences.addon_expand(module="bl_ext.user_default.realify")
    yield from stage.picture("preferences", "PREFERENCES")
