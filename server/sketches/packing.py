"""A sketch's file as it can be uploaded: as it is, or, where it refers to other files, in a .zip with them.

The same files give the same .zip, byte for byte, so that a sketch that was uploaded once is not sent again.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sdf_fit.sketch.error import SketchError

ALONE = (".glb", ".ply", ".stl", ".zip")
FORMATS = (*ALONE, ".gltf", ".obj")
TEXT_BYTES = 2**28  # of a .gltf or .mtl that is searched for names
MOMENT = (1980, 1, 1, 0, 0, 0)  # of every file in a .zip
LINE = re.compile(rb"(?m)^[ \t]*(mtllib|(?:map_\w+|bump|disp|decal|norm|refl))[ \t]+(.+?)[ \t\r]*$")


@dataclass(frozen=True)
class Packed:
    """`file` is what is sent, `name` what it is called, `sha256` and `bytes` what it holds."""

    file: Path
    name: str
    sha256: str
    bytes: int


def pack(sketch: Path, folder: Path, names: list[str] | None = None) -> Packed:
    """Copies or packs the sketch into `folder`, as sketch.SUFFIX; `names` are the files it refers to, if known.

    Raises SketchError: not a sketch's extension, or a file that it needs is missing.
    """
    names = references(sketch) if names is None else names
    suffix = ".zip" if names or sketch.suffix.lower() == ".gltf" else sketch.suffix.lower()
    file = folder / f"sketch{suffix}"
    if suffix == ".zip" and sketch.suffix.lower() != ".zip":
        _zip(sketch, names, file)
    else:
        shutil.copyfile(sketch, file)
    return Packed(file, sketch.stem + suffix, sha256_of(file), file.stat().st_size)


def prepared(sketch: Path, folder: Path) -> Packed:
    """As `pack`, but a file that goes as it is is not copied into `folder`."""
    if references(sketch) or sketch.suffix.lower() == ".gltf":
        return pack(sketch, folder)
    return Packed(sketch, sketch.name, sha256_of(sketch), sketch.stat().st_size)


def references(sketch: Path) -> list[str]:
    """The files below its folder that a .gltf or .obj needs or that are there, as it names them. Raises SketchError."""
    suffix = sketch.suffix.lower()
    if suffix not in FORMATS:
        raise SketchError(
            "extension", f"{sketch.name} is none of {', '.join(FORMATS)}.", "Export it as one of them, best as .glb."
        )
    if suffix == ".gltf":
        return _gltf_names(sketch)
    return _obj_names(sketch) if suffix == ".obj" else []


def references_json(path: str) -> dict[str, Any]:
    """`references` for the capped child: {"names": a JSON list}."""
    return {"names": json.dumps(references(Path(path)))}


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _gltf_names(sketch: Path) -> list[str]:
    try:
        tree = json.loads(_bytes(sketch))
        buffers, images = ([each.get("uri") for each in tree.get(key, [])] for key in ("buffers", "images"))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise SketchError("broken", f"{sketch.name} is no glTF: {error}.", "Export it again, best as .glb.") from error
    needed = _inside(sketch, buffers)
    for name in needed:
        if not (sketch.parent / name).is_file():
            raise SketchError(
                "missing_file", f"{sketch.name} needs {name!r}, which is not there.", "Put it beside, or export a .glb."
            )
    return _there(sketch, needed + _inside(sketch, images))


def _obj_names(sketch: Path) -> list[str]:
    """The material files that are there, and the pictures that these name."""
    libraries = _there(sketch, _inside(sketch, [name for word, name in _lines(sketch) if word == "mtllib"]))
    pictures = [
        posixpath.join(posixpath.dirname(library), name.split()[-1])
        for library in libraries
        for word, name in _lines(sketch.parent / library)
        if word != "mtllib"
    ]
    return _there(sketch, libraries + _inside(sketch, pictures))


def _lines(path: Path) -> list[tuple[str, str]]:
    return [(word.decode(), name.decode("utf-8", "replace")) for word, name in LINE.findall(_bytes(path))]


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > TEXT_BYTES:
        raise SketchError("too_large", f"{path.name} is too large.", "Export fewer strokes at once, best as .glb.")
    return path.read_bytes()


def _inside(sketch: Path, names: list[Any]) -> list[str]:
    """Those of the names that are files below the sketch's folder: no address, no data, no way out."""
    plain = []
    for name in names:
        if not isinstance(name, str) or re.match(r"[a-zA-Z][\w+.-]*:", name) or name.startswith(("/", "\\")):
            continue
        name = posixpath.normpath(unquote(name) if sketch.suffix.lower() == ".gltf" else name.replace("\\", "/"))
        if name.startswith("../") or name in (".", ".."):
            raise SketchError(
                "outside", f"{sketch.name} refers to {name!r}, outside of its folder.", "Export a .glb, with all in it."
            )
        plain.append(name)
    return plain


def _there(sketch: Path, names: list[str]) -> list[str]:
    """Each once, and only ordinary files that do not lie elsewhere by way of a link."""
    root = sketch.parent.resolve()
    return [
        name
        for name in dict.fromkeys(names)
        if (root / name).is_file() and (root / name).resolve().is_relative_to(root)
    ]


def _zip(sketch: Path, names: list[str], target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in [sketch.name, *names]:
            member = zipfile.ZipInfo(name, MOMENT)
            member.compress_type = zipfile.ZIP_DEFLATED
            with open(sketch.parent / name, "rb") as source, archive.open(member, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed, 2**20)
