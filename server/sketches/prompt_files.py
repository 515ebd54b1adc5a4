"""The prompt of a sketch that comes as a file: from a .txt with the same name, else from the name itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 2**16
COPY = re.compile(r"(?<=\w)[\s_-]*(?:\(\d+\)|[\s_-]\d+)\s*$")  # "mushroom (2)", "mushroom_03": what programs append
HUMP = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])")


def prompt_for(stem: str, texts: Iterable[Path]) -> str:
    """What the first of these files that says anything says, on one line; else the name in words."""
    for path in texts:
        if words := _read(path):
            return words
    return prompt_of_name(stem)


def prompt_of_name(stem: str) -> str:
    """`red_mushroom-02` and `RedMushroom` are "red mushroom" and "Red Mushroom"."""
    words = HUMP.sub(" ", re.sub(r"[_\s.-]+", " ", COPY.sub("", stem))).strip()
    return words or stem.strip() or "sketch"


def _read(path: Path) -> str:
    """The text, whatever editor wrote it; empty where there is no such file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES)
    except FileNotFoundError:
        return ""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    return " ".join(re.sub(r"[\x00-\x1f\x7f]+", " ", text).split())
