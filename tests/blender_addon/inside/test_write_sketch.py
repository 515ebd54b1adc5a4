"""From objects in Blender to the GLB that is sent: each vertex in its place, outside outside, colours right."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from math import nan, radians
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix

from tests.blender_addon.inside import glb, sketches
from tests.blender_addon.inside.resident import resident


@pytest.fixture
def send(addon: ModuleType, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], glb.Glb, np.ndarray]]:
    """Reads and writes objects as a job does: the answer, the file, and its vertices in the world."""
    gather, blender = (import_module(f"{addon.__name__}.{name}") for name in ("scene.gather", "background.blender"))
    script = Path(blender.__file__).with_name("write_sketch.py")

    def run(*objects: bpy.types.Object, decimate: int = 0, radius: float = 0) -> Any:
        steps = gather.gather(objects, objects[0], bpy.context.evaluated_depsgraph_get())
        while True:
            try:
                next(steps)
            except StopIteration as end:
                snapshot = end.value
                break
        snapshot.save(tmp_path / "sketch.npz")
        request = {"npz": str(tmp_path / "sketch.npz"), "glb": str(tmp_path / "sketch.glb"), "name": snapshot.name}
        request |= {"origin": list(snapshot.origin), "decimate": decimate, "radius": radius}
        answer = resident(blender).run(script, request, tmp_path)
        file = glb.read(Path(answer["glb"]))
        return answer, file, file.position + np.array(snapshot.origin)

    return run


def size(places: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(places, axis=0)))


def sheared(obj: bpy.types.Object) -> None:
    parent = sketches.link("parent", None)
    parent.matrix_world = Matrix.LocRotScale((3, -2, 1), Euler((0.3, 0.5, -0.2)), (1, 4, 0.3))
    obj.parent = parent
    obj.rotation_euler = (0.4, radians(45), 1)


def mirrored(obj: bpy.types.Object) -> None:
    obj.scale = (-1, 2, 0.5)


def turned_inside_out(obj: bpy.types.Object) -> None:
    obj.scale = (-1, -1, -1)


def far_away(obj: bpy.types.Object) -> None:
    obj.location = (1e5, -2e5, 3e4)


def tiny(obj: bpy.types.Object) -> None:
    obj.scale = (1e-3, 1e-3, 1e-3)


def delta(obj: bpy.types.Object) -> None:
    obj.delta_location, obj.delta_scale, obj.rotation_mode = (1, 2, 3), (2, 1, 1), "QUATERNION"
    obj.rotation_quaternion = (0.5, 0.5, -0.5, 0.5)


@pytest.mark.parametrize("place", [sheared, mirrored, turned_inside_out, far_away, tiny, delta])
def test_each_vertex_is_in_its_place_and_each_face_looks_outwards(send: Any, place: Callable) -> None:
    obj = sketches.wedge()
    place(obj)
    bpy.context.view_layer.update()
    answer, file, places = send(obj)
    wanted = sketches.world_points(obj)
    assert sketches.distance(places, wanted) < 1e-5 * size(wanted)
    assert np.allclose(answer["bounds"], [wanted.min(0), wanted.max(0)], atol=1e-5 * size(wanted), rtol=0)
    whole = abs(np.linalg.det(np.array(obj.matrix_world)[:3, :3]))
    assert file.volume == pytest.approx(whole * volume_of_wedge(), rel=1e-4)
    assert file.names == ["wedge"]
    assert (answer["faces"], answer["vertices"]) == (8, 6)
    assert file.colour is None
    assert answer["notes"] == []


def volume_of_wedge() -> float:
    """By Blender's own triangles."""
    mesh = bpy.data.objects["wedge"].data
    mesh.calc_loop_triangles()
    corners = [[mesh.vertices[i].co for i in triangle.vertices] for triangle in mesh.loop_triangles]
    return sum(a.dot(b.cross(c)) for a, b, c in corners) / 6


def test_many_objects_are_one_file_round_the_active_one(send: Any) -> None:
    first, second = sketches.wedge("first"), sketches.wedge("second")
    first.location, second.location = (10, 0, 0), (0, 5, 0)
    bpy.context.view_layer.update()
    _, file, places = send(first, second)
    there = np.concatenate([sketches.world_points(first), sketches.world_points(second)])
    assert sketches.distance(places, there) < 1e-5
    assert file.names == ["first"]


@pytest.mark.parametrize("name", ["Cube", "蘑菇 🍄", "a/b\\c", "x" * 60])
def test_names_are_kept(send: Any, name: str) -> None:
    assert send(sketches.wedge(name))[1].names == [name]


@pytest.mark.parametrize("kind", ["BYTE_COLOR", "FLOAT_COLOR"])
@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
def test_painted_colours_are_linear_in_the_file(send: Any, kind: str, domain: str) -> None:
    obj = sketches.wedge()
    obj.scale = (-1, 1, 1)  # corners change their order
    bpy.context.view_layer.update()
    at = [vertex.co for vertex in obj.data.vertices]
    corners = at if domain == "POINT" else [at[loop.vertex_index] for loop in obj.data.loops]
    sketches.coloured(obj.data, kind, domain, [(x / 2, y, z / 1.5, 0.5) for x, y, z in corners])
    _, file, places = send(obj)
    wanted = np.stack([-places[:, 0] / 2, places[:, 1], places[:, 2] / 1.5], axis=1)
    assert np.allclose(file.colour[:, :3], wanted, atol=1e-4 if kind == "FLOAT_COLOR" else 5e-3)
    assert file.colour.shape[1] == 3 or (file.colour[:, 3] == 1).all()


def test_a_colour_on_faces_made_by_nodes_comes_along(send: Any) -> None:
    obj = sketches.wedge()
    attribute = obj.data.attributes.new("col", "FLOAT_COLOR", "FACE")
    for number, each in enumerate(attribute.data):
        each.color = (number / 4, 0, 0, 1)
    _, file, _ = send(obj)
    assert sorted(set(np.round(file.colour[:, 0], 3))) == [0, 0.25, 0.5, 0.75, 1]


def test_materials_colour_their_faces(send: Any) -> None:
    obj = sketches.wedge()
    for name, colour in (("red", (1, 0, 0)), ("blue", (0, 0, 0.25))):
        obj.data.materials.append(sketches.material(name, colour))
    obj.data.polygons[0].material_index = 1
    _, file, _ = send(obj)
    below = file.colour[file.triangles][(file.position[file.triangles][..., 2] == 0).all(1)]
    assert np.allclose(below[..., :3], (0, 0, 0.25), atol=1e-4)
    assert len(np.unique(np.round(file.colour[:, :3], 3), axis=0)) == 2


def test_paint_that_is_all_white_leaves_it_to_the_material(send: Any) -> None:
    obj = sketches.wedge()
    sketches.coloured(obj.data, "BYTE_COLOR", "CORNER", np.ones((len(obj.data.loops), 4)))
    assert send(obj)[1].colour is None
    obj.data.materials.append(sketches.material("red", (1, 0, 0)))
    assert np.allclose(send(obj)[1].colour[:, :3], (1, 0, 0))


def test_what_has_no_colour_is_grey_beside_what_has_one(send: Any) -> None:
    red, plain = sketches.wedge("red"), sketches.wedge("plain")
    plain.location.x = 10
    red.data.materials.append(sketches.material("red", (1, 0, 0)))
    bpy.context.view_layer.update()
    _, file, places = send(red, plain)
    assert np.allclose(file.colour[places[:, 0] > 5][:, :3], 0.8, atol=1e-4)
    assert np.allclose(file.colour[places[:, 0] < 5][:, :3], (1, 0, 0), atol=1e-4)


@pytest.mark.parametrize("kind", [sketches.text, sketches.ball, sketches.cloud_of_cubes])
def test_all_that_blender_makes_a_mesh_of(send: Any, kind: Callable) -> None:
    obj = kind()
    obj.location, obj.scale = (1, 2, 3), (2, 1, 0.5)
    bpy.context.view_layer.update()
    _, _, places = send(obj)
    wanted = sketches.world_points(obj)
    if kind is sketches.cloud_of_cubes:  # its own mesh is the cone
        cube = np.array(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5))).reshape(3, -1).T
        cubes = [sketches.moved(cube + np.array((0, 0, z)), obj.matrix_world) for z in range(3)]
        wanted = np.concatenate([wanted, *cubes])
    assert sketches.distance(places, wanted) < 1e-5 * size(wanted)


def test_an_instanced_collection_stands_where_its_empty_does(send: Any) -> None:
    member = sketches.wedge("member")
    local = sketches.world_points(member)
    empty = sketches.instanced(member)
    empty.location, empty.rotation_euler, empty.scale = (4, 5, 6), (1, 2, 3), (1, -2, 1)
    bpy.context.view_layer.update()
    _, file, places = send(empty)
    assert sketches.distance(places, sketches.moved(local, empty.matrix_world)) < 1e-5 * 4
    assert file.volume > 0


def test_a_curve_without_bevel_becomes_a_tube_of_the_radius_asked_for(send: Any) -> None:
    obj = sketches.curve()
    obj.location, obj.scale = (5, 5, 5), (2, 2, 2)
    bpy.context.view_layer.update()
    answer, file, places = send(obj, radius=0.1)
    assert np.allclose(answer["bounds"], [(5, 4.9, 4.9), (7.1, 7.1, 7)], atol=0.03)
    assert file.volume == pytest.approx(6 * 8 / 2 * 0.1**2 * np.sin(np.pi / 4), rel=1e-3)
    assert distance(places, [(5, 5, 5), (7, 5, 5), (7, 7, 5), (7, 7, 7)]) == pytest.approx(0.1, abs=0.01)


def test_without_a_radius_it_is_a_share_of_the_sketch(send: Any) -> None:
    obj = sketches.curve()
    _, _, places = send(obj)
    share = 0.015 * np.sqrt(3)
    assert distance(places, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)]) == pytest.approx(share, rel=0.05)


def test_a_curve_gets_thicker_as_its_points_do(send: Any) -> None:
    obj = sketches.bezier()
    _, _, places = send(obj, radius=0.1)
    assert np.linalg.norm(places - (0, 0, 0), axis=1).min() == pytest.approx(0.1, rel=0.02)
    assert np.linalg.norm(places - (2, 4, 0), axis=1).min() == pytest.approx(0.3, rel=0.02)


def test_a_bevelled_curve_is_as_blender_has_it(send: Any) -> None:
    obj = sketches.curve()
    obj.data.bevel_depth = 0.2
    _, _, places = send(obj)
    assert sketches.distance(places, sketches.world_points(obj)) < 1e-5 * 2


def test_loose_edges_of_a_mesh_are_tubes_beside_its_faces(send: Any) -> None:
    mesh = bpy.data.meshes.new("flag")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1), (0, 0, -3)], [(0, 3)], [(0, 1, 2)])
    answer, _, places = send(sketches.link("flag", mesh), radius=0.05)
    assert answer["faces"] == 1 + 8 * 2 + 2 * 6
    assert np.linalg.norm(places[places[:, 2] < -1][:, :2], axis=1) == pytest.approx(0.05, rel=1e-3)


def test_grease_pencil_is_tubes_of_its_own_radius(send: Any) -> None:
    obj = sketches.drawing()
    obj.location, obj.scale = (0, 0, 2), (3, 3, 3)
    bpy.context.view_layer.update()
    _, file, places = send(obj)
    line = [(0, 0, 2), (1.5, 0, 3.5), (3, 0, 2), (4.5, 0.9, 3.5)]
    radius = 0.03 if bpy.app.version < (4, 3) else obj.data.layers[0].frames[0].drawing.strokes[0].points[0].radius
    assert distance(places, line) == pytest.approx(3 * radius, rel=0.35)  # the mitre at its sharp corners
    assert distance(places[:8], line) == pytest.approx(3 * radius, rel=1e-3)  # the flat end
    assert file.volume > 0


def test_hair_is_tubes_along_blenders_own_curve(send: Any) -> None:
    _, _, places = send(sketches.hair())
    assert places.min(0) == pytest.approx((-0.05, -0.1, -0.05), abs=0.06)
    assert places[:, 2].max() == pytest.approx(3, abs=0.02)


def test_faces_with_corners_that_are_no_numbers_are_left_out_and_told(send: Any) -> None:
    obj = sketches.wedge()
    obj.data.vertices[5].co.x = nan  # a corner of three faces
    answer, _, places = send(obj)
    assert answer["notes"] == ["3 faces have a corner that is no number; they were left out."]
    assert sketches.distance(places, sketches.world_points(obj)[:5]) < 1e-5


def test_decimate_keeps_to_what_was_asked(send: Any) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, location=(7, 0, 0))
    ball = bpy.context.object
    sketches.coloured(ball.data, "FLOAT_COLOR", "POINT", np.tile((0, 1, 0, 1), (len(ball.data.vertices), 1)))
    answer, file, places = send(ball, decimate=500)
    assert len(file.triangles) == answer["faces"] <= 500
    assert np.linalg.norm(places - (7, 0, 0), axis=1) == pytest.approx(1, abs=0.05)
    assert file.volume == pytest.approx(4 / 3 * np.pi, rel=0.05)
    assert np.allclose(file.colour[:, :3], (0, 1, 0), atol=1e-3)
    assert "Decimated from 3,968" in answer["notes"][0]
    assert send(ball, decimate=5000)[0]["faces"] == 3968


def test_what_cannot_be_written_is_told_in_a_line(addon: ModuleType, tmp_path: Path) -> None:
    snapshot, blender = (import_module(f"{addon.__name__}.{name}") for name in ("scene.snapshot", "background.blender"))
    trouble = import_module(f"{addon.__name__}.trouble").Trouble
    part = {"position": np.eye(3, dtype=np.float32), "corner_vert": np.arange(3), "face_start": np.zeros(1, int)}
    whole = snapshot.Snapshot("it", (), (0, 0, 0), [part | {"matrices": np.eye(4)[None]}])
    whole.save(tmp_path / "sketch.npz")
    request = {"npz": str(tmp_path / "sketch.npz"), "glb": "/proc/sketch.glb", "name": "it", "origin": [0, 0, 0]}
    request |= {"decimate": 0, "radius": 0}
    script = Path(blender.__file__).with_name("write_sketch.py")
    with pytest.raises(trouble) as told:
        blender.run(blender.this_program(), script, request, tmp_path, 300.0, Event())
    assert told.value.code == "not_written"
    assert "No such file or directory" in told.value.message
    assert "\n" not in told.value.message


# Python cannot make Bezier hair in 4.2.
@pytest.mark.parametrize("kind", ["CATMULL_ROM", "BEZIER"] if bpy.app.version >= (4, 3) else ["CATMULL_ROM"])
def test_splines_are_blenders_own(addon: ModuleType, kind: str) -> None:
    """Held against what Geometry Nodes make of the same hair."""
    splines = import_module(f"{addon.__name__}.background.splines")
    hair = sketches.hair(kind)
    attributes, ours = hair.data.attributes, []
    attributes.new("cyclic", "BOOLEAN", "CURVE").data[1].value = True
    if bpy.app.version >= (4, 3):
        hair.data.set_types(type=kind)
    for side, shift in (("left", -0.2), ("right", 0.3)) if kind == "BEZIER" else ():
        name, handles = f"handle_{side}", vectors(attributes["position"]) + np.array((0, shift, shift))
        made_of = attributes.get(name) or attributes.new(name, "FLOAT_VECTOR", "POINT")
        made_of.data.foreach_set("vector", handles.ravel())
    for start, end, is_cyclic in ((0, 3, False), (3, 7, True)):
        handles = [vectors(attributes[f"handle_{side}"])[start:end] for side in ("left", "right") if kind == "BEZIER"]
        points = vectors(attributes["position"])[start:end]
        ours.append(splines.sampled(points, getattr(splines, kind), is_cyclic, 12, *handles)[0])
    assert np.allclose(np.concatenate(ours), evaluated_by_nodes(hair), atol=1e-5)


def vectors(attribute: bpy.types.Attribute) -> np.ndarray:
    return np.array([tuple(each.vector) for each in attribute.data], np.float64)


def evaluated_by_nodes(hair: bpy.types.Object) -> np.ndarray:
    """The points of its curves, as Curve to Mesh makes vertices of them."""
    tree = bpy.data.node_groups.new("to mesh", "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    given, gives = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    to_mesh = tree.nodes.new("GeometryNodeCurveToMesh")
    tree.links.new(given.outputs[0], to_mesh.inputs[0])
    tree.links.new(to_mesh.outputs[0], gives.inputs[0])
    hair.modifiers.new("nodes", "NODES").node_group = tree
    depsgraph = bpy.context.evaluated_depsgraph_get()
    found = []
    for each in depsgraph.object_instances:
        if each.object.type == "MESH":
            found += [tuple(vertex.co) for vertex in each.object.data.vertices]
    return np.array(found)


def distance(places: np.ndarray, line: list[tuple[float, float, float]]) -> float:
    """The median distance of places from a line through some points."""
    points = np.array(line, np.float64)
    nearest = np.full(len(places), np.inf)
    for a, b in pairwise(points):
        along = np.clip((places - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(places - a - along[:, None] * (b - a), axis=1))
    return float(np.median(nearest))
