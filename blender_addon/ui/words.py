"""Text that the user sees, in the user's language. What Blender draws by itself (names, tips) it translates by itself
out of the same tables; what drawing code puts together comes here first."""

from __future__ import annotations

import bpy

from . import german

PACKAGE = __package__.rpartition(".")[0]
OPERATORS = "Operator"  # Blender's context of the words on buttons


def tr(text: str) -> str:
    """`text` in the language of Blender's interface where words for it are known, else as it is."""
    return bpy.app.translations.pgettext_iface(text)


def table(words: dict[str, str], on_buttons: dict[str, str]) -> dict[tuple[str, str], str]:
    """As Blender wants one language's."""
    plain = {("*", english): theirs for english, theirs in words.items()}
    return plain | {(OPERATORS, english): theirs for english, theirs in on_buttons.items()}


def register() -> None:
    """Gives Blender the tables."""
    bpy.app.translations.register(PACKAGE, {"de_DE": table(german.WORDS, german.BUTTONS)})


def unregister() -> None:
    """Takes them back."""
    bpy.app.translations.unregister(PACKAGE)
