"""One Ctrl-Z takes an import back, whole."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

from tests.blender_addon.inside import results, sketches


def begun(tmp_path: Path) -> tuple[Any, Path]:
    """A sketch that was sent, with a step of undo behind it."""
    sketch = sketches.wedge()
    sketch.location = (1, 2, 3)
    job = results.job_of(sketch)
    blend = results.blend_of(tmp_path / "r.blend")
    bpy.ops.ed.undo_push(message="a wedge")
    return job, blend


def wedge() -> bpy.types.Object:
    """As it is now: an undo makes all objects anew."""
    return bpy.data.objects["wedge"]


def test_the_first_result(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    results.place(job, blend, wedge())
    assert not wedge().visible_get()
    assert bpy.ops.ed.undo() == {"FINISHED"}
    sketch = wedge()
    assert sketch.visible_get() and not sketch.hide_render and sketch.select_get()
    assert sketch.realify.result is None and not len(sketch.realify.versions)
    assert bpy.data.objects[:] == [sketch] and bpy.context.view_layer.objects.active == sketch
    assert not bpy.data.collections and not bpy.data.materials and len(bpy.data.meshes) == 1


def test_and_back_again(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    results.place(job, blend, wedge())
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    result = wedge().realify.result
    assert result.realify.sketch == wedge() and result.visible_get() and not wedge().visible_get()
    assert wedge().realify.versions[0].mesh == result.data


def test_an_import_after_an_undo_makes_one_object(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    for _ in range(2):
        results.place(job, blend, wedge())
        bpy.ops.ed.undo()
    results.place(job, blend, wedge())
    assert len(bpy.data.objects) == 2 and len(wedge().realify.versions) == 1


def test_a_further_version(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    results.place(job, blend, wedge())
    another = results.job_of(wedge())
    bpy.ops.ed.undo_push(message="sent again")
    results.place(another, results.blend_of(tmp_path / "next.blend", points=9), wedge())
    assert len(wedge().realify.result.data.vertices) == 9
    bpy.ops.ed.undo()
    sketch = wedge()
    assert len(sketch.realify.versions) == 1 and sketch.realify.version == 0
    assert len(sketch.realify.result.data.vertices) == 4 and not sketch.visible_get()


def test_a_renewed_version(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    results.place(job, blend, wedge())
    results.place(job, results.blend_of(tmp_path / "next.blend", points=9), wedge())
    bpy.ops.ed.undo()
    assert len(wedge().realify.result.data.vertices) == 4 and len(wedge().realify.result.data.materials) == 1


def test_a_version_that_was_removed_comes_back(addon: ModuleType, tmp_path: Path) -> None:
    job, blend = begun(tmp_path)
    results.place(job, blend, wedge())
    results.part("scene.versions").remove(wedge(), 0)
    bpy.ops.ed.undo_push(message="removed")
    bpy.ops.ed.undo()
    sketch = wedge()
    assert sketch.realify.versions[0].mesh == sketch.realify.result.data and not sketch.visible_get()
