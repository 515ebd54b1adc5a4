"""Materials as Blender's node graphs: a pattern mixes the colours, and drives bump, roughness and shade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]

from training.world.colors import to_linear
from training.world.materials import Material
from training.world.passes import BASE, SURFACE

BUMP_HEIGHT = 0.06  # of a bump of 1, in object units
FINE_IN_BUMP = 0.25  # the fine grain's share in the relief


def to_blender(material: Material, told: bool = True) -> Any:
    """A new `bpy.types.Material`; coordinates are the object's own, so the pattern does not swim between views.

    If `told`, its base colour, roughness and metallic go into the render's AOVs.
    """
    made = bpy.data.materials.new("world")
    made.use_nodes = True
    graph = _Graph(made.node_tree)
    surface = made.node_tree.nodes["Principled BSDF"]
    position = graph.node("TexCoord").outputs["Object"]
    color, height = PATTERNS[material.texture](graph, material, position)
    grain = graph.node("TexNoise", {"Vector": position, "Scale": material.fine_scale, "Detail": 4.0}).outputs[0]
    if material.fine:
        shade = graph.spread(grain, 1 - 4 * material.fine, 1 + 4 * material.fine)
        color = graph.node("HueSaturation", {"Value": shade, "Color": color}).outputs[0]
    roughness = graph.spread(grain, max(material.roughness - 0.12, 0.03), min(material.roughness + 0.12, 1.0))
    graph.feed(
        surface,
        {
            "Base Color": color,
            "Roughness": roughness,
            "Metallic": material.metallic,
            "Coat Weight": material.coat,
            "Subsurface Weight": material.subsurface,
            "Subsurface Radius": (0.1, 0.05, 0.03),
            "Specular IOR Level": material.specular,
        },
    )
    if told:
        graph.node("OutputAOV", {"Color": color}, aov_name=BASE)
        known = graph.node("CombineXYZ", {0: roughness, 1: material.metallic, 2: 1.0}).outputs[0]
        graph.node("OutputAOV", {"Color": known}, aov_name=SURFACE)
    if material.bump:
        graph.feed(surface, {"Normal": _relief(graph, material, height, grain)})
    return made


class _Graph:
    """A node tree that is built by naming (or counting) each node's inputs: values are set, sockets are linked."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def node(self, name: str, inputs: Mapping[Any, Any] | None = None, **properties: Any) -> Any:
        node = self.tree.nodes.new(f"ShaderNode{name}")
        for key, value in properties.items():
            setattr(node, key, value)
        self.feed(node, inputs or {})
        return node

    def feed(self, node: Any, inputs: Mapping[Any, Any]) -> None:
        for name, value in inputs.items():
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[name])
            else:
                node.inputs[name].default_value = value

    def spread(self, value: Any, low: float, high: float) -> Any:
        """0..1 mapped to low..high."""
        return self.node("MapRange", {"Value": value, "To Min": low, "To Max": high}).outputs[0]


def _relief(graph: _Graph, material: Material, height: Any, grain: Any) -> Any:
    mixed = graph.node("Math", {0: grain, 1: FINE_IN_BUMP, 2: height}, operation="MULTIPLY_ADD").outputs[0]
    # a brick pattern's height is the mortar, which lies deeper
    sign = -1.0 if material.texture in ("brick", "tile") else 1.0
    inputs = {
        "Strength": min(2 * material.bump, 1.0),
        "Distance": sign * BUMP_HEIGHT * material.bump,
        "Height": mixed,
    }
    return graph.node("Bump", inputs).outputs[0]


def _rgba(color: Any) -> tuple[float, float, float, float]:
    red, green, blue = (float(channel) for channel in to_linear(color))
    return red, green, blue, 1.0


def _placed(graph: _Graph, material: Material, position: Any) -> Any:
    """Positions [3] stretched and moved, so that no two objects show the same piece of a pattern."""
    inputs = {
        "Vector": position,
        "Scale": tuple(map(float, material.stretch)),
        "Location": tuple(map(float, material.offset)),
    }
    return graph.node("Mapping", inputs).outputs[0]


def _ramp(graph: _Graph, material: Material, height: Any) -> Any:
    """The height 0..1 as a colour: `color` below ramp[0], `second` above ramp[1], `third` a little further on."""
    node = graph.node("ValToRGB", {0: height})
    stops = node.color_ramp.elements
    for stop, place, color in zip(stops, material.ramp, (material.color, material.second), strict=True):
        stop.position, stop.color = place, _rgba(color)
    if material.third is not None:
        stops.new(min(material.ramp[1] + 0.12, 1.0)).color = _rgba(material.third)
    return node.outputs[0]


def _noise(graph: _Graph, material: Material, position: Any) -> tuple[Any, Any]:
    inputs = {
        "Vector": _placed(graph, material, position),
        "Scale": material.scale,
        "Detail": material.detail,
        "Distortion": material.distortion,
    }
    height = graph.node("TexNoise", inputs).outputs[0]
    return _ramp(graph, material, height), height


def _cells(feature: str) -> Callable[[_Graph, Material, Any], tuple[Any, Any]]:
    def build(graph: _Graph, material: Material, position: Any) -> tuple[Any, Any]:
        inputs = {"Vector": _placed(graph, material, position), "Scale": material.scale}
        height = graph.node("TexVoronoi", inputs, feature=feature).outputs["Distance"]
        return _ramp(graph, material, height), height

    return build


def _waves(shape: str) -> Callable[[_Graph, Material, Any], tuple[Any, Any]]:
    def build(graph: _Graph, material: Material, position: Any) -> tuple[Any, Any]:
        inputs = {
            "Vector": _placed(graph, material, position),
            "Scale": material.scale,
            "Distortion": 8 * material.distortion,
            "Detail": 3.0,
            "Detail Scale": 1.2,
        }
        height = graph.node("TexWave", inputs, wave_type=shape).outputs["Fac"]
        return _ramp(graph, material, height), height

    return build


def _bricks(around: bool, mortar: float) -> Callable[[_Graph, Material, Any], tuple[Any, Any]]:
    """Courses stand on z; along x alone, or along x + y so that walls on every side have them."""

    def build(graph: _Graph, material: Material, position: Any) -> tuple[Any, Any]:
        split = graph.node("SeparateXYZ", {0: position}).outputs
        along = graph.node("Math", {0: split[0], 1: split[1]}, operation="ADD").outputs[0] if around else split[0]
        flat = graph.node("CombineXYZ", {0: along, 1: split[2]}).outputs[0]
        third = (0.70, 0.68, 0.62) if material.third is None else material.third
        inputs = {
            "Vector": flat,
            "Scale": material.scale,
            "Color1": _rgba(material.color),
            "Color2": _rgba(material.second),
            "Mortar": _rgba(third),
            "Mortar Size": mortar,
        }
        node = graph.node("TexBrick", inputs)
        return node.outputs["Color"], node.outputs["Fac"]

    return build


# texture's name → (graph, material, positions) → (colour, height)
PATTERNS: dict[str, Callable[[_Graph, Material, Any], tuple[Any, Any]]] = {
    "noise": _noise,
    "voronoi": _cells("F1"),
    "cells": _cells("DISTANCE_TO_EDGE"),
    "wave": _waves("BANDS"),
    "rings": _waves("RINGS"),
    "brick": _bricks(around=True, mortar=0.03),
    "tile": _bricks(around=False, mortar=0.025),
}
