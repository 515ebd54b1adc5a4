"""What is read of the selected objects: all that is seen, nothing that is not, in small steps, with nothing left."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import bmesh
import bpy
import numpy as np
import pytest

from tests.blender_addon.inside import sketches


@pytest.fixture
def gathering(addon: ModuleType) -> ModuleType:
    return import_module(f"{addon.__name__}.scene.gather")


@pytest.fixture
def read(gathering: ModuleType) -> Any:
    """All steps of gather, for the objects it is given."""

    def run(*objects: bpy.types.Object) -> Any:
        steps = gathering.gather(objects, objects[0], bpy.context.evaluated_depsgraph_get())
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    return run


def faces(snapshot: Any) -> int:
    return sum(len(part.get("face_start", ())) * len(part["matrices"]) for part in snapshot.parts)


def points(snapshot: Any) -> int:
    return sum(len(part.get("points", ())) * len(part["matrices"]) for part in snapshot.parts)


def test_a_mesh_is_read_with_its_modifiers_and_leaves_nothing_behind(read: Any) -> None:
    obj = sketches.wedge()
    obj.modifiers.new("more", "SUBSURF").levels = 2
    before = set(bpy.data.meshes.keys())
    snapshot = read(obj)
    (part,) = snapshot.parts
    assert np.allclose(sketches.moved(part["position"], obj.matrix_world), sketches.world_points(obj), atol=1e-6)
    assert set(bpy.data.meshes.keys()) == before
    assert snapshot.name == "wedge"
    assert np.allclose(snapshot.matrix, np.array(obj.matrix_world).ravel())


def test_the_arrays_are_blenders_own(read: Any) -> None:
    obj = sketches.wedge()
    (part,) = read(obj).parts
    assert part["corner_vert"].tolist() == [loop.vertex_index for loop in obj.data.loops]
    assert part["corner_edge"].tolist() == [loop.edge_index for loop in obj.data.loops]
    assert part["face_start"].tolist() == [face.loop_start for face in obj.data.polygons]
    assert part["edge_verts"].tolist() == [list(edge.vertices) for edge in obj.data.edges]


@pytest.mark.parametrize("kind", ["BYTE_COLOR", "FLOAT_COLOR"])
@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
def test_the_active_colour_attribute_comes_along(read: Any, kind: str, domain: str) -> None:
    obj = sketches.wedge()
    count = len(obj.data.vertices if domain == "POINT" else obj.data.loops)
    values = np.random.default_rng(0).random((count, 4)).astype(np.float32)
    sketches.coloured(obj.data, kind, domain, values)
    obj.modifiers.new("push", "DISPLACE")
    (part,) = read(obj).parts
    assert str(part["colour_domain"]) == domain
    if kind == "FLOAT_COLOR":
        assert np.array_equal(part["colour"], values)
    else:
        srgb = np.array([tuple(each.color_srgb) for each in obj.data.color_attributes[0].data])
        assert np.allclose(part["colour"] / 255, srgb, atol=1e-6)


def test_the_attribute_that_the_material_shows_wins(read: Any) -> None:
    obj = sketches.wedge()
    shown = obj.data.color_attributes.new("shown", "FLOAT_COLOR", "POINT")
    shown.data.foreach_set("color", np.tile(np.float32([0, 1, 0, 1]), len(obj.data.vertices)))
    sketches.coloured(obj.data, "FLOAT_COLOR", "POINT", np.tile((1, 0, 0, 1), (len(obj.data.vertices), 1)))
    material = sketches.material("painted", (0, 0, 1))
    node = material.node_tree.nodes.new("ShaderNodeVertexColor")
    node.layer_name = "shown"
    shader = material.node_tree.get_output_node("ALL").inputs["Surface"].links[0].from_node
    material.node_tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    obj.data.materials.append(material)
    (part,) = read(obj).parts
    assert part["colour"][0].tolist() == [0, 1, 0, 1]


def test_materials_give_their_base_colour_also_from_the_objects_own_slots(read: Any) -> None:
    obj = sketches.wedge()
    for name, colour in (("red", (1, 0, 0)), ("green", (0, 1, 0))):
        obj.data.materials.append(sketches.material(name, colour))
    obj.material_slots[0].link = "OBJECT"
    obj.material_slots[0].material = sketches.material("blue", (0, 0, 1))
    obj.data.polygons[1].material_index = 1
    (part,) = read(obj).parts
    assert part["material_colours"].tolist() == [[0, 0, 1, 1], [0, 1, 0, 1]]
    assert part["material_index"].tolist() == [0, 1, 0, 0, 0]


def test_a_textured_material_gives_its_colour_of_solid_shading(read: Any) -> None:
    obj, material = sketches.wedge(), sketches.material("textured", (1, 0, 0))
    image = material.node_tree.nodes.new("ShaderNodeTexImage")
    shader = material.node_tree.get_output_node("ALL").inputs["Surface"].links[0].from_node
    material.node_tree.links.new(image.outputs["Color"], shader.inputs["Base Color"])
    material.diffuse_color = (0.25, 0.5, 0.75, 1)
    obj.data.materials.append(material)
    (part,) = read(obj).parts
    assert part["material_colours"].tolist() == [[0.25, 0.5, 0.75, 1]]


def test_a_text_and_a_bevelled_curve_are_read_once(read: Any) -> None:
    text, arc = sketches.text(), sketches.bezier()
    arc.data.bevel_depth = 0.1
    assert faces(read(text)) == len(text.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh().polygons)
    assert faces(read(arc)) > 50
    alone = faces(read(text))
    assert faces(read(sketches.instanced(text))) == alone


def test_a_curve_without_bevel_is_lines_with_its_radii(read: Any) -> None:
    (part,) = read(sketches.bezier()).parts
    assert "face_start" not in part
    assert len(part["edge_verts"]) == 24
    assert part["spline_radius"].tolist() == [1, 2, 3]


def test_metaballs_of_a_family_are_read_by_any_of_them(read: Any) -> None:
    first, second = sketches.ball("ball"), sketches.ball("ball.001", x=1.0)
    bpy.context.view_layer.update()
    assert np.ptp(read(second).parts[0]["position"][:, 0]) > 2.5
    assert faces(read(first, second)) == faces(read(first)) == faces(read(second)) > 0


def test_instances_are_read_once_and_shown_where_they_stand(read: Any) -> None:
    snapshot = read(sketches.cloud_of_cubes(3))
    counts = {len(part["position"]): len(part["matrices"]) for part in snapshot.parts}
    assert counts[8] == 3
    assert sorted(counts.values()) == [1, 3]
    cubes = next(part for part in snapshot.parts if len(part["position"]) == 8)
    assert sorted(cubes["matrices"][:, 2, 3].tolist()) == [0, 1, 2]


def test_a_collection_in_a_collection_is_read(read: Any) -> None:
    inner = sketches.instanced(sketches.wedge(), "inner")
    inner.location.x = 2
    outer = sketches.instanced(inner, "outer")
    outer.location.y = 5
    bpy.context.view_layer.update()
    (part,) = read(outer).parts
    assert part["matrices"][0][:3, 3].tolist() == [2, 5, 0]


def test_too_many_instances_are_refused(read: Any, gathering: ModuleType, addon: ModuleType) -> None:
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    before = set(bpy.data.meshes.keys())
    cloud = sketches.cloud_of_cubes(10_001)
    with pytest.raises(trouble, match="10,000") as told:
        read(cloud)
    assert told.value.code == "too_many_instances"
    assert set(bpy.data.meshes.keys()) == before | {"cloud"}


def test_dupli_verts_show_their_child_and_not_themselves(read: Any) -> None:
    parent, child = sketches.wedge("parent"), sketches.wedge("child", 0.1)
    child.parent, parent.instance_type = parent, "VERTS"
    parent.show_instancer_for_viewport = False
    bpy.context.view_layer.update()
    snapshot = read(parent)
    assert [len(part["matrices"]) for part in snapshot.parts] == [6]


def test_hair_and_grease_pencil_are_strokes(read: Any) -> None:
    (strands,) = read(sketches.hair()).parts
    assert strands["offsets"].tolist() == [0, 3, 7]
    assert strands["radius"] == pytest.approx(0.05)
    (drawing,) = read(sketches.drawing()).parts
    assert drawing["offsets"].tolist() == [0, 4]
    assert np.allclose(drawing["points"][1], (0.5, 0, 0.5))


def test_grease_pencil_has_its_layers_transforms_its_colours_and_its_radius(read: Any) -> None:
    obj = sketches.drawing()
    style = bpy.data.materials.new("ink")
    bpy.data.materials.create_gpencil_data(style)
    style.grease_pencil.color = (1, 0, 0, 1)
    obj.data.materials.append(style)
    layer = obj.data.layers[0]
    if bpy.app.version < (4, 3):
        layer.location = (0, 0, 5)
        layer.frames[0].strokes[0].points[1].vertex_color = (0, 1, 0, 0.5)
        radius = 60 / 2000
    else:
        layer.translation = (0, 0, 5)
        layer.frames[0].drawing.strokes[0].points[1].vertex_color = (0, 1, 0, 0.5)
        radius = layer.frames[0].drawing.strokes[0].points[0].radius
    bpy.context.view_layer.update()
    (part,) = read(obj).parts
    assert np.allclose(sketches.moved(part["points"], part["matrices"][0])[:, 2], [5, 5.5, 5, 5.5])
    assert np.allclose(part["colour"], [(1, 0, 0, 1), (0.5, 0.5, 0, 1), (1, 0, 0, 1), (1, 0, 0, 1)])
    assert part["radius"] == pytest.approx(radius)
    assert radius > 0


def test_hidden_layers_and_hidden_materials_are_not_seen(read: Any, addon: ModuleType) -> None:
    obj = sketches.drawing()
    obj.data.layers[0].hide = True
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    with pytest.raises(trouble, match="empty"):
        read(obj)


@pytest.mark.parametrize("modifiers", [[], ["TRIANGULATE"]])
def test_edit_mode_is_read_as_it_is(read: Any, modifiers: list[str]) -> None:
    obj = sketches.wedge()
    for kind in modifiers:
        obj.modifiers.new(kind, kind)
    bpy.ops.object.mode_set(mode="EDIT")
    edited = bmesh.from_edit_mesh(obj.data)
    bmesh.ops.translate(edited, verts=edited.verts[:], vec=(0, 0, 7))
    bmesh.update_edit_mesh(obj.data)
    (part,) = read(obj).parts
    bpy.ops.object.mode_set(mode="OBJECT")
    assert part["position"][:, 2].min() == 7


def test_a_mesh_is_read_while_it_is_sculpted(read: Any) -> None:
    obj = sketches.wedge()
    bpy.ops.object.mode_set(mode="SCULPT")
    bpy.context.evaluated_depsgraph_get()
    obj.data.attributes["position"].data[0].vector = (0, 0, -9)  # as a brush does, without telling the depsgraph
    (part,) = read(obj).parts
    bpy.ops.object.mode_set(mode="OBJECT")
    assert part["position"][:, 2].min() == -9


def test_dynamic_topology_is_read_as_it_is(read: Any) -> None:
    obj = sketches.wedge()
    bpy.ops.object.mode_set(mode="SCULPT")
    bpy.ops.sculpt.dynamic_topology_toggle()  # makes triangles, which the mesh learns of when the mode is left
    found = faces(read(obj))
    bpy.ops.object.mode_set(mode="OBJECT")
    assert found == len(obj.data.polygons) == 8


def test_an_undo_between_two_steps_is_told_and_nothing_else(gathering: ModuleType, addon: ModuleType) -> None:
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    obj = sketches.wedge()
    steps = gathering.gather([obj], obj, bpy.context.evaluated_depsgraph_get())
    next(steps)
    for mesh in [mesh for mesh in bpy.data.meshes if mesh.name.startswith(".realify")]:
        bpy.data.meshes.remove(mesh)
    with pytest.raises(trouble) as told:
        list(steps)
    assert told.value.code == "changed"


def test_steps_that_are_given_up_leave_nothing_behind(gathering: ModuleType) -> None:
    obj = sketches.wedge()
    before = set(bpy.data.meshes.keys())
    steps = gathering.gather([obj], obj, bpy.context.evaluated_depsgraph_get())
    assert set(bpy.data.meshes.keys()) != before
    steps.close()
    assert set(bpy.data.meshes.keys()) == before


def test_the_object_may_go_while_it_is_read(gathering: ModuleType) -> None:
    obj = sketches.wedge()
    steps = gathering.gather([obj], obj, bpy.context.evaluated_depsgraph_get())
    bpy.data.objects.remove(obj)
    list(steps)


def test_some_points_alone_are_an_empty_sketch(read: Any, addon: ModuleType) -> None:
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    mesh = bpy.data.meshes.new("dust")
    mesh.from_pydata([(0, 0, 0), (1, 1, 1)], [], [])
    dust = sketches.link("dust", mesh)
    with pytest.raises(trouble, match="“dust” is empty") as told:
        read(dust)
    assert told.value.code == "empty_sketch"


def test_nothing_selected_is_told(gathering: ModuleType, addon: ModuleType) -> None:
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    with pytest.raises(trouble, match="Nothing is selected"):
        gathering.gather([], None, bpy.context.evaluated_depsgraph_get())


def test_a_snapshot_is_saved_and_read_again(read: Any, tmp_path: Any) -> None:
    snapshot = read(sketches.wedge())
    snapshot.notes.append("Grüße, 你好")
    snapshot.save(tmp_path / "új" / "sketch.npz")
    with np.load(tmp_path / "új" / "sketch.npz") as file:
        assert np.array_equal(file["0.position"], snapshot.parts[0]["position"])
        assert file["notes"].tolist() == ["Grüße, 你好"]
