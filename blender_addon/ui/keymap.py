"""One key in the 3D View, which does what the preferences say; none unless it is asked for."""

from __future__ import annotations

import bpy

from .. import runtime
from ..text.words import tr

# Free in Blender's own keymaps (4.2 to 5.2) and in the industry-compatible one.
KEY = {"type": "R", "value": "PRESS", "shift": True, "alt": True}
WORK = {"PIE": "wm.call_menu_pie", "RUN": "realify.run"}
PIE = "REALIFY_MT_pie"


def assign(choice: str) -> None:
    """`choice`: "NONE", "PIE" or "RUN". Changes that the user made to the key stay, Blender keeps them."""
    remove()
    configuration = bpy.context.window_manager.keyconfigs.addon
    if choice == "NONE" or configuration is None:  # none where Blender has no windows
        return
    keys = configuration.keymaps.new(name="3D View", space_type="VIEW_3D")
    item = keys.keymap_items.new(WORK[choice], **KEY)
    if choice == "PIE":
        item.properties.name = PIE


def remove() -> None:
    """Takes the key away."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    keys = configuration.keymaps.get("3D View") if configuration else None
    for item in list(keys.keymap_items) if keys else ():
        if is_ours(item):
            keys.keymap_items.remove(item)


def is_ours(item: bpy.types.KeyMapItem) -> bool:
    """Whether `assign` made it."""
    return item.idname == WORK["RUN"] or (item.idname == WORK["PIE"] and item.properties.name == PIE)


def current() -> tuple[bpy.types.KeyMap, bpy.types.KeyMapItem] | None:
    """The key as the user has it, who may have changed it; none while Blender has not merged it in."""
    keys = bpy.context.window_manager.keyconfigs.user.keymaps.get("3D View")
    found = [item for item in keys.keymap_items if is_ours(item)] if keys else []
    return (keys, found[0]) if found else None


def rivals(keys: bpy.types.KeyMap, item: bpy.types.KeyMapItem) -> list[str]:
    """Names of what else the same key does in the 3D View."""
    return [other.name for other in keys.keymap_items if other.active and not is_ours(other) and item.compare(other)]


def draw_key(layout: bpy.types.UILayout, choice: str) -> None:
    """The key itself, to be changed by pressing another, and what else it does."""
    found = current() if choice != "NONE" else None
    if found is None:
        return
    keys, item = found
    layout.prop(item, "type", text=tr("Key"), full_event=True)
    for name in rivals(keys, item):
        layout.label(text=tr("The same key in the 3D View: {}").format(name), icon="ERROR", translate=False)


def register() -> None:
    """The key that was chosen."""
    assign(runtime.preferences().shortcut)


def unregister() -> None:
    """No key."""
    remove()
