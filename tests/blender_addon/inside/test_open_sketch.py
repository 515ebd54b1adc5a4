"""A sketch file that is opened, as it is when it is dropped into the 3D View."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from tests.blender_addon.inside import results, sketches
from tests.blender_addon.inside.conftest import SKETCHES

WRITERS = {
    ".glb": lambda file: bpy.ops.export_scene.gltf(filepath=file),
    ".gltf": lambda file: bpy.ops.export_scene.gltf(filepath=file, export_format="GLTF_SEPARATE"),
    ".obj": lambda file: bpy.ops.wm.obj_export(filepath=file),
    ".ply": lambda file: bpy.ops.wm.ply_export(filepath=file),
    ".stl": lambda file: bpy.ops.wm.stl_export(filepath=file),
}


def written(folder: Path, extension: str) -> tuple[Path, Any]:
    """A wedge's file, and where its vertices are in the world."""
    obj = sketches.wedge()
    obj.location = (1, 2, 3)
    bpy.context.view_layer.update()
    file = folder / f"mein Entwurf{extension}"
    WRITERS[extension](str(file))
    points = sketches.world_points(obj)
    bpy.data.objects.remove(obj)
    return file, points


@pytest.mark.parametrize("extension", WRITERS)
def test_each_kind_of_file(extension: str, addon: ModuleType, runtime: ModuleType, tmp_path: Path) -> None:
    file, points = written(tmp_path, extension)
    assert bpy.ops.realify.open_sketch(filepath=str(file)) == {"FINISHED"}
    (collection,) = bpy.context.scene.collection.children
    assert collection.name == "mein Entwurf" and not bpy.data.libraries
    (obj,) = collection.objects
    assert bpy.context.selected_objects == [obj] and bpy.context.view_layer.objects.active == obj
    assert sketches.distance(sketches.world_points(obj), points) < 1e-5
    assert not list(runtime.user_folder("opened").iterdir())


def test_one_undo_takes_it_back(addon: ModuleType, tmp_path: Path) -> None:
    file, _ = written(tmp_path, ".glb")
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.realify.open_sketch(filepath=str(file))
    assert len(bpy.data.objects) == 1
    bpy.ops.ed.undo()
    assert not bpy.data.objects and not bpy.data.collections


def test_several_files_at_once(addon: ModuleType) -> None:
    names = [{"name": "mug.glb"}, {"name": "apple.glb"}]
    assert bpy.ops.realify.open_sketch(directory=str(SKETCHES), files=names) == {"FINISHED"}
    assert sorted(each.name for each in bpy.context.scene.collection.children) == ["apple", "mug"]


def test_textures_beside_the_file_come_along(addon: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(results.png((200, 40, 30)))
    (tmp_path / "a.mtl").write_text("newmtl a\nmap_Kd red.png\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n")
    bpy.ops.realify.open_sketch(filepath=str(tmp_path / "a.obj"))
    (tmp_path / "red.png").unlink()
    image = next(each for each in bpy.data.images if each.source == "FILE")
    assert image.packed_file is not None and image.size[:] == (8, 8)


BAD = {
    "none.glb": (None, "no file"),
    "text.glb": (b"not a model", "cannot be read"),
    "sketch.fbx": (b"Kaydara", "no sketch file"),
    "points.ply": (b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\nproperty float z\n"
                   b"end_header\n", "no vertices"),
    "empty.obj": (b"o nothing\n", "no shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told(name: str, addon: ModuleType, runtime: ModuleType, tmp_path: Path) -> None:
    content, words = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.realify.open_sketch(filepath=str(tmp_path / name))
    assert not bpy.data.objects and not list(runtime.user_folder("opened").glob("*"))


def test_a_drop_is_offered_for_each_kind(addon: ModuleType) -> None:
    handler = results.part("ui.operators.open_sketch").REALIFY_FH_sketch
    assert handler.is_registered and handler.bl_import_operator == "realify.open_sketch"
    assert set(handler.bl_file_extensions.split(";")) == set(WRITERS)
    assert not handler.poll_drop(bpy.context)  # there is no 3D View under the mouse here
