"""A Blender scene that one object after another is photographed in.

The settings were measured at 12 samples and 64 pixels: with the world's importance sampling and the light tree off
a picture costs a tenth, the denoiser makes 12 samples look like 24, and a few bounces are enough.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np
import OpenEXR  # pyright: ignore[reportMissingImports]
from mathutils import Vector  # pyright: ignore[reportMissingImports]

from training.world.colors import to_linear
from training.world.materials import Material
from training.world.model import Mesh
from training.world.passes import BASE, CLAY, SURFACE, Passes, to_passes
from training.world.shaders import to_blender
from training.world.surroundings import Environment, Lamp, Sun, Surroundings
from training.world.views import FOVY, View

SAMPLES = 8
CLAY_PERCENT = 50  # of the resolution: light on clay is smooth
GROUND_SIZE = 80.0


class Stage:
    """Empty Blender with a camera, lamps and a ground; `size` in pixels, square."""

    def __init__(self, size: int, samples: int = SAMPLES) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        _set_cycles(self.scene, samples)
        self._folder = tempfile.TemporaryDirectory(prefix="world-")
        self._picture = Path(self._folder.name) / "view.exr"
        _set_output(self.scene, size, self._picture)
        _add_aovs(self.scene.view_layers[0])
        self._clay = _clay()
        self.camera = _linked(self.scene, "camera", bpy.data.cameras.new("camera"))
        self.camera.data.angle = math.radians(FOVY)
        self.scene.camera = self.camera
        self.key, self.rim, self.sun = (_light(self.scene, kind) for kind in ("AREA", "AREA", "SUN"))
        self.ground = _linked(self.scene, "ground", _square(GROUND_SIZE))
        self._sky = Sky(self.scene)
        self._object: Any = None

    def show(self, mesh: Mesh) -> None:
        """Puts a normalised mesh in place of the one before."""
        if self._object is not None:
            _forget_mesh(self._object)
        data = bpy.data.meshes.new("thing")
        data.from_pydata(mesh.vertices.tolist(), [], mesh.faces)
        for _ in mesh.materials:
            data.materials.append(None)
        data.polygons.foreach_set("material_index", mesh.material_index)
        data.polygons.foreach_set("use_smooth", mesh.smooth)
        self._object = _linked(self.scene, "thing", data)
        self.wear(mesh.materials)

    def wear(self, materials: Sequence[Material]) -> None:
        """Gives the object other materials, one for each that it had."""
        slots = self._object.data.materials
        for slot, material in enumerate(materials):
            before, made = slots[slot], to_blender(material)
            slots[slot] = made  # in its place: a cleared list would put every face into the first
            if before is not None:
                bpy.data.materials.remove(before)

    def dress(self, around: Surroundings) -> None:
        """Sets ground, sky and lamps."""
        self.ground.hide_render = around.ground is None
        _forget_materials(self.ground.data)
        if around.ground is not None:
            self.ground.data.materials.append(to_blender(around.ground, told=False))
        self._sky.show(around)
        _set_lamp(self.key, around.key)
        _set_lamp(self.rim, around.rim)
        _set_sun(self.sun, around.sun)
        self._level = around.level

    def photograph(self, view: View, seed: int, transparent: bool) -> Passes:
        """One view [size, size] with all that is known of it; its film is transparent, or shows ground and sky."""
        _aim(self.camera, view.place(), view.target)
        self.scene.cycles.seed = seed
        layer, render = self.scene.view_layers[0], self.scene.render
        layers = self._render(transparent)
        layer.material_override, render.resolution_percentage = self._clay, CLAY_PERCENT
        self.ground.visible_camera = False  # it still throws its light on the object
        try:
            clay = self._render(transparent=True)
        finally:
            layer.material_override, render.resolution_percentage = None, 100
            self.ground.visible_camera = True
        return to_passes(layers, clay, self._level, transparent)

    def _render(self, transparent: bool) -> dict[str, np.ndarray]:
        self.scene.render.film_transparent = transparent
        with _silence():
            bpy.ops.render.render(write_still=True)
        return _layers(self._picture)


class Sky:
    """The world's background: a colour that goes from horizon to zenith, or one of Blender's own environments."""

    def __init__(self, scene: Any) -> None:
        world = bpy.data.worlds.new("world")
        scene.world = world
        world.use_nodes = True
        self._world, tree = world, world.node_tree
        self._links, self._background = tree.links, tree.nodes["Background"]
        direction, split, height, ramp, self._turn, self._environment = (
            tree.nodes.new(f"ShaderNode{name}")
            for name in ("TexCoord", "SeparateXYZ", "MapRange", "ValToRGB", "Mapping", "TexEnvironment")
        )
        height.inputs["From Min"].default_value, height.inputs["From Max"].default_value = -0.2, 0.6
        self._links.new(direction.outputs["Generated"], split.inputs[0])
        self._links.new(split.outputs["Z"], height.inputs["Value"])
        self._links.new(height.outputs[0], ramp.inputs[0])
        self._links.new(direction.outputs["Generated"], self._turn.inputs["Vector"])
        self._links.new(self._turn.outputs[0], self._environment.inputs["Vector"])
        self._ramp = ramp
        self._means: dict[str, float] = {}

    def show(self, around: Surroundings) -> None:
        color = self._environment if around.environment else self._ramp
        self._links.new(color.outputs["Color"], self._background.inputs["Color"])
        # importance sampling finds an environment's sun; for a plain sky it only costs
        self._world.cycles.sampling_method = "MANUAL" if around.environment else "NONE"
        self._world.cycles.sample_map_resolution = 256
        for stop, shade in zip(self._ramp.color_ramp.elements, (around.horizon, around.zenith), strict=True):
            stop.color = (*to_linear(shade).tolist(), 1.0)
        strength = around.sky_strength
        if around.environment:
            strength /= self._open(around.environment)
        self._background.inputs["Strength"].default_value = strength

    def _open(self, environment: Environment) -> float:
        """Shows an environment, turned; gives its mean radiance."""
        self._turn.inputs["Rotation"].default_value[2] = math.radians(environment.turn)
        path = Path(bpy.utils.resource_path("LOCAL"), "datafiles", "studiolights", "world", f"{environment.name}.exr")
        image = bpy.data.images.load(str(path), check_existing=True)
        self._environment.image = image
        if environment.name not in self._means:
            values = np.empty(len(image.pixels), np.float32)
            image.pixels.foreach_get(values)
            self._means[environment.name] = float(values.reshape(-1, image.channels)[:, :3].mean())
        return self._means[environment.name]


def _layers(path: Path) -> dict[str, np.ndarray]:
    """The render passes of a multi-layer EXR file as linear float32 [H, W, 3 or 4], by their names."""
    with OpenEXR.File(str(path)) as file:
        channels = file.channels()
        return {name.split(".")[1]: np.asarray(channel.pixels, np.float32) for name, channel in channels.items()}


@contextmanager
def _silence() -> Iterator[None]:
    """Blender writes hundreds of lines a render past Python, straight to the process's output."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _set_cycles(scene: Any, samples: int) -> None:
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_quality = "FAST"
    cycles.denoising_prefilter = "NONE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.max_bounces = 4
    cycles.diffuse_bounces = cycles.glossy_bounces = cycles.transparent_max_bounces = 2
    cycles.transmission_bounces = cycles.volume_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4


def _set_output(scene: Any, size: int, picture: Path) -> None:
    render = scene.render
    render.resolution_x = render.resolution_y = size
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", 1
    render.use_persistent_data = True
    render.use_compositing = render.use_sequencer = False
    render.dither_intensity = 0
    render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "16"
    render.image_settings.exr_codec = "NONE"
    render.filepath = str(picture)


def _add_aovs(layer: Any) -> None:
    for name in (BASE, SURFACE):
        aov = layer.aovs.add()
        aov.name, aov.type = name, "COLOR"


def _clay() -> Any:
    clay = bpy.data.materials.new("clay")
    clay.use_nodes = True
    nodes, links = clay.node_tree.nodes, clay.node_tree.links
    nodes.clear()
    diffuse, output = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (CLAY, CLAY, CLAY, 1.0)
    links.new(diffuse.outputs[0], output.inputs["Surface"])
    return clay


def _linked(scene: Any, name: str, data: Any) -> Any:
    made = bpy.data.objects.new(name, data)
    scene.collection.objects.link(made)
    return made


def _light(scene: Any, kind: str) -> Any:
    light = _linked(scene, kind.lower(), bpy.data.lights.new(kind.lower(), kind))
    light.visible_camera = False
    return light


def _square(size: float) -> Any:
    half = size / 2
    data = bpy.data.meshes.new("ground")
    data.from_pydata([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], [], [(0, 1, 2, 3)])
    return data


def _aim(thing: Any, place: Sequence[float] | np.ndarray, target: Sequence[float]) -> None:
    """Cameras and lamps look down their own -Z."""
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()


def _set_lamp(light: Any, lamp: Lamp | None) -> None:
    light.hide_render = lamp is None
    if lamp is not None:
        _aim(light, lamp.place, lamp.target)
        light.data.size, light.data.energy, light.data.color = lamp.size, lamp.power, lamp.color


def _set_sun(light: Any, sun: Sun | None) -> None:
    light.hide_render = sun is None
    if sun is not None:
        _aim(light, [10 * value for value in sun.direction], (0, 0, 0))
        light.data.angle, light.data.energy, light.data.color = math.radians(sun.angle), sun.strength, sun.color


def _forget_materials(data: Any) -> None:
    old = [material for material in data.materials if material is not None]
    data.materials.clear()
    for material in old:
        bpy.data.materials.remove(material)


def _forget_mesh(thing: Any) -> None:
    data = thing.data
    bpy.data.objects.remove(thing)
    _forget_materials(data)
    bpy.data.meshes.remove(data)
