"""What cannot be drawn without a window can be read without Blender: every text that the panel puts together is
translated, and no translation has lost its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.text import german

ADDON = Path(german.__file__).parents[1]
SOURCES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ADDON.rglob("*.py"))}


def texts_of_tr() -> Iterator[tuple[str, str]]:
    for path, tree in SOURCES.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            is_tr = isinstance(call.func, ast.Name) and call.func.id == "tr"
            if is_tr and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
                yield path.name, call.args[0].value


def literals() -> set[str]:
    return {
        node.value
        for path, tree in SOURCES.items()
        if path.name != "german.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_text_of_the_panel_has_german_words() -> None:
    found = list(texts_of_tr())
    assert len(found) > 60
    missing = [f"{file}: {text}" for file, text in found if text not in german.WORDS]
    assert not missing


def test_no_german_words_are_of_a_text_that_is_gone() -> None:
    assert not (german.WORDS.keys() | german.BUTTONS.keys()) - literals()


@pytest.mark.parametrize("words", [german.WORDS, german.BUTTONS], ids=["words", "buttons"])
def test_what_is_put_in_is_put_in_in_german_too(words: dict[str, str]) -> None:
    for english, theirs in words.items():
        assert re.findall(r"{\w*}", english) == re.findall(r"{\w*}", theirs), english
        assert theirs.strip() == theirs and theirs
