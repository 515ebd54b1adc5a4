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
from mathutils import Vector  # pyright: ignore[reportMissingImports]
from PIL import Image

from training.world.colors import to_linear
from training.world.matte import steady_outline
from training.world.model import Mesh
from training.world.shaders import to_blender
from training.world.surroundings import Lamp, Sun, Surroundings
from training.world.views import FOVY, View

SAMPLES = 12
GROUND_SIZE = 80.0


class Stage:
    """Empty Blender with a camera, lamps and a ground; `size` in pixels, square."""

    def __init__(self, size: int, samples: int = SAMPLES) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.scene = bpy.context.scene
        _set_cycles(self.scene, samples)
        self._folder = tempfile.TemporaryDirectory(prefix="world-")
        self._picture = Path(self._folder.name) / "view.png"
        _set_output(self.scene, size, self._picture)
        self.camera = _linked(self.scene, "camera", bpy.data.cameras.new("camera"))
        self.camera.data.angle = math.radians(FOVY)
        self.scene.camera = self.camera
        self.key, self.rim, self.sun = (_light(self.scene, kind) for kind in ("AREA", "AREA", "SUN"))
        self.ground = _linked(self.scene, "ground", _square(GROUND_SIZE))
        self._background, self._ramp = _gradient_world(self.scene)
        self._object: Any = None

    def show(self, mesh: Mesh) -> None:
        """Puts a normalised mesh in place of the one before."""
        if self._object is not None:
            _forget_mesh(self._object)
        data = bpy.data.meshes.new("thing")
        data.from_pydata(mesh.vertices.tolist(), [], mesh.faces)
        data.polygons.foreach_set("material_index", mesh.material_index)
        data.polygons.foreach_set("use_smooth", mesh.smooth)
        for material in mesh.materials:
            data.materials.append(to_blender(material))
        self._object = _linked(self.scene, "thing", data)

    def dress(self, around: Surroundings) -> None:
        """Sets ground, sky and lamps."""
        self.ground.hide_render = around.ground is None
        _forget_materials(self.ground.data)
        if around.ground is not None:
            self.ground.data.materials.append(to_blender(around.ground))
        for stop, color in zip(self._ramp.elements, (around.horizon, around.zenith), strict=True):
            stop.color = (*to_linear(color).tolist(), 1.0)
        self._background.inputs["Strength"].default_value = around.sky_strength
        _set_lamp(self.key, around.key)
        _set_lamp(self.rim, around.rim)
        _set_sun(self.sun, around.sun)
        self.scene.view_settings.exposure = around.exposure

    def photograph(self, view: View, seed: int, transparent: bool) -> Image.Image:
        """One render [size, size], sRGB: RGBA with straight alpha where transparent, else RGB."""
        _aim(self.camera, view.place(), view.target)
        self.scene.render.film_transparent = transparent
        self.scene.cycles.seed = seed
        with _silence():
            bpy.ops.render.render(write_still=True)
        with Image.open(self._picture) as image:
            if not transparent:
                return image.convert("RGB")
            return Image.fromarray(steady_outline(np.asarray(image.convert("RGBA"))))


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
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.compression = 0
    render.filepath = str(picture)
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"


def _gradient_world(scene: Any) -> tuple[Any, Any]:
    """A sky whose colour goes from horizon to zenith; gives its background node and its ramp of two colours."""
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.cycles.sampling_method = "NONE"
    world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    direction, split, height, ramp = (
        nodes.new(f"ShaderNode{name}") for name in ("TexCoord", "SeparateXYZ", "MapRange", "ValToRGB")
    )
    height.inputs["From Min"].default_value, height.inputs["From Max"].default_value = -0.2, 0.6
    background = nodes["Background"]
    links.new(direction.outputs["Generated"], split.inputs[0])
    links.new(split.outputs["Z"], height.inputs["Value"])
    links.new(height.outputs[0], ramp.inputs[0])
    links.new(ramp.outputs[0], background.inputs["Color"])
    return background, ramp.color_ramp


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
