"""Sound files made unsound: each function takes a file's bytes and a generator, and breaks it in one way."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]
JSON_CHUNK = 0x4E4F534A
ODD_VALUES: tuple[Any, ...] = (
    -1, 0, 1, 255, 2**31, 2**32 - 1, 2**63, 1e308, -1e-308, float("nan"), float("inf"), "", "0", "\0", None, True, [],
    {}, [[[[]]]], "x" * 5000, "../../../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "data:,", "COM1",
    "\u202eglb",
)  # fmt: skip
ODD_WORDS = (
    b"-1", b"0", b"99999999", b"4294967296", b"nan", b"inf", b"-inf", b"1e999", b"1/2/3/4", b"//", b"", b"\0",
    b"\xff\xfe", b"../../etc/passwd", b"x" * 3000,
)  # fmt: skip


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Sixteen bits turned over."""
    made = bytearray(data)
    for place in rng.integers(0, len(made), 16):
        made[place] ^= 1 << int(rng.integers(8))
    return bytes(made)


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    """Its beginning."""
    return data[: int(rng.integers(1, len(data)))]


def without(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of its middle left out."""
    start, stop = _piece(data, rng)
    return data[:start] + data[stop:]


def twice(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of its middle said twice."""
    start, stop = _piece(data, rng)
    return data[:stop] + data[start:]


def zeros(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of its middle made zero."""
    start, stop = _piece(data, rng)
    return data[:start] + bytes(stop - start) + data[stop:]


def noise(data: bytes, rng: np.random.Generator) -> bytes:
    """A piece of its middle made noise."""
    start, stop = _piece(data, rng)
    return data[:start] + rng.bytes(stop - start) + data[stop:]


def ones(data: bytes, rng: np.random.Generator) -> bytes:
    """Four words of it made the largest number: counts, lengths and indices."""
    made = bytearray(data)
    for _ in range(4):
        place = int(rng.integers(0, max(1, min(len(made), 4096) // 4))) * 4
        made[place : place + 4] = b"\xff\xff\xff\xff"
    return bytes(made)


def odd_words(data: bytes, rng: np.random.Generator) -> bytes:
    """A file of words (OBJ, a PLY's header): three of them exchanged for others."""
    lines = data.split(b"\n")
    for _ in range(3):
        line = int(rng.integers(len(lines)))
        words = lines[line].split(b" ")
        words[int(rng.integers(len(words)))] = ODD_WORDS[int(rng.integers(len(ODD_WORDS)))]
        lines[line] = b" ".join(words)
    return b"\n".join(lines)


def odd_header(data: bytes, rng: np.random.Generator) -> bytes:
    """A GLB whose header is sound JSON with two values exchanged for others; the lengths are put right."""
    length = struct.unpack_from("<I", data, 12)[0]
    header, rest = json.loads(data[20 : 20 + length]), data[20 + length :]
    for _ in range(2):
        holder, key = _some_value(header, rng)
        holder[key] = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    return glb(json.dumps(header).encode(), rest)


def glb(text: bytes, rest: bytes) -> bytes:
    """A GLB of a JSON header and the chunks behind it."""
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), JSON_CHUNK) + text + rest


def _piece(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(0, len(data)))
    return start, min(len(data), start + int(rng.integers(1, max(2, len(data) // 8))))


def _some_value(tree: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Where a value of a JSON tree stands, any with the same chance: what holds it, and its key."""
    found: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            found.append((value, key))
            walk(inner)

    walk(tree)
    return found[int(rng.integers(len(found)))]


BYTES: tuple[Mutation, ...] = (flip, truncate, without, twice, zeros, noise, ones)
