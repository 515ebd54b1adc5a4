"""The sidebar's tab: the server, the active sketch's words and settings, the button, the versions."""

from __future__ import annotations

import random

import bpy

from .. import runtime
from ..scene import subject
from ..text.words import OURS, tr
from ..text.wrapping import draw_text
from . import status_line
from .operators.jobs import why_not_run

NEW_SEEDS = 9999  # enough to choose from, and short enough to be told to somebody
# Fields of the advanced part; the server's setting whose value the preset chooses while the field is left alone; and a
# name that is short enough for a sidebar where the field's own is not.
ADVANCED = (
    ("prior", "prior.name", "Prior"),
    ("stage1_steps", "stage1.steps", "Steps"),
    ("stage2_steps", "stage2.steps", "Bridge Steps"),
    ("texture_size", "output.texture_size", "Texture Size"),
    ("faces", "output.faces", "Triangles"),
    ("backend", None, "Renderer"),
    ("decimate", None, "Decimate To"),
    ("radius", None, "Stroke Radius"),
    ("more", None, "More"),
)


class REALIFY_PT_sketch(bpy.types.Panel):
    """All that is to be said about the sketch that is selected."""

    bl_label = "Realify"
    bl_translation_context = OURS
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Realify"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        runtime.wanted = True  # somebody looks: from now on it is known how it stands with the server
        layout = self.layout
        status_line.draw(layout, context, runtime.state.status)
        layout.separator(factor=0.5)
        sketch = subject.subject(context)
        if sketch is not None:
            draw_words(layout, sketch)
            draw_settings(layout, sketch.realify)
        draw_button(layout, context)
        if sketch is not None:
            draw_advanced(layout, sketch.realify)
            draw_versions(layout, sketch.realify)


def draw_words(layout: bpy.types.UILayout, sketch: bpy.types.Object) -> None:
    """Which sketch it is, and what it is to be."""
    column = layout.column(align=True)
    column.label(text=sketch.name, icon="GREASEPENCIL", translate=False)
    row = column.row()
    row.scale_y = 1.3
    row.prop(sketch.realify, "prompt", text="", placeholder=tr("a photo of a red mushroom"))


def draw_settings(layout: bpy.types.UILayout, given: bpy.types.PropertyGroup) -> None:
    """Three rows: how long, how close, which of the many."""
    layout.row().prop(given, "preset", expand=True)
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(given, "keep_shape")
    row = column.row(align=True)
    row.prop(given, "seed")
    row.operator("realify.new_seed", text="", icon="FILE_REFRESH")


def draw_button(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button; where it is disabled, why."""
    many = len(subject.selected(context))
    column = layout.column()
    if many > 1:
        column.prop(context.scene.realify, "joined")
    big = column.column()
    big.scale_y = 1.8
    big.operator("realify.run", text=button_text(many, context.scene.realify.joined), icon="SHADERFX", translate=False)
    reason = why_not_run(context)
    if reason is None:
        return
    status = runtime.state.status
    if reason == status.message:  # it stands above in full
        reason = status_line.line_for(status).text
    draw_text(column, reason, context, "INFO")


def button_text(many: int, joined: bool) -> str:
    """What a click does to so many sketches."""
    if many < 2:
        return tr("Realify")
    return tr("Realify as One") if joined else tr("Realify {} Sketches").format(many)


def draw_advanced(layout: bpy.types.UILayout, given: bpy.types.PropertyGroup) -> None:
    """What most people leave alone. Beside a field that is left alone stands what the preset chooses."""
    header, body = layout.panel("REALIFY_advanced", default_closed=True)
    header.label(text=tr("Advanced"), translate=False)
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    for name, key, label in ADVANCED:
        chosen = preset_value(given.preset, key, runtime.state.options) if key and left_alone(given, name) else None
        column = body.column(align=True)
        hint = tr("the preset's") if name == "prior" else ""
        column.prop(given, name, text=tr(label), translate=False, placeholder=hint)
        if chosen is not None:
            faint = column.row()
            faint.active = False
            faint.alignment = "RIGHT"
            faint.label(text=tr("preset: {}").format(chosen), translate=False)


def left_alone(given: bpy.types.PropertyGroup, name: str) -> bool:
    """Whether a field has the value that stands for the preset's."""
    return getattr(given, name) == given.bl_rna.properties[name].default


def preset_value(preset: str, key: str, options: dict | None) -> object:
    """What the server's preset has for a setting; None while no server has told."""
    if options is None:
        return None
    rows = {row["key"]: row["default"] for row in options["settings"]}
    return options["presets"].get(preset, {}).get(key, rows.get(key))


def draw_versions(layout: bpy.types.UILayout, given: bpy.types.PropertyGroup) -> None:
    """What the sketch became so far; a click shows another."""
    if not given.versions:
        return
    header, body = layout.panel("REALIFY_versions")
    header.label(text=tr("Versions: {}").format(len(given.versions)), translate=False)
    if body is None:
        return
    row = body.row()
    rows = max(2, min(len(given.versions), 5))
    row.template_list("REALIFY_UL_versions", "", given, "versions", given, "version", rows=rows)
    row.column().operator("realify.remove_version", text="", icon="REMOVE").index = given.version


class REALIFY_UL_versions(bpy.types.UIList):
    """The results of one sketch."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int = 0,
    ) -> None:
        is_shown = index == getattr(active_data, active_property)
        mark = "ERROR" if item.mesh is None else "RADIOBUT_ON" if is_shown else "RADIOBUT_OFF"
        row = layout.split(factor=0.55)
        row.label(text=item.prompt, icon=mark, translate=False)
        faint = row.row()
        faint.active = False
        faint.alignment = "RIGHT"
        faint.label(text=f"{tr('seed {}').format(item.seed)}, {item.created[11:]}", translate=False)


class REALIFY_OT_new_seed(bpy.types.Operator):
    bl_idname = "realify.new_seed"
    bl_label = "New Seed"
    bl_description = "Draw another seed: the same sketch and words, another result"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return subject.subject(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        subject.subject(context).realify.seed = random.randint(0, NEW_SEEDS)
        return {"FINISHED"}


CLASSES = (REALIFY_OT_new_seed, REALIFY_UL_versions, REALIFY_PT_sketch)
