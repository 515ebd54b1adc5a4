"""Realify in Blender: a rough sketch and a sentence become a realistic textured mesh, where the sketch stands.

A job's way is `flow.py`; what users see and click is in `ui/`. It talks to a Realify server (the rest of this
project) over HTTP and imports nothing of it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

# In the order in which they are registered: what others refer to comes first.
MODULES = (
    "ui.properties", "ui.preferences", "ui.operators.server", "ui.operators.jobs", "scene.versions",
    "ui.operators.open_sketch", "ui.previews", "ui.cards", "ui.panel", "ui.menus", "text.words", "ui.keymap",
)  # fmt: skip


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import file_handlers, runtime

    for module in _modules():
        if hasattr(module, "register"):
            module.register()
        else:
            _register_classes(module)
    runtime.start(on_change=file_handlers.write_down)
    file_handlers.register()


def unregister() -> None:
    """Called by Blender when it is disabled, and when Blender ends."""
    from . import file_handlers, runtime

    file_handlers.unregister()
    runtime.stop()
    for module in reversed(_modules()):
        if hasattr(module, "unregister"):
            module.unregister()
        else:
            _unregister_classes(module)


def _modules() -> list[ModuleType]:
    return [import_module(f".{name}", __package__) for name in MODULES]


def _register_classes(module: ModuleType) -> None:
    import bpy

    for each in module.CLASSES:
        bpy.utils.register_class(each)


def _unregister_classes(module: ModuleType) -> None:
    import bpy

    for each in reversed(module.CLASSES):
        bpy.utils.unregister_class(each)
