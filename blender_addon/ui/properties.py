"""What is kept in the .blend file: an object's settings and versions, a scene's jobs.

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .. import runtime

SEEDS = 2**31 - 1  # the server takes more, Blender's integers end here

CONTEXT = "Realify"  # Blender has other translations for words such as Close

# The names are the server's own; a test holds them to what a real one offers.
PRESETS = (
    ("draft", "Draft", "Minutes on a processor: to see whether sketch and words are understood"),
    ("standard", "Standard", "For daily work on a GPU"),
    ("high", "High", "Finer shape and larger textures, several times as long"),
)
KEEP_SHAPE = (
    ("LOOSE", "Loose", "The silhouette may move to where the words want it"),
    ("CLOSE", "Close", "The silhouette stays close to the sketch's"),
    ("EXACT", "Exact", "The shape stays as the sketch was understood; only colours and material change"),
)
TEXTURE_SIZES = (
    ("0", "Preset's", "What the preset says"),
    ("1024", "1024", "1024 pixels, each side"),
    ("2048", "2048", "2048 pixels, each side"),
    ("4096", "4096", "4096 pixels, each side"),
)
BACKENDS = (
    ("auto", "Automatic", "The fastest that the server has"),
    ("numba", "Processor", "Runs everywhere"),
    ("torch", "PyTorch", "On the server's GPU, without nvdiffrast"),
    ("nvdiffrast", "nvdiffrast", "The fastest on an NVIDIA GPU; its licence allows research and evaluation only"),
)


def offered_priors(self: bpy.types.PropertyGroup, context: bpy.types.Context, edit_text: str) -> list[tuple[str, str]]:
    """(name, remark) of the priors that the server offers, for the field's completion."""
    options = runtime.state.options or {"priors": []}
    return [
        (each["name"], "" if each["ready"] else "not downloaded on the server yet")
        for each in options["priors"]
        if edit_text.lower() in each["name"].lower()
    ]


def show_version(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """The version that was chosen becomes the one that is seen."""
    from ..scene import versions

    versions.show(self.id_data, self.version)


class RealifyVersion(bpy.types.PropertyGroup):
    """One result of a sketch."""

    job: StringProperty(name="Job", description="The job's key", options={"HIDDEN"})
    prompt: StringProperty(name="Prompt", description="The sentence that made it")
    preset: StringProperty(name="Preset", description="The preset that made it")
    seed: IntProperty(name="Seed", description="The seed that made it")
    created: StringProperty(name="Made", description="When it was asked for")
    mesh: PointerProperty(name="Mesh", description="The mesh of this version", type=bpy.types.Mesh)


class RealifyObject(bpy.types.PropertyGroup):
    """What an object remembers: how it is to become real, and what it became."""

    uid: StringProperty(name="Identity", description="By which jobs know this object", options={"HIDDEN"})
    others: StringProperty(
        name="Others", description="Identities of the objects that are one sketch with this one", options={"HIDDEN"}
    )
    prompt: StringProperty(
        name="Prompt",
        description='What it is, in a sentence, such as "a photo of a red mushroom"',
        maxlen=0,
    )
    preset: EnumProperty(
        name="Preset",
        description="How long it may take",
        items=PRESETS,
        default="standard",
        translation_context=CONTEXT,
    )
    seed: IntProperty(
        name="Seed",
        description="Another seed gives another result; the same one gives the same again",
        min=0,
        max=SEEDS,
    )
    keep_shape: EnumProperty(
        name="Keep Shape",
        description="How firmly the result holds to the sketch",
        items=KEEP_SHAPE,
        default="CLOSE",
        translation_context=CONTEXT,
    )
    prior: StringProperty(
        name="Prior",
        description="The diffusion model that knows what things look like. Empty: the preset's",
        search=offered_priors,
        search_options={"SUGGESTION"},
    )
    stage1_steps: IntProperty(
        name="Distillation Steps",
        description="Steps of the first stage, which finds shape and colours. -1: the preset's",
        default=-1,
        min=-1,
        max=100_000,
    )
    stage2_steps: IntProperty(
        name="Bridge Steps",
        description="Steps of the second stage, which makes it look less like a drawing. -1: the preset's",
        default=-1,
        min=-1,
        max=100_000,
    )
    texture_size: EnumProperty(
        name="Texture Size", description="Pixels of the result's textures, each side", items=TEXTURE_SIZES
    )
    faces: IntProperty(
        name="Face Budget",
        description="Most triangles of the result, at least 500. 0: the preset's",
        min=0,
        max=2_000_000,
        step=1000,
    )
    decimate: IntProperty(
        name="Decimate Sketch",
        description="A sketch with more triangles is simplified to so many before it is sent. 0: never",
        min=0,
        max=8_000_000,
        step=10_000,
    )
    backend: EnumProperty(name="Renderer", description="What the server draws with", items=BACKENDS)
    radius: FloatProperty(
        name="Stroke Radius",
        description="Of lines that have no thickness of their own. 0: 1.5 % of the sketch's size",
        min=0.0,
        subtype="DISTANCE",
    )
    more: StringProperty(
        name="More Settings",
        description='Any other setting of the server as key=value, such as "geometry.lr=2e-3 fit.grid=96"',
    )
    result: PointerProperty(
        name="Result", description="What this sketch became", type=bpy.types.Object, options={"HIDDEN"}
    )
    sketch: PointerProperty(
        name="Sketch", description="The sketch that this was made of", type=bpy.types.Object, options={"HIDDEN"}
    )
    versions: CollectionProperty(name="Versions", description="All results of this sketch", type=RealifyVersion)
    version: IntProperty(
        name="Version", description="Which result of this sketch is seen", min=0, update=show_version
    )


class RealifyScene(bpy.types.PropertyGroup):
    """What a scene remembers."""

    jobs: StringProperty(name="Jobs", description="The jobs of this scene, as JSON", options={"HIDDEN"})
    joined: BoolProperty(
        name="As One",
        description="All selected objects are one sketch, with the active object's settings; else one job each",
    )


CLASSES = (RealifyVersion, RealifyObject, RealifyScene)


def register() -> None:
    """Hangs the groups on objects and scenes."""
    for each in CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Object.realify = PointerProperty(type=RealifyObject)
    bpy.types.Scene.realify = PointerProperty(type=RealifyScene)


def unregister() -> None:
    """Takes them off; what is in the file stays there."""
    del bpy.types.Scene.realify
    del bpy.types.Object.realify
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
