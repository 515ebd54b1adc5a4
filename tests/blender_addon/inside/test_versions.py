"""All results of a sketch are kept; one is seen, on one object."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from tests.blender_addon.inside import results, sketches


def with_versions(tmp_path: Path, count: int = 3) -> tuple[bpy.types.Object, list[Any], list[Path]]:
    """A sketch with so many results of 4, 5, … vertices; the jobs; the files."""
    sketch = sketches.wedge()
    sketch.location, sketch.scale = (1, 2, 3), (1, -2, 0.5)
    jobs = [results.job_of(sketch, prompt=f"prompt {k}", preset="draft", seed=k) for k in range(count)]
    blends = [results.blend_of(tmp_path / f"{k}.blend", points=4 + k) for k in range(count)]
    for job, blend in zip(jobs, blends, strict=True):
        results.place(job, blend, sketch)
    return sketch, jobs, blends


def sizes(sketch: bpy.types.Object) -> list[int]:
    return [len(each.mesh.vertices) for each in sketch.realify.versions]


def test_a_result_a_job_on_one_object(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, _ = with_versions(tmp_path)
    result = sketch.realify.result
    assert len(bpy.data.objects) == 2 and result.realify.sketch == sketch and sizes(sketch) == [4, 5, 6]
    told = [(each.job, each.prompt, each.preset, each.seed) for each in sketch.realify.versions]
    assert told == [(job.key, f"prompt {k}", "draft", k) for k, job in enumerate(jobs)]
    assert all(each.created.startswith("20") for each in sketch.realify.versions)
    assert sketch.realify.version == 2 and len(result.data.vertices) == 6


def test_importing_again_renews_its_own_version(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, _ = with_versions(tmp_path)
    result = sketch.realify.result
    results.place(jobs[1], results.blend_of(tmp_path / "new.blend", points=20), sketch)
    assert sketch.realify.result == result and len(bpy.data.objects) == 2
    assert sizes(sketch) == [4, 20, 6] and sketch.realify.version == 1 and len(result.data.vertices) == 20
    assert len(bpy.data.meshes) == 4 and len(bpy.data.materials) == 3  # the sketch's own, and the three


def test_the_number_chooses_what_is_seen(addon: ModuleType, tmp_path: Path) -> None:
    sketch, _, _ = with_versions(tmp_path)
    result, stood = sketch.realify.result, np.array(sketch.realify.result.matrix_world)
    for index in (0, 2, 1):
        sketch.realify.version = index
        assert len(result.data.vertices) == 4 + index
    sketch.realify.version = 99  # there is none: what is seen stays
    assert len(result.data.vertices) == 5 and np.array_equal(stood, result.matrix_world)


@pytest.mark.parametrize("wholly", [True, False])
def test_a_deleted_result_comes_back(wholly: bool, addon: ModuleType, tmp_path: Path) -> None:
    sketch, _, _ = with_versions(tmp_path)
    if wholly:
        bpy.data.objects.remove(sketch.realify.result)
    else:
        bpy.ops.object.delete()  # it lives on, unseen, as the sketch points at it
    sketch.hide_set(False)
    sketches.select(sketch)
    assert bpy.ops.realify.use_version(index=1) == {"FINISHED"}
    result = sketch.realify.result
    bpy.context.view_layer.update()
    assert len(result.data.vertices) == 5 and result.visible_get() and not sketch.visible_get()
    assert result.matrix_world.translation[:] == (1, 2, 3) and len(bpy.context.scene.objects) == 2


def test_a_deleted_result_comes_back_by_importing_again(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, blends = with_versions(tmp_path)
    bpy.ops.object.delete()
    results.place(jobs[0], blends[0], sketch)
    assert len(bpy.context.scene.objects) == 2 and sketch.realify.result.visible_get() and sizes(sketch) == [4, 5, 6]


def test_operators_work_on_the_result_that_is_selected(addon: ModuleType, tmp_path: Path) -> None:
    sketch, _, _ = with_versions(tmp_path)
    assert bpy.context.view_layer.objects.active == sketch.realify.result
    assert bpy.ops.realify.use_version(index=0) == {"FINISHED"} and sketch.realify.version == 0
    with pytest.raises(RuntimeError, match="no version 8"):
        bpy.ops.realify.use_version(index=7)
    assert bpy.ops.realify.remove_version(index=0) == {"FINISHED"}
    assert sizes(sketch) == [5, 6] and len(sketch.realify.result.data.vertices) == 5


def test_the_last_version_takes_the_result_with_it(addon: ModuleType, tmp_path: Path) -> None:
    sketch, _, _ = with_versions(tmp_path)
    versions = results.part("scene.versions")
    versions.remove(sketch, 0)
    assert sketch.realify.version == 1 and len(sketch.realify.result.data.vertices) == 6
    versions.remove(sketch, 1)
    versions.remove(sketch, 0)
    assert sketch.realify.result is None and sketch.visible_get() and not sketch.hide_render
    assert len(bpy.data.objects) == 1 and len(bpy.data.meshes) == 1 and not bpy.data.materials


def test_a_copy_of_the_sketch_goes_its_own_way(addon: ModuleType, tmp_path: Path) -> None:
    sketch, _, blends = with_versions(tmp_path)
    result = sketch.realify.result
    sketch.hide_set(False)
    sketches.select(sketch)
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    copy.location.x = 50
    job = results.job_of(copy)
    assert job.sketch_id != sketch.realify.uid
    its = results.place(job, blends[0], copy)
    assert its != result and sketch.realify.result == result and result.realify.sketch == sketch
    assert copy.realify.result == its and its.realify.sketch == copy
    assert its.matrix_world.translation.x == 50 and result.matrix_world.translation.x == 1
    assert sizes(copy) == [4, 5, 6, 4] and sizes(sketch) == [4, 5, 6] and len(result.data.vertices) == 6
    assert not {each.mesh for each in copy.realify.versions} & {each.mesh for each in sketch.realify.versions}


def test_a_copy_of_the_result_is_left_alone(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, _ = with_versions(tmp_path)
    result = sketch.realify.result
    bpy.ops.object.duplicate()
    copy = bpy.context.view_layer.objects.active
    copy.location.x = 50
    results.place(jobs[2], results.blend_of(tmp_path / "new.blend", points=20), sketch)
    assert sketch.realify.result == result and len(result.data.vertices) == 20
    assert len(copy.data.vertices) == 6 and copy.location.x == 50 and len(bpy.context.scene.objects) == 3


def test_a_renamed_sketch_is_the_same(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, blends = with_versions(tmp_path)
    sketch.name, sketch.realify.result.name = "renamed", "my result"
    results.place(jobs[0], blends[0], results.part("scene.subject").find(jobs[0].sketch_id))
    assert len(bpy.data.objects) == 2 and sketch.realify.result.name == "my result"


def test_a_sketch_deleted_after_its_first_result(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, blends = with_versions(tmp_path)
    result, stood = sketch.realify.result, np.array(sketch.realify.result.matrix_world)
    sketch.hide_set(False)
    sketches.select(sketch)
    bpy.ops.object.delete()
    assert results.part("scene.subject").find(jobs[0].sketch_id) is None
    assert results.place(jobs[0], blends[0], None) == result
    bpy.context.view_layer.update()
    assert np.allclose(stood, result.matrix_world, atol=1e-6) and bpy.context.scene.objects[:] == [result]


def test_what_users_hung_on_the_result_stays(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, blends = with_versions(tmp_path)
    result = sketch.realify.result
    result.modifiers.new("bevel", "BEVEL")
    results.place(jobs[0], blends[0], sketch)
    assert [each.name for each in result.modifiers] == ["bevel"]


def test_saved_and_opened(addon: ModuleType, tmp_path: Path) -> None:
    sketch, jobs, blends = with_versions(tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    sketch = bpy.data.objects["wedge"]
    result = sketch.realify.result
    assert result.realify.sketch == sketch and not sketch.visible_get() and result.visible_get()
    assert sizes(sketch) == [4, 5, 6] and sketch.realify.version == 2
    sketch.realify.version = 0
    assert len(result.data.vertices) == 4
    assert results.place(jobs[1], blends[1], sketch) == result and len(bpy.data.objects) == 2
