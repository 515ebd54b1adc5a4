"""Realify where hands already are: the Object menu, its context menu, and a pie menu for the shortcut."""

from __future__ import annotations

import bpy

from .. import runtime
from ..jobs.job import OVER, Job
from ..scene import subject
from ..text.words import tr
from .cards import buttons
from .keymap import PIE

ICON = "SHADERFX"
MENUS = ("VIEW3D_MT_object", "VIEW3D_MT_object_context_menu")


class REALIFY_MT_pie(bpy.types.Menu):
    """West and east begin, north and south go on."""

    bl_idname = PIE
    bl_label = "Realify"

    def draw(self, context: bpy.types.Context) -> None:
        pie = self.layout.menu_pie()
        pie.operator("realify.run", icon=ICON)
        pie.operator("realify.run", text=tr("Realify as One"), icon="MOD_REMESH", translate=False).joined = True
        job = newest_job(context)
        if job is None:
            return
        for button in buttons(job):
            properties = pie.operator(button.operator, text=button.text, icon=button.icon, translate=False)
            properties.key = job.key
        pie.operator("realify.select_sketch", icon="RESTRICT_SELECT_OFF").key = job.key


def newest_job(context: bpy.types.Context) -> Job | None:
    """Of the sketch that is active: the newest at work, else the newest."""
    sketch = subject.subject(context)
    own = [job for job in runtime.state.jobs.values() if sketch is not None and job.sketch_id == sketch.realify.uid]
    at_work = [job for job in own if job.phase not in OVER]
    return (at_work or own or [None])[-1]


def draw_entry(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """One line at a menu's end."""
    self.layout.separator()
    self.layout.operator("realify.run", icon=ICON)


CLASSES = (REALIFY_MT_pie,)


def register() -> None:
    """Adds the entries."""
    for each in CLASSES:
        bpy.utils.register_class(each)
    for name in MENUS:
        getattr(bpy.types, name).append(draw_entry)


def unregister() -> None:
    """Takes them away."""
    for name in MENUS:
        getattr(bpy.types, name).remove(draw_entry)
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
