"""A step for Ctrl-Z, also from a timer."""

from __future__ import annotations

import bpy


def push(message: str) -> None:
    """What was done since the last step is taken back by the next Ctrl-Z."""
    window = bpy.context.window or bpy.context.window_manager.windows[0]  # timers have none, and Blender wants one
    with bpy.context.temp_override(window=window):
        bpy.ops.ed.undo_push(message=message)
