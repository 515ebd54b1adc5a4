"""From the click to the result, with a real server; its pipeline is the fast one of tests/server/fake_pipeline.py."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import bpy
import pytest

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import Server

ECHO = "a wedge echo=1 steps=8"  # the result is the sketch itself


def realify(obj: bpy.types.Object, prompt: str) -> bpy.types.Object:
    """Its result, as a script gets it."""
    sketches.select(obj)
    obj.realify.prompt = prompt
    assert bpy.ops.realify.run() == {"FINISHED"}
    return obj.realify.result


def begin(runtime: ModuleType, obj: bpy.types.Object, prompt: str) -> Any:
    """Its job, as a click begins it."""
    sketches.select(obj)
    obj.realify.prompt = prompt
    return runtime.flow.begin([obj], bpy.context)


@pytest.mark.parametrize("make", [sketches.wedge, sketches.curve, sketches.drawing])
def test_a_mesh_a_curve_and_a_drawing_become_real_where_they_stand(
    make: Any, server: Server, use: Any, runtime: ModuleType
) -> None:
    use(server)
    sketch = make()
    sketch.location, sketch.rotation_euler, sketch.scale = (3, -2, 0.5), (0.3, 0.2, 1.0), (1.5, 0.7, 1.1)
    bpy.context.view_layer.update()
    result = realify(sketch, ECHO)
    assert result is not None and result.type == "MESH" and sketch.name in result.name
    assert result.realify.sketch == sketch and not sketch.visible_get() and result.visible_get()
    assert "Realify" in [each.name for each in result.users_collection]
    for one, other in zip(result.matrix_world, sketch.matrix_world, strict=True):
        assert one[:] == pytest.approx(other[:], abs=1e-6)
    if sketch.type == "MESH":
        assert sketches.distance(sketches.world_points(result), sketches.world_points(sketch)) < 1e-5
    (job,) = runtime.state.jobs.values()
    assert job.phase == "done" and server_job(server, job.id)["prompt"] == ECHO


def server_job(server: Server, job_id: str) -> dict[str, Any]:
    import urllib.request

    headers = {"Authorization": f"Bearer {server.token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/jobs/{job_id}", headers=headers)) as answer:
        return json.load(answer)


def test_one_undo_takes_it_back_and_it_does_not_come_again_by_itself(
    server: Server, use: Any, runtime: ModuleType, wait: Any
) -> None:
    use(server)
    sketches.wedge()
    bpy.ops.ed.undo_push(message="a wedge")
    realify(bpy.data.objects["wedge"], ECHO)
    (job,) = runtime.state.jobs.values()
    bpy.ops.ed.undo()
    sketch = bpy.data.objects["wedge"]
    assert sketch.visible_get() and sketch.realify.result is None and not len(sketch.realify.versions)
    assert len(bpy.context.scene.objects) == 1
    assert list(runtime.state.jobs) == [job.key] and job.key in bpy.context.scene.realify.jobs
    for _ in range(20):
        wait(lambda: True, "turn")
    assert len(bpy.context.scene.objects) == 1
    assert bpy.ops.realify.import_result(key=job.key) == {"FINISHED"}
    assert bpy.data.objects["wedge"].realify.result is not None and len(bpy.context.scene.objects) == 2


def test_an_undo_while_it_runs_loses_no_job(server: Server, use: Any, runtime: ModuleType, wait: Any) -> None:
    use(server)
    bpy.ops.ed.undo_push(message="empty")
    sketches.wedge()
    bpy.ops.ed.undo_push(message="a wedge")
    bpy.data.objects["wedge"].location.x = 1
    bpy.ops.ed.undo_push(message="moved")
    job = begin(runtime, bpy.data.objects["wedge"], "a wedge echo=1 steps=20 pause=.05")
    wait(lambda: job.phase == "running", "run")
    bpy.ops.ed.undo()
    assert list(runtime.state.jobs) == [job.key] and bpy.data.objects["wedge"].location.x == 0
    wait(lambda: job.phase == "done", "result")
    assert bpy.data.objects["wedge"].realify.result is not None


def test_importing_again_makes_no_second_object(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    sketch = sketches.wedge()
    result = realify(sketch, ECHO)
    (job,) = runtime.state.jobs.values()
    before = len(bpy.data.objects)
    assert bpy.ops.realify.import_result(key=job.key) == {"FINISHED"}
    assert sketch.realify.result == result and len(bpy.data.objects) == before and len(sketch.realify.versions) == 1


def test_each_run_of_a_sketch_is_a_version(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    sketch = sketches.wedge()
    result = realify(sketch, ECHO)
    sketches.select(result)  # and its sketch is meant
    sketch.realify.prompt = "another wedge steps=8"
    assert bpy.ops.realify.run() == {"FINISHED"}
    assert sketch.realify.result == result
    assert [each.prompt for each in sketch.realify.versions] == [ECHO, "another wedge steps=8"]
    assert len(result.data.vertices) != 6 and not sketch.visible_get()
    sketch.realify.version = 0
    assert len(result.data.polygons) == len(sketch.realify.versions[0].mesh.polygons)
    assert result.data == sketch.realify.versions[0].mesh


def test_several_sketches_one_job_each_or_as_one(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    one, other = sketches.wedge("one"), sketches.wedge("other")
    other.location.x = 5
    other.realify.prompt = "its own words steps=8 echo=1"
    one.realify.prompt = ECHO
    sketches.select(one, other)
    assert bpy.ops.realify.run() == {"FINISHED"}
    assert [job.prompt for job in runtime.state.jobs.values()] == [ECHO, "its own words steps=8 echo=1"]
    sketches.select(one.realify.result, other.realify.result)
    assert bpy.ops.realify.run(joined=True) == {"FINISHED"}
    joined = list(runtime.state.jobs.values())[-1]
    assert len(runtime.state.jobs) == 3 and len(joined.members) == 2
    sketches.select(one.realify.result)  # stands for all that was sent for it
    assert bpy.ops.realify.run() == {"FINISHED"}
    assert list(runtime.state.jobs.values())[-1].members == joined.members
    bounds = sketches.world_points(one.realify.result)[:, 0]
    assert bounds.min() == pytest.approx(0, abs=1e-4) and bounds.max() == pytest.approx(7, abs=1e-4)


def test_one_without_words_takes_the_settings_of_the_active_one(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    one, other = sketches.wedge("one"), sketches.wedge("other")
    one.realify.prompt, one.realify.preset, one.realify.seed, one.realify.more = "steps=8", "draft", 5, "fit.grid=32"
    sketches.select(one, other)
    assert bpy.ops.realify.run() == {"FINISHED"}
    for job in runtime.state.jobs.values():
        assert (job.prompt, job.preset, job.seed, job.settings) == ("steps=8", "draft", 5, {"fit.grid": 32})


def test_settings_reach_the_server(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    sketch = sketches.wedge()
    given = sketch.realify
    given.preset, given.seed, given.keep_shape, given.stage1_steps = "draft", 7, "EXACT", 12
    given.texture_size, given.faces, given.more = "1024", 5000, "fit.grid=32 prior.dtype=float32"
    realify(sketch, "wedge steps=8")
    (job,) = runtime.state.jobs.values()
    there = server_job(server, job.id)
    assert (there["preset"], there["seed"], there["name"]) == ("draft", 7, "wedge")
    assert there["settings"] == {
        "geometry.lr": 0.0, "stage1.steps": 12, "output.texture_size": 1024, "output.faces": 5000,
        "fit.grid": 32, "prior.dtype": "float32",
    }  # fmt: skip


def test_prompts_in_any_script(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    prompts = ["ein großer Pilz", "красный гриб", "赤いキノコの写真", "فطر أحمر", "🍄 «x» \\ \"'"]
    made = [sketches.wedge(prompt[:20]) for prompt in prompts]
    for sketch, prompt in zip(made, prompts, strict=True):
        sketch.realify.prompt = f"{prompt} steps=8"
    sketches.select(*made)
    assert bpy.ops.realify.run() == {"FINISHED"}
    there = [server_job(server, job.id) for job in runtime.state.jobs.values()]
    wanted = [(f"{prompt} steps=8", sketch.name) for prompt, sketch in zip(prompts, made, strict=True)]
    assert sorted((each["prompt"], each["name"]) for each in there) == sorted(wanted)
    assert all(sketch.realify.result is not None for sketch in made)


def test_what_the_server_offers_is_what_the_panel_offers(server: Server, use: Any, runtime: ModuleType) -> None:
    use(server)
    properties = bpy.context.scene.bl_rna and bpy.types.Object.bl_rna.properties["realify"].fixed_type.properties
    options = runtime.state.options
    assert {item.identifier for item in properties["preset"].enum_items} == set(options["presets"])
    assert {item.identifier for item in properties["backend"].enum_items} == set(options["backends"])
    settings = {row["key"]: row for row in options["settings"]}
    sizes = [str(size) for size in settings["output.texture_size"]["choices"]]
    assert [item.identifier for item in properties["texture_size"].enum_items] == ["0", *sizes]
    for name, key in (("stage1_steps", "stage1.steps"), ("stage2_steps", "stage2.steps"), ("faces", "output.faces")):
        assert properties[name].hard_max == settings[key]["range"][1]
    assert {"geometry.keep_shape", "geometry.lr", "prior.name", "backend"} <= set(settings)
