"""Opens sketch files, also those that are dropped into the 3D View, without making the window wait for large ones.

No `from __future__ import annotations` here: Blender reads the properties out of the annotations.
"""

from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from ... import runtime
from ...scene import opening
from ...text.words import tr
from ...trouble import Trouble

EXTENSIONS = ".glb;.gltf;.obj;.ply;.stl"


class REALIFY_OT_open_sketch(bpy.types.Operator):
    bl_idname = "realify.open_sketch"
    bl_label = "Open Sketch"
    bl_description = "Open a sketch file (GLB, glTF, OBJ, PLY, STL). Blender stays free meanwhile"
    bl_options = {"REGISTER"}

    filepath: StringProperty(name="File", description="The sketch", subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: StringProperty(default=EXTENSIONS.replace(".", "*."), options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """With a file, as it is dropped: begins. Without one: asks for it."""
        if self._chosen():
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Called by a script it waits for the end."""
        chosen, said = self._chosen(), []
        if not chosen:
            self.report({"ERROR"}, tr("Name a sketch file"))
            return {"CANCELLED"}
        is_free = self.options.is_invoke and not bpy.app.background
        for file in chosen:
            session = runtime.flow.program, runtime.tasks.start
            opening.begin(file, runtime.user_folder("opened"), *session, is_free, _tell if is_free else said.append)
        if is_free:
            return {"FINISHED"}
        runtime.tasks.wait(lambda: len(said) == len(chosen), runtime.tick)
        for trouble in filter(None, said):
            self.report({"ERROR"}, str(trouble))
        return {"CANCELLED"} if any(said) else {"FINISHED"}

    def _chosen(self) -> list[Path]:
        names = [each.name for each in self.files if each.name]
        if names:
            return [Path(bpy.path.abspath(self.directory)) / name for name in names]
        return [Path(bpy.path.abspath(self.filepath))] if self.filepath else []


class REALIFY_FH_sketch(bpy.types.FileHandler):
    """Where Blender has another importer for a file, too, a menu asks for one of them."""

    bl_idname = "REALIFY_FH_sketch"
    bl_label = "Realify Sketch"
    bl_import_operator = "realify.open_sketch"
    bl_file_extensions = EXTENSIONS

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def _tell(trouble: Trouble | None) -> None:
    """Shows what went wrong where the mouse is."""
    if trouble is None:
        return

    def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
        menu.layout.label(text=trouble.message)
        menu.layout.label(text=trouble.fix)

    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=manager.windows[0]):
        manager.popup_menu(draw, title="Realify", icon="ERROR")


CLASSES = (REALIFY_OT_open_sketch, REALIFY_FH_sketch)
