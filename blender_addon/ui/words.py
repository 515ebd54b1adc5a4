"""Text that the user sees, in the user's language."""

from __future__ import annotations

import bpy


def tr(text: str) -> str:
    """`text` in the language of Blender's interface where words for it are known, else as it is."""
    return bpy.app.translations.pgettext_iface(text)
