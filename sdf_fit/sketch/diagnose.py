"""What is wrong with a sketch's file that the reader stumbled over: where, what came, what was wanted.

The readers are other people's and fail with whatever Python says ("list index out of range"). Only then is the file
looked at a second time, slowly and line by line, for words that help who has to mend it. Runs in the capped child.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from sdf_fit.sketch.diagnose_gltf import gltf_wrong

PLY_TYPES = {
    "char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8, "int8": 1, "uint8": 1,
    "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4, "float64": 8,
}  # fmt: skip
PLY_FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
OBJ_NUMBERS = {"v": 3, "vn": 3, "vt": 1}


def what_is_wrong(path: Path) -> str | None:
    """The first thing that is wrong, as a sentence; None if nothing is found."""
    suffix = path.suffix.lower()
    if suffix in (".glb", ".gltf"):
        return gltf_wrong(path)
    data = path.read_bytes()
    if suffix == ".ply":
        return _ply_wrong(data)
    return _obj_wrong(data) if suffix == ".obj" else None


def _obj_wrong(data: bytes) -> str | None:
    lines = data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    vertices = sum(line.split()[:1] == ["v"] for line in lines)
    for number, line in enumerate(lines, 1):
        kind, *words = line.split() or [""]
        if kind in OBJ_NUMBERS and not (len(words) >= OBJ_NUMBERS[kind] and all(map(_is_number, words))):
            return f"Line {number} is {_shown(line)}; {kind} takes at least {OBJ_NUMBERS[kind]} numbers."
        for word in words if kind in ("f", "l") else ():
            if not re.fullmatch(r"-?\d+(/-?\d*){0,2}", word):
                return f"Line {number} is {_shown(line)}; {_shown(word)} is no number of a vertex."
            index = int(word.partition("/")[0])
            if index == 0 or abs(index) > vertices:
                return f"Line {number} points at vertex {index}; there are {vertices}, counted from 1."
    return None


def _ply_wrong(data: bytes) -> str | None:
    end = re.search(rb"^end_header\r?\n?", data, re.MULTILINE)
    if end is None:
        return "The PLY's header has no end_header."
    header = data[: end.start()].decode("ascii", errors="replace").splitlines()
    for number, line in enumerate(header, 1):
        if not _ply_line_sound(line.split()):
            return f"Line {number} of the PLY's header is {_shown(line)}, which it does not know."
    elements = [line.split() for line in header if line.startswith("element")]
    told = ", ".join(f"{words[2]} {words[1]}" for words in elements)
    if any(line.split()[:2] == ["format", "ascii"] for line in header):
        return _ply_text_wrong(data[end.end() :], len(header) + 2, elements, told)
    held = len(data) - end.end()
    return f"The PLY announces {told}; the {held:,} bytes behind its header are not just that: cut short, or changed."


def _ply_line_sound(words: list[str]) -> bool:
    match words:
        case [] | ["ply"] | ["comment" | "obj_info", *_]:
            return True
        case ["format", name, _]:
            return name in PLY_FORMATS
        case ["element", _, count]:
            return count.isdecimal()
        case ["property", "list", counts, values, _]:
            return counts in PLY_TYPES and values in PLY_TYPES
        case ["property", kind, _]:
            return kind in PLY_TYPES
    return False


def _ply_text_wrong(body: bytes, first: int, elements: list[list[str]], told: str) -> str | None:
    lines = body.decode("ascii", errors="replace").splitlines()
    wanted = sum(int(words[2]) for words in elements)
    for number, line in enumerate(lines[:wanted], first):
        if not (line.split() and all(map(_is_number, line.split()))):
            return f"Line {number} of the PLY is {_shown(line)}; numbers are wanted."
    if len(lines) < wanted:
        return f"The PLY announces {told}; behind its header are {len(lines)} lines."
    return f"The lines of the PLY are not the {told} that its header announces."


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _shown(text: str) -> str:
    """A piece of the file, short and without control characters."""
    text = ascii(text)
    return text if len(text) <= 80 else text[:77] + "..."
