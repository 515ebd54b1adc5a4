"""The colours of a sketch: which colour attribute, and what simple colour a material has. All are linear RGBA."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

GREY = (0.8, 0.8, 0.8, 1.0)  # Blender's own colour of what has no material
TYPES = ("FLOAT_COLOR", "BYTE_COLOR")


def of_materials(materials: Iterable[bpy.types.Material | None]) -> np.ndarray:
    """[materials, 4]; an empty slot is grey."""
    return np.array([of_material(each) if each else GREY for each in materials], np.float32).reshape(-1, 4)


def of_material(material: bpy.types.Material) -> tuple[float, ...]:
    """Its base colour if that is a plain one, else the colour that it has in the viewport's solid shading."""
    socket = base_colour(material)
    if socket is not None and not socket.is_linked:
        return tuple(socket.default_value)
    node = source(socket)
    if node is not None and node.bl_idname == "ShaderNodeRGB":
        return tuple(node.outputs[0].default_value)
    return tuple(material.diffuse_color)


def attribute(mesh: bpy.types.Mesh) -> bpy.types.Attribute | None:
    """The one that holds the mesh's colours: what a material's base colour comes from, else the active colour
    attribute, else any other one, which only Geometry Nodes make (on faces, say). None: it has none."""
    coloured = {each.name: each for each in mesh.attributes if each.data_type in TYPES and each.domain != "EDGE"}
    active = mesh.color_attributes.active_color
    named = [_named_attribute(each) for each in mesh.materials if each]
    wanted = [*named, active.name if active else None, *coloured]
    return next((coloured[name] for name in wanted if name in coloured), None)


def base_colour(material: bpy.types.Material) -> bpy.types.NodeSocket | None:
    """The socket "Base Color" or "Color" of the shader at the material's output."""
    has_nodes = bpy.app.version >= (5, 0) or material.use_nodes  # which from 5.0 on is always true, and deprecated
    tree = material.node_tree if has_nodes else None
    output = tree.get_output_node("ALL") if tree else None
    shader = source(output.inputs["Surface"]) if output else None
    inputs = shader.inputs if shader else {}
    return inputs.get("Base Color") or inputs.get("Color")


def source(socket: bpy.types.NodeSocket | None) -> bpy.types.Node | None:
    """The node that a socket is linked from, behind any reroutes."""
    for _ in range(100):  # reroutes cannot be in a circle, but files can be broken
        if socket is None or not socket.is_linked:
            return None
        node = socket.links[0].from_node
        if node.bl_idname != "NodeReroute":
            return node
        socket = node.inputs[0]
    return None


def _named_attribute(material: bpy.types.Material) -> str | None:
    node = source(base_colour(material))
    if node is None:
        return None
    if node.bl_idname == "ShaderNodeVertexColor":
        return node.layer_name
    return node.attribute_name if node.bl_idname == "ShaderNodeAttribute" else None
