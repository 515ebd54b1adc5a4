"""Objects of every kind that can be a sketch, and what is seen of them."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

STROKE = [(0, 0, 0), (0.5, 0, 0.5), (1, 0, 0), (1.5, 0.3, 0.5)]


def link(name: str, data: Any) -> bpy.types.Object:
    """A new object in the scene, selected and active."""
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    select(obj)
    return obj


def select(*objects: bpy.types.Object) -> None:
    """These and no others; the first one is active."""
    bpy.context.view_layer.update()  # it does not list new objects before
    for each in bpy.context.view_layer.objects:
        each.select_set(each in objects)
    bpy.context.view_layer.objects.active = objects[0] if objects else None
    bpy.context.view_layer.update()


def wedge(name: str = "wedge", size: float = 1.0) -> bpy.types.Object:
    """A body that is different from each side."""
    corners = np.array([(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0), (0, 0, 1.5), (0.5, 1, 1)]) * size
    faces = [(0, 3, 2, 1), (0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners.tolist(), [], faces)
    return link(name, mesh)


def curve(name: str = "line") -> bpy.types.Object:
    """A curve without bevel."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    spline = data.splines.new("POLY")
    spline.points.add(3)
    for point, place in zip(spline.points, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)], strict=True):
        point.co = (*place, 1)
    return link(name, data)


def drawing(name: str = "drawing") -> bpy.types.Object:
    """Grease Pencil with one stroke, in whichever form this Blender has it."""
    if bpy.app.version < (4, 3):
        data = bpy.data.grease_pencils.new(name)
        stroke = data.layers.new("lines").frames.new(1).strokes.new()
        stroke.points.add(len(STROKE))
        for point, place in zip(stroke.points, STROKE, strict=True):
            point.co, point.pressure = place, 1.0
        stroke.line_width = 60
        return link(name, data)
    kind = bpy.data.grease_pencils_v3 if bpy.app.version < (5, 0) else bpy.data.grease_pencils
    data = kind.new(name)
    strokes = data.layers.new("lines").frames.new(1).drawing
    strokes.add_strokes([len(STROKE)])
    for point, place in zip(strokes.strokes[0].points, STROKE, strict=True):
        point.position, point.radius = place, 0.05
    return link(name, data)


def bezier(name: str = "arc") -> bpy.types.Object:
    """A curve without bevel that gets thicker along its way."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    spline = data.splines.new("BEZIER")
    spline.bezier_points.add(2)
    for number, point in enumerate(spline.bezier_points):
        point.co, point.radius = (number, number * number, 0), number + 1
        point.handle_left_type = point.handle_right_type = "AUTO"
    return link(name, data)


def text(words: str = "Hi") -> bpy.types.Object:
    data = bpy.data.curves.new("text", "FONT")
    data.body = words
    return link("text", data)


def ball(name: str = "ball", x: float = 0.0) -> bpy.types.Object:
    data = bpy.data.metaballs.new(name)
    data.elements.new()
    obj = link(name, data)
    obj.location.x = x
    return obj


def hair(name: str = "hair") -> bpy.types.Object:
    """Two strands, one of three points and one of four."""
    data = bpy.data.hair_curves.new(name)
    data.add_curves([3, 4])
    places = np.array([(0, 0, 0), (0, 0.1, 1), (0, 0.4, 2), (1, 0, 0), (1, 0, 1), (1, 0.2, 2), (1, 0, 3)], np.float32)
    data.position_data.foreach_set("vector", places.ravel())
    data.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", np.full(7, 0.05, np.float32))
    return link(name, data)


def cloud_of_cubes(count: int = 3) -> bpy.types.Object:
    """A mesh whose Geometry Nodes show a cube `count` times, at z = 0, 1, 2 …, and a cone once."""
    tree = bpy.data.node_groups.new("nodes", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    names = ("NodeGroupOutput", "GeometryNodeJoinGeometry", "GeometryNodeMeshLine", "GeometryNodeMeshCone")
    output, join, line, cone = (tree.nodes.new(name) for name in names)
    points, cube = tree.nodes.new("GeometryNodeInstanceOnPoints"), tree.nodes.new("GeometryNodeMeshCube")
    line.inputs["Count"].default_value = count
    tree.links.new(line.outputs[0], points.inputs["Points"])
    tree.links.new(cube.outputs[0], points.inputs["Instance"])
    tree.links.new(points.outputs[0], join.inputs[0])
    tree.links.new(cone.outputs[0], join.inputs[0])
    tree.links.new(join.outputs[0], output.inputs[0])
    obj = link("cloud", bpy.data.meshes.new("cloud"))
    obj.modifiers.new("nodes", "NODES").node_group = tree
    return obj


def instanced(member: bpy.types.Object, name: str = "group") -> bpy.types.Object:
    """An empty that shows `member`, which is in no scene any more, as a collection."""
    collection = bpy.data.collections.new(name)
    for each in list(member.users_collection):
        each.objects.unlink(member)
    collection.objects.link(member)
    empty = link(name, None)
    empty.instance_type, empty.instance_collection = "COLLECTION", collection
    return empty


def coloured(mesh: bpy.types.Mesh, kind: str, domain: str, values: Any) -> None:
    """Its active colour attribute; `values` [N, 4], linear."""
    attribute = mesh.color_attributes.new("paint", kind, domain)
    attribute.data.foreach_set("color", np.array(values, np.float32).ravel())
    mesh.color_attributes.active_color = attribute


def material(name: str, colour: tuple[float, float, float]) -> bpy.types.Material:
    """Principled, of one colour; its solid-shading colour is another."""
    made = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    shader = next(node for node in made.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    shader.inputs["Base Color"].default_value = (*colour, 1)
    made.diffuse_color = (0, 0, 0, 1)
    return made


def world_points(obj: bpy.types.Object) -> np.ndarray:
    """[N, 3] float64: where its evaluated vertices stand, or the points of `drawing`."""
    if obj.type in ("GPENCIL", "GREASEPENCIL"):
        return moved(np.array(STROKE, dtype=np.float64), obj.matrix_world)
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    places = [vertex.co[:] for vertex in evaluated.to_mesh().vertices]
    evaluated.to_mesh_clear()
    return moved(np.array(places, dtype=np.float64).reshape(-1, 3), evaluated.matrix_world)


def moved(places: np.ndarray, matrix: Matrix) -> np.ndarray:
    at = np.array(matrix, np.float64)
    return places @ at[:3, :3].T + at[:3, 3]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The farthest that any point of either is from the other's nearest one."""
    apart = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))
