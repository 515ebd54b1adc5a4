"""What is wrong with a glTF header that could not be read, in the words of the header: where, what came, what was
wanted. A second, slow look, for files that the reader stumbled over (runs in the capped child)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LISTS = ("scenes", "nodes", "meshes", "accessors", "bufferViews", "buffers", "materials", "textures", "images")
# The list whose entry a number stands for.
REFERENCES = {
    ("nodes", "mesh"): "meshes",
    ("accessors", "bufferView"): "bufferViews",
    ("bufferViews", "buffer"): "buffers",
    ("textures", "source"): "images",
    ("primitives", "indices"): "accessors",
    ("primitives", "material"): "materials",
    ("baseColorTexture", "index"): "textures",
}
REFERENCE_LISTS = {("scenes", "nodes"): "nodes", ("nodes", "children"): "nodes"}
REQUIRED = {
    "meshes": ("primitives",),
    "primitives": ("attributes",),
    "attributes": ("POSITION",),
    "accessors": ("componentType", "count", "type"),
    "bufferViews": ("buffer", "byteLength"),
    "baseColorTexture": ("index",),
}
WHOLE = {"accessors": ("count", "byteOffset"), "bufferViews": ("byteOffset", "byteLength"), "primitives": ("mode",)}
NUMBERS = {
    "nodes": {"matrix": 16, "translation": 3, "rotation": 4, "scale": 3},
    "pbrMetallicRoughness": {"baseColorFactor": 4},
}
OBJECTS = {
    "primitives": ("attributes",),
    "materials": ("pbrMetallicRoughness", "extensions"),
    "pbrMetallicRoughness": ("baseColorTexture",),
    "nodes": ("extensions",),
}
COMPONENT_TYPES = (5120, 5121, 5122, 5123, 5125, 5126)
TYPES = ("SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4")


def gltf_wrong(path: Path) -> str | None:
    """The first thing that is wrong, or None if nothing is found."""
    data = path.read_bytes()
    if path.suffix.lower() == ".glb":
        if len(data) < 12:
            return f"The file has {len(data)} bytes; a GLB's own head has 12."
        data = data[20 : 20 + int.from_bytes(data[12:16], "little")]  # its first chunk
    try:
        header = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return f"The header is no text at its byte {error.start}."
    except json.JSONDecodeError as error:
        return f"The header is no JSON at its character {error.pos}: {error.msg.removesuffix(' at')}."
    except RecursionError:
        return "The header is nested too deeply."
    if not isinstance(header, dict):
        return f"The header is {_shown(header)}, an object is wanted."
    return next(_wrong(header), None)


def _wrong(header: dict[str, Any]) -> Iterator[str]:
    if not isinstance(header.get("asset", {}), dict):
        yield f"asset is {_shown(header['asset'])}, an object is wanted."
    for name in LISTS:
        if name in header:
            yield from _objects(header[name], name)
    if "scene" in header:
        yield from _reference(header, header["scene"], "scenes", "scene")
    for name in LISTS:
        for index, item in enumerate(header.get(name) or ()):
            yield from _object(header, item, name, f"{name}[{index}]")


def _objects(found: Any, where: str) -> Iterator[str]:
    if not isinstance(found, list):
        yield f"{where} is {_shown(found)}, a list is wanted."
        return
    for index, item in enumerate(found):
        if not isinstance(item, dict):
            yield f"{where}[{index}] is {_shown(item)}, an object is wanted."


def _object(header: dict[str, Any], item: dict[str, Any], kind: str, where: str) -> Iterator[str]:
    """What is wrong with one object of a kind, and with those inside it."""
    for key in REQUIRED.get(kind, ()):
        if key not in item:
            yield f"{where} has no {key}."
    for (of_kind, key), target in REFERENCES.items():
        if of_kind == kind and key in item:
            yield from _reference(header, item[key], target, f"{where}.{key}")
    for (of_kind, key), target in REFERENCE_LISTS.items():
        if of_kind == kind and key in item:
            if not isinstance(item[key], list):
                yield f"{where}.{key} is {_shown(item[key])}, a list is wanted."
                continue
            for place, number in enumerate(item[key]):
                yield from _reference(header, number, target, f"{where}.{key}[{place}]")
    yield from _numbers(item, kind, where)
    yield from _inside(header, item, kind, where)


def _reference(header: dict[str, Any], number: Any, target: str, where: str) -> Iterator[str]:
    there = header.get(target)
    count = len(there) if isinstance(there, list) else 0
    if not _is_whole(number) or not 0 <= number < count:
        yield f"{where} is {_shown(number)}; {target} has {count}, counted from 0."


def _numbers(item: dict[str, Any], kind: str, where: str) -> Iterator[str]:
    for key in WHOLE.get(kind, ()):
        if key in item and not (_is_whole(item[key]) and item[key] >= 0):
            yield f"{where}.{key} is {_shown(item[key])}, a whole number from 0 is wanted."
    for key, count in NUMBERS.get(kind, {}).items():
        values = item.get(key, [0] * count)
        if not (isinstance(values, list) and len(values) == count and all(map(_is_number, values))):
            yield f"{where}.{key} is {_shown(values)}, {count} numbers are wanted."
    if kind == "bufferViews" and not (_is_whole(item.get("byteStride", 4)) and item.get("byteStride", 4) > 0):
        yield f"{where}.byteStride is {_shown(item['byteStride'])}, a whole number above 0 is wanted."
    if kind == "accessors" and item.get("componentType") not in COMPONENT_TYPES:
        yield f"{where}.componentType is {_shown(item.get('componentType'))}, none of glTF's."
    if kind == "accessors" and item.get("type") not in TYPES:
        yield f"{where}.type is {_shown(item.get('type'))}, one of {', '.join(TYPES)} is wanted."


def _inside(header: dict[str, Any], item: dict[str, Any], kind: str, where: str) -> Iterator[str]:
    """The objects in an object that a sketch is read from."""
    if kind == "meshes" and "primitives" in item:
        wrong = list(_objects(item["primitives"], f"{where}.primitives"))
        yield from wrong
        for index, inner in enumerate([] if wrong else item["primitives"]):
            yield from _object(header, inner, "primitives", f"{where}.primitives[{index}]")
    for key in OBJECTS.get(kind, ()):
        if key in item:
            if not isinstance(item[key], dict):
                yield f"{where}.{key} is {_shown(item[key])}, an object is wanted."
            else:
                yield from _object(header, item[key], key, f"{where}.{key}")
    if kind == "attributes":
        for key, number in item.items():
            yield from _reference(header, number, "accessors", f"{where}.{key}")
    if kind == "primitives" and item.get("mode", 4) == 4 and _is_whole(item.get("indices")):
        count = header["accessors"][item["indices"]].get("count")
        if _is_whole(count) and count % 3:
            yield f"{where} draws triangles by {count} indices; a multiple of three is wanted."


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as JSON, short."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
