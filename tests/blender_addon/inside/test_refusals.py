"""Each object that cannot be a sketch is refused with its own reason, and no other object is."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import nan, radians
from types import ModuleType

import bpy
import pytest

from tests.blender_addon.inside import sketches


@pytest.fixture
def why_not(addon: ModuleType) -> Callable[[bpy.types.Object], str | None]:
    told = import_module(f"{addon.__name__}.scene.refusals").why_not

    def ask(obj: bpy.types.Object) -> str | None:
        bpy.context.view_layer.update()
        return told(obj, bpy.context.view_layer)

    return ask


def test_what_can_be_a_sketch(why_not: Callable) -> None:
    kinds = [sketches.wedge, sketches.curve, sketches.drawing, sketches.text, sketches.ball, sketches.hair]
    kinds.append(sketches.cloud_of_cubes)
    assert [why_not(kind()) for kind in kinds] == [None] * len(kinds)
    assert why_not(sketches.instanced(sketches.wedge("member"))) is None


def test_what_has_no_shape_is_named(why_not: Callable) -> None:
    assert "of the type light" in why_not(sketches.link("sun", bpy.data.lights.new("sun", "SUN")))
    assert "of the type camera" in why_not(sketches.link("eye", bpy.data.cameras.new("eye")))
    assert "of the type lattice" in why_not(sketches.link("cage", bpy.data.lattices.new("cage")))
    assert "shows no collection" in why_not(sketches.link("nothing", None))


def test_each_way_to_be_hidden_is_named(why_not: Callable) -> None:
    obj = sketches.wedge()
    obj.hide_set(True)
    assert "“wedge” is hidden." in why_not(obj)
    obj.hide_set(False)
    obj.hide_viewport = True
    assert "in all viewports" in why_not(obj)
    obj.hide_viewport = False
    collection = bpy.data.collections.new("drawer")
    bpy.context.scene.collection.children.link(collection)
    collection.objects.link(obj)
    bpy.context.scene.collection.objects.unlink(obj)
    layer = bpy.context.view_layer.layer_collection.children["drawer"]
    layer.hide_viewport = True
    assert "hidden collection" in why_not(obj)
    layer.hide_viewport, layer.exclude = False, True
    assert "not in the view layer" in why_not(obj)
    layer.exclude = False
    assert why_not(obj) is None


def test_a_scale_of_zero_names_its_axis_and_whose_it_is(why_not: Callable) -> None:
    obj, parent = sketches.wedge(), sketches.wedge("parent")
    obj.scale = (1, 1, 0)
    assert "its scale in Z is 0" in why_not(obj)
    obj.scale = (0, 1, 0)
    assert "its scale in X and Z is 0" in why_not(obj)
    obj.scale, obj.parent, parent.scale = (1, 1, 1), parent, (1, 0, 1)
    assert "with its parents, its scale in Y is 0" in why_not(obj)
    obj.rotation_euler.x = radians(45)
    assert "flattened by its parents" in why_not(obj)
    parent.scale = (1, 1, 1)
    obj.location.x = nan
    assert "no number" in why_not(obj)


def test_small_and_mirrored_things_are_no_zeros(why_not: Callable) -> None:
    obj = sketches.wedge()
    for scale in ((1e-4, 1e-4, 1e-4), (-1, 1, 1), (100, 1, 0.01)):
        obj.scale = scale
        assert why_not(obj) is None


def test_emptiness_is_seen_where_it_is_cheap(why_not: Callable) -> None:
    assert "empty" in why_not(sketches.link("void", bpy.data.meshes.new("void")))
    assert "empty" in why_not(sketches.text("  "))
    assert "empty" in why_not(sketches.link("line", bpy.data.curves.new("line", "CURVE")))
    filled = sketches.link("filled", bpy.data.meshes.new("filled"))
    filled.modifiers.new("nodes", "NODES")
    assert why_not(filled) is None


def test_sculpting_in_many_resolutions_waits_for_object_mode(why_not: Callable) -> None:
    obj = sketches.wedge()
    obj.modifiers.new("levels", "MULTIRES")
    bpy.ops.object.multires_subdivide(modifier="levels")
    bpy.ops.object.mode_set(mode="SCULPT")
    assert "Object Mode" in why_not(obj)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert why_not(obj) is None


def test_large_meshes_wait_for_object_mode_unless_they_are_only_sculpted(why_not: Callable) -> None:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=320, y_subdivisions=320)
    obj = bpy.context.object
    assert why_not(obj) is None
    for mode, is_refused in (("EDIT", True), ("SCULPT", False), ("VERTEX_PAINT", False)):
        bpy.ops.object.mode_set(mode=mode)
        assert ("100,000" in (why_not(obj) or "")) == is_refused
    bpy.ops.object.mode_set(mode="SCULPT")
    obj.modifiers.new("more", "DISPLACE")
    assert "100,000" in why_not(obj)
    bpy.ops.object.mode_set(mode="OBJECT")
    assert why_not(obj) is None
