"""A result stands exactly where its sketch stands: its world vertices are the sketch's, to a millionth of its size."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from tests.blender_addon.inside import results, sketches
from tests.blender_addon.inside.test_read_result import triangles_of

EXACT = 2e-6  # of the size, times what a strong shear costs single precision


def empty(name: str, parent: bpy.types.Object | None = None, **place: Any) -> bpy.types.Object:
    obj = sketches.link(name, None)
    obj.parent = parent
    for key, value in place.items():
        setattr(obj, key, value)
    return obj


def plain(sketch: bpy.types.Object) -> None:
    sketch.location, sketch.rotation_euler, sketch.scale = (1, -2, 0.5), (0.3, 0.2, 1.0), (1.5, 0.7, 1.1)


def far(sketch: bpy.types.Object) -> None:
    plain(sketch)
    sketch.location = (123456.7, -98765.4, 4321.0)


def tiny(sketch: bpy.types.Object) -> None:
    plain(sketch)
    sketch.scale = (1e-4, 3e-4, 2e-4)


def mirrored(sketch: bpy.types.Object) -> None:
    plain(sketch)
    sketch.scale = (-2, 1, 0.3)


def turned_inside_out(sketch: bpy.types.Object) -> None:
    plain(sketch)
    sketch.scale = (-1, -2, -0.5)


def sheared(sketch: bpy.types.Object) -> None:
    sketch.parent = empty("parent", location=(5, 6, 7), rotation_euler=(0.5, 0.1, 2), scale=(3, 0.4, -1))
    plain(sketch)


def sheared_twice(sketch: bpy.types.Object) -> None:
    above = empty("above", location=(-900, 20, 3), rotation_euler=(1, 2, 3), scale=(1, 5, 0.5))
    sketch.parent = empty("parent", above, rotation_euler=(0.5, 0.1, 2), scale=(-3, 0.4, 1))
    bpy.context.view_layer.update()
    sketch.matrix_parent_inverse = sketch.parent.matrix_world.inverted() @ Matrix.Translation((1, 2, 3))
    plain(sketch)


def with_deltas(sketch: bpy.types.Object) -> None:
    sketch.rotation_mode = "QUATERNION"
    sketch.rotation_quaternion = (0.5, 0.3, -0.7, 0.4)
    sketch.delta_location, sketch.delta_scale = (1, 2, 3), (2, 0.5, -1)
    sketch.delta_rotation_quaternion = (0.9, 0.1, 0.3, 0.3)


def about_an_axis(sketch: bpy.types.Object) -> None:
    plain(sketch)
    sketch.rotation_mode = "AXIS_ANGLE"
    sketch.rotation_axis_angle = (1.1, 0.3, 0.5, 0.8)


def on_a_bone(sketch: bpy.types.Object) -> None:
    rig = sketches.link("rig", bpy.data.armatures.new("rig"))
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("arm")
    bone.head, bone.tail = (0, 0, 1), (1, 2, 3)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["arm"].location, rig.scale = (1, 1, 1), (1, 2, 3)
    sketch.parent, sketch.parent_type, sketch.parent_bone = rig, "BONE", "arm"
    plain(sketch)


def on_vertices(sketch: bpy.types.Object) -> None:
    base = sketches.wedge("base")
    base.location, base.scale = (3, 3, 3), (1, 2, 3)
    sketch.parent, sketch.parent_type, sketch.parent_vertices = base, "VERTEX_3", (1, 2, 5)
    plain(sketch)


def constrained(sketch: bpy.types.Object) -> None:
    sheared(sketch)
    sketch.constraints.new("COPY_LOCATION").target = empty("there", location=(9, 8, 7))
    child_of(sketch)


def child_of(sketch: bpy.types.Object) -> None:
    """It shears."""
    constraint = sketch.constraints.new("CHILD_OF")
    constraint.target = empty("carrier", scale=(1, 2, 3), rotation_euler=(1, 1, 1))
    constraint.set_inverse_pending = False  # else it begins by doing nothing


def animated(sketch: bpy.types.Object) -> None:
    plain(sketch)
    for frame, x in ((1, 0), (11, 10)):
        sketch.location.x = x
        sketch.keyframe_insert("location", frame=frame)
    sketch.driver_add("scale", 2).driver.expression = "2 + frame * .01"
    bpy.context.scene.frame_set(4)


WAYS = [plain, far, tiny, mirrored, turned_inside_out, sheared, sheared_twice, with_deltas, about_an_axis, on_a_bone,
        on_vertices, constrained, animated]  # fmt: skip


def made_real(sketch: bpy.types.Object, tmp_path: Path, **more: Any) -> tuple[Any, Path]:
    """The job and the .blend file whose result is the sketch itself, as the server would give it back."""
    job = results.job_of(sketch, **more)
    points, triangles = triangles_of(sketch)
    glb = results.write_glb(tmp_path / "result.glb", points - np.array(job.origin), triangles)
    return job, results.read(glb, job, tmp_path / "child")[0]


def apart(result: bpy.types.Object, sketch: bpy.types.Object) -> float:
    """The farthest that any world vertex is off, in sizes of the sketch. The sketch, hidden, is shown for it."""
    sketch.hide_set(False)
    bpy.context.view_layer.update()
    wanted = sketches.world_points(sketch)
    return sketches.distance(sketches.world_points(result), wanted) / np.ptp(wanted, axis=0).max()


@pytest.mark.parametrize("way", WAYS)
def test_where_the_sketch_stands(way: Any, addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    way(sketch)
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    assert not sketch.visible_get() and sketch.hide_render and result.visible_get() and not result.hide_render
    assert bpy.context.view_layer.objects.active == result and bpy.context.selected_objects == [result]
    assert apart(result, sketch) < EXACT
    assert np.array_equal(result.matrix_world, sketch.matrix_world)  # also the origin, and the axes
    assert "realify_rest" not in result.data


@pytest.mark.parametrize("seed", range(6))
def test_under_any_parents(seed: int, addon: ModuleType, tmp_path: Path) -> None:
    draw = np.random.default_rng(seed)
    parent = None
    for level in range(3):
        scale = draw.uniform(0.3, 2, 3) * draw.choice([-1, 1], 3)
        parent = empty(f"{level}", parent, location=draw.normal(size=3) * 10 ** draw.uniform(-1, 3),
                       rotation_euler=draw.normal(size=3), scale=scale)  # fmt: skip
    sketch = sketches.wedge(size=10 ** draw.uniform(-2, 2))
    sketch.parent = parent
    plain(sketch)
    job, blend = made_real(sketch, tmp_path)
    columns = np.array(job.matrix).reshape(4, 4)[:3, :3]
    strain = np.linalg.cond(columns / np.linalg.norm(columns, axis=0))
    assert apart(results.place(job, blend, sketch), sketch) < EXACT * max(strain, 1)


def test_where_the_sketch_stands_now_and_not_when_it_was_sent(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    sheared(sketch)
    job, blend = made_real(sketch, tmp_path)
    sketch.name = "another name"
    sketch.location, sketch.parent.scale = (7, 7, 7), (1, 2, 3)
    result = results.place(job, blend, sketch)
    assert apart(result, sketch) < EXACT and result.name == "another name.real"


def test_a_hidden_sketch_whose_parent_moved(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    sheared(sketch)
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    sketch.parent.rotation_euler = (3, 2, 1)
    bpy.context.view_layer.update()
    assert results.place(job, blend, sketch) == result
    assert apart(result, sketch) < EXACT


def test_what_no_transform_can_tell_goes_into_the_meshes_of_all_versions(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    plain(sketch)
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    child_of(sketch)  # the result is there already, and does not get it
    (tmp_path / "next").mkdir()
    another, its_blend = made_real(sketch, tmp_path / "next")
    assert results.place(another, its_blend, sketch) == result
    assert apart(result, sketch) < 10 * EXACT and "realify_rest" in result.data
    sketch.realify.version = 0
    assert result.data == sketch.realify.versions[0].mesh
    assert apart(result, sketch) < 10 * EXACT and "realify_rest" in result.data
    sketch.constraints.clear()
    results.place(another, its_blend, sketch)
    assert apart(result, sketch) < 10 * EXACT
    assert not any("realify_rest" in each.mesh for each in sketch.realify.versions)


@pytest.mark.parametrize("way", [plain, far, mirrored, sheared_twice])
def test_a_deleted_sketch(way: Any, addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    way(sketch)
    job, blend = made_real(sketch, tmp_path)
    wanted = sketches.world_points(sketch)
    bpy.data.objects.remove(sketch)
    result = results.place(job, blend, None)
    off = sketches.distance(sketches.world_points(result), wanted) / np.ptp(wanted, axis=0).max()
    assert off < 10 * EXACT and result.name == "wedge.real"
    count = len(bpy.data.objects)
    assert results.place(job, blend, None) == result and len(bpy.data.objects) == count


def test_a_result_follows_where_its_sketch_would_go(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    animated(sketch)
    constraint = sketch.constraints.new("LIMIT_LOCATION")
    constraint.use_max_x, constraint.max_x = True, 7
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    for frame in (1, 6, 11):
        bpy.context.scene.frame_set(frame)
        assert apart(result, sketch) < EXACT


@pytest.mark.parametrize("make", [sketches.curve, sketches.drawing])
def test_sketches_that_are_no_meshes(make: Any, addon: ModuleType, tmp_path: Path) -> None:
    sketch = make()
    sheared(sketch)
    job = results.job_of(sketch)
    result = results.place(job, results.blend_of(tmp_path / "r.blend"), sketch)
    sketch.hide_set(False)
    bpy.context.view_layer.update()
    assert np.array_equal(result.matrix_world, sketch.matrix_world) and sketch.realify.result == result


def test_a_sketch_that_hangs_on_its_own_result(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    plain(sketch)
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    sketch.parent = result
    results.place(job, blend, sketch)
    wanted = np.array(result.matrix_world)
    assert result.parent is None and np.isfinite(wanted).all()


def test_a_result_as_the_sketch_of_the_next(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    sheared(sketch)
    job, blend = made_real(sketch, tmp_path)
    first = results.place(job, blend, sketch)
    sketch.realify.result = None  # it is no sketch's result any more, but one itself
    (tmp_path / "next").mkdir()
    job, blend = made_real(first, tmp_path / "next")
    second = results.place(job, blend, first)
    assert second != first and apart(second, first) < EXACT


def test_all_that_was_sent_is_hidden(addon: ModuleType, tmp_path: Path) -> None:
    one, other = sketches.wedge("one"), sketches.wedge("other")
    shown = empty("bystander")
    uids = results.part("scene.subject").identify([one, other])
    job = results.job_of(one, members=uids)
    blend = results.blend_of(tmp_path / "r.blend")
    results.place(job, blend, one, hide=False)
    assert one.visible_get() and other.visible_get()
    results.place(job, blend, one)
    assert not one.visible_get() and not other.visible_get() and shown.visible_get()
    assert other.realify.result is None


def test_the_collection_is_made_once_and_opened(addon: ModuleType, tmp_path: Path) -> None:
    blend = results.blend_of(tmp_path / "r.blend")
    one, other, third = (sketches.wedge(name) for name in ("one", "other", "third"))
    first = results.place(results.job_of(one), blend, one)
    (own,) = first.users_collection
    assert own.name == "Realify" and own in bpy.context.scene.collection.children[:]
    own.name = "real things"
    layer = bpy.context.view_layer.layer_collection.children[own.name]
    layer.exclude = True
    second = results.place(results.job_of(other), blend, other)
    assert second.users_collection == (own,) and second.visible_get() and not layer.exclude
    own.hide_viewport = layer.hide_viewport = True
    result = results.place(results.job_of(third), blend, third)
    assert result.visible_get() and len(bpy.data.collections) == 1


def test_a_result_stays_in_the_collection_that_its_users_chose(addon: ModuleType, tmp_path: Path) -> None:
    blend, sketch = results.blend_of(tmp_path / "r.blend"), sketches.wedge()
    job = results.job_of(sketch)
    result = results.place(job, blend, sketch)
    chosen = bpy.data.collections.new("chosen")
    bpy.context.scene.collection.children.link(chosen)
    chosen.objects.link(result)
    bpy.data.collections["Realify"].objects.unlink(result)
    result.hide_set(True)
    results.place(job, blend, sketch)
    assert result.users_collection == (chosen,) and result.visible_get()


def test_each_scene_has_its_own_collection(addon: ModuleType, tmp_path: Path) -> None:
    blend, sketch = results.blend_of(tmp_path / "r.blend"), sketches.wedge()
    results.place(results.job_of(sketch), blend, sketch)
    other = bpy.data.scenes.new("other")
    stranger = bpy.data.objects.new("stranger", sketch.data.copy())
    other.collection.objects.link(stranger)
    stranger.location = (3, 2, 1)
    job = results.job_of(stranger)
    result = results.part("scene.result").place(job, blend, stranger, other)
    assert result.users_scene == (other,) and len(bpy.data.collections) == 2
    assert stranger.hide_get(view_layer=other.view_layers[0])
    assert result.matrix_world.translation[:] == (3, 2, 1)


def test_nothing_is_left_of_the_file_that_it_came_by(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    before = {name: len(getattr(bpy.data, name)) for name in ("meshes", "materials", "images", "objects")}
    results.place(job, blend, sketch)
    assert not bpy.data.libraries and result.data.library is None
    assert {name: len(getattr(bpy.data, name)) for name in before} == before


def test_a_result_file_that_is_gone_or_broken_is_told(addon: ModuleType, tmp_path: Path) -> None:
    sketch, broken = sketches.wedge(), tmp_path / "broken.blend"
    broken.write_bytes(b"BLENDER-v402 and then nothing")
    for file in (tmp_path / "none.blend", broken):
        with pytest.raises(results.part("trouble").Trouble) as told:
            results.place(results.job_of(sketch), file, sketch)
        assert told.value.code == "no_result" and sketch.visible_get()


def test_it_waits_while_a_mesh_is_edited(addon: ModuleType) -> None:
    can_import_now = results.part("scene.result").can_import_now
    sketches.wedge()
    assert can_import_now(bpy.context) is None
    bpy.ops.object.mode_set(mode="EDIT")
    assert "mode" in can_import_now(bpy.context)
    bpy.ops.object.mode_set(mode="OBJECT")


def pixels(path: Path) -> np.ndarray:
    """[H, W, 4] of the scene's render."""
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.render.filepath, scene.render.film_transparent = str(path), True
    scene.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    found = np.empty(32 * 32 * 4, np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(32, 32, 4)


def test_cycles_sees_the_result_in_its_colour_and_not_the_sketch(addon: ModuleType, tmp_path: Path) -> None:
    sketch = sketches.wedge()
    mirrored(sketch)
    job, blend = made_real(sketch, tmp_path)
    result = results.place(job, blend, sketch)
    camera = sketches.link("camera", bpy.data.cameras.new("camera"))
    middle = sketches.world_points(result).mean(axis=0)
    camera.location, camera.data.type, camera.data.ortho_scale = (*middle[:2], middle[2] + 10), "ORTHO", 6
    sun = sketches.link("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy = 3
    scene = bpy.context.scene
    scene.camera, scene.render.engine, scene.cycles.samples = camera, "CYCLES", 4
    scene.cycles.use_denoising = False
    seen = pixels(tmp_path / "cycles.png")
    there = seen[seen[..., 3] > 0.9]
    assert 20 < len(there) < 900
    red, green, blue = there[:, :3].mean(axis=0)
    assert red > 0.3 and red > 2 * green and red > 2 * blue
