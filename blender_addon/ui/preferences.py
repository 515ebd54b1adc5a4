"""What holds for this Blender, whatever file is open: where the server is, how long to wait, what to do with results.

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..net.address import DEFAULT, normalised
from ..trouble import Trouble
from . import keymap

ROOT = __package__.rpartition(".")[0]  # "bl_ext.user_default.realify" where Blender installed it

SHORTCUTS = (
    ("NONE", "None", "No key; the panel and the Object menu are enough"),
    ("PIE", "Pie Menu", "The key opens a pie menu: realify, import, cancel, select the sketch"),
    ("RUN", "Realify", "The key realifies the selected objects at once"),
)


def address_given(self: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    """Of a whole link, such as the server shows, the token goes where tokens are hidden."""
    if "#" not in self.url:
        return
    try:
        url, token = normalised(self.url)
    except Trouble:
        return  # the panel says what is wrong with it
    if token:
        self.url, self.token = url, token


def shortcut_chosen(self: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    """The key does what was just chosen."""
    keymap.assign(self.shortcut)


class RealifyPreferences(bpy.types.AddonPreferences):
    """Shown under Edit > Preferences > Add-ons > Realify."""

    bl_idname = ROOT

    url: StringProperty(
        name="Address",
        description="Of the Realify server, with or without http://. Paste the whole link that the server shows: "
        "its token is taken out of it",
        default=DEFAULT,
        update=address_given,
    )
    token: StringProperty(
        name="Token",
        description="The server's own word that lets you in. Not needed for a server on this computer, whose token is "
        "read from its folder; for another computer, Pair fetches it",
        subtype="PASSWORD",
    )
    fingerprint: StringProperty(
        name="Fingerprint",
        description="SHA-256 of the server's certificate, as it shows it when it starts with --tls. "
        "Not needed where a known authority vouches for the certificate",
    )
    program: StringProperty(
        name="Program",
        description="The realify program, or the folder it was installed in. Empty: looked for on PATH and in the "
        "usual places",
        subtype="FILE_PATH",
    )
    stop_server: BoolProperty(
        name="Stop the Server with Blender",
        description="A server that was started here ends when Blender ends. Jobs at work go on at its next start",
    )
    timeout: FloatProperty(
        name="Wait for an Answer",
        description="The time in which the server has to answer",
        default=10.0,
        min=0.5,
        soft_max=60.0,
        max=600.0,
        precision=1,
        subtype="TIME_ABSOLUTE",
    )
    start_timeout: FloatProperty(
        name="Wait for the Start",
        description="The time in which a server that is started here has to be up",
        default=60.0,
        min=5.0,
        soft_max=300.0,
        max=3600.0,
        precision=0,
        subtype="TIME_ABSOLUTE",
    )
    auto_import: BoolProperty(
        name="Import by Itself",
        description="A result takes its sketch's place as soon as it is there and Blender is in Object Mode; "
        "else it waits for a click on Import",
        default=True,
    )
    hide_sketch: BoolProperty(
        name="Hide the Sketch",
        description="The sketch is hidden, and kept, when its result takes its place",
        default=True,
    )
    keep_files: BoolProperty(
        name="Keep Files",
        description="All files of a job stay in the extension's folder: the sketch as it was sent, the result, the "
        "logs; also when it is removed from the list",
    )
    shortcut: EnumProperty(
        name="Shortcut",
        description="What the key does in the 3D View",
        items=SHORTCUTS,
        default="NONE",
        update=shortcut_chosen,
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Server, results, waiting, shortcut, from what is needed most to what is needed least."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        self._draw_server(layout)
        column = layout.column(heading="Results")
        for name in ("auto_import", "hide_sketch", "keep_files"):
            column.prop(self, name)
        column = layout.column(align=True)
        for name in ("timeout", "start_timeout"):
            column.prop(self, name)
        layout.row().prop(self, "shortcut", expand=True)
        keymap.draw_key(layout, self.shortcut)

    def _draw_server(self, layout: bpy.types.UILayout) -> None:
        column = layout.column()
        column.prop(self, "url", placeholder=DEFAULT)
        column.prop(self, "token")
        column.prop(self, "fingerprint")
        column.prop(self, "program")
        column.prop(self, "stop_server")
        row = layout.row(align=True)
        for operator in ("check_server", "start_server", "stop_server", "pair"):
            row.operator(f"realify.{operator}")


CLASSES = (RealifyPreferences,)
