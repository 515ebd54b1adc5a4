"""Text that the user sees, in the user's language. What Blender draws by itself (names, tips) it translates by itself
out of the same tables; what drawing code puts together comes here first."""

from __future__ import annotations

import bpy

from . import german

PACKAGE = __package__.rpartition(".")[0]
# Contexts of words: our own, since Blender's words are other ones ("Close" is "Schließen" to it); and its own two, of
# names and tips, and of operators, for what it looks up by itself.
OURS, NAMES, OPERATORS = "Realify", "*", "Operator"


def tr(text: str) -> str:
    """`text` in the language of Blender's interface where words for it are known, else as it is."""
    return bpy.app.translations.pgettext_iface(text, OURS)


def table(words: dict[str, str], on_buttons: dict[str, str]) -> dict[tuple[str, str], str]:
    """As Blender wants one language's."""
    plain = {(context, english): theirs for context in (OURS, NAMES) for english, theirs in words.items()}
    return plain | {(OPERATORS, english): theirs for english, theirs in on_buttons.items()}


def register() -> None:
    """Gives Blender the tables."""
    bpy.app.translations.register(PACKAGE, {"de_DE": table(german.WORDS, german.BUTTONS)})


def unregister() -> None:
    """Takes them back."""
    bpy.app.translations.unregister(PACKAGE)
