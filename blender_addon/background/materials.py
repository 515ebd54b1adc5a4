"""In a Blender of its own: names of a result's materials and images, and its colour where textures are not drawn."""

from __future__ import annotations

import bpy
import numpy as np


def finish(mesh: bpy.types.Mesh, name: str) -> None:
    """Names what the mesh is made of after `name`, and gives its materials the colour that Workbench draws."""
    for material in filter(None, mesh.materials):
        material.name = name
        shader = _shader(material)
        if shader is None:
            continue
        for socket in shader.inputs:
            texture = _texture(socket)
            if texture is not None and texture.image is not None:
                texture.image.name = f"{name} {socket.name}"
        _show(material, shader.inputs["Base Color"], mesh)


def _shader(material: bpy.types.Material) -> bpy.types.Node | None:
    nodes = material.node_tree.nodes if material.node_tree else []
    return next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)


def _texture(socket: bpy.types.NodeSocket) -> bpy.types.Node | None:
    """The image that feeds it, itself or through other nodes."""
    for link in socket.links:
        if link.from_node.type == "TEX_IMAGE":
            return link.from_node
        for each in link.from_node.inputs:
            if (found := _texture(each)) is not None:
                return found
    return None


def _show(material: bpy.types.Material, socket: bpy.types.NodeSocket, mesh: bpy.types.Mesh) -> None:
    texture = _texture(socket)
    if texture is not None and texture.image is not None and mesh.uv_layers:
        material.node_tree.nodes.active = texture  # what Workbench's texture colours are taken from
        material.diffuse_color = (*_mean(texture.image, mesh.uv_layers[0]), 1.0)
    elif mesh.color_attributes and socket.is_linked:
        colours = np.empty(4 * len(mesh.color_attributes[0].data), np.float32)
        mesh.color_attributes[0].data.foreach_get("color", colours)
        material.diffuse_color = (*colours.reshape(-1, 4)[:, :3].mean(axis=0).tolist(), 1.0)
    else:
        material.diffuse_color = socket.default_value


def _mean(image: bpy.types.Image, layer: bpy.types.MeshUVLoopLayer) -> list[float]:
    """The image's mean colour, linear, at the corners of the faces: what lies between the charts does not count."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    uvs = np.empty(2 * len(layer.uv), np.float32)
    layer.uv.foreach_get("vector", uvs)
    place = np.floor(uvs.reshape(-1, 2) * (width, height)).astype(int) % (width, height)
    seen = pixels.reshape(height, width, image.channels)[place[:, 1], place[:, 0], :3]
    if not image.is_float:  # 8-bit images give their pixels as they are stored: sRGB
        seen = np.where(seen <= 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    return [float(value) for value in np.broadcast_to(seen.mean(axis=0), 3)]
