"""A .zip that holds one .gltf or .obj with its files: which names it may hold, and taking them out.

`unpack` runs in the capped child (sketch_check.py): even a list of names can be made to cost gigabytes. A name is
kept as it came, for the sketch refers to it, but only if it is plain on every system: no way up, no drive, no
device's name, no two that differ by case alone.
"""

from __future__ import annotations

import errno
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from sdf_fit.sketch.error import SketchError

MAIN = (".gltf", ".obj")
BESIDE = (".bin", ".mtl", ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tga", ".tif", ".tiff", ".gif")
DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))}
FORBIDDEN = frozenset('<>:"|?*\\')
LETTERS, DEPTH = 200, 16  # of one part of a name; of folders
CHUNK = 2**18
ENCRYPTED = 0x1  # in a member's flags


def unpack(source: str, folder: str, max_bytes: int, max_ratio: int, max_entries: int) -> dict[str, Any]:
    """Takes out what belongs to the sketch, into the empty `folder`.

    Returns main, the sketch's name in it, and left_out, how many files of other kinds were not taken. Raises
    SketchError: no zip, damaged, encrypted, a name that is refused, too much in it, not just one sketch.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            files = _files(archive, max_entries)
            main = _main([info.filename for info in files])
            wanted = [info for info in files if _suffix(info.filename) in (*MAIN, *BESIDE)]
            _take(archive, wanted, Path(folder), min(max_bytes, max_ratio * Path(source).stat().st_size))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        message = "The .zip's list of files points outside of the file: it is cut short or damaged."
        raise SketchError("bad_zip", message, "Pack it again.") from error
    except zipfile.BadZipFile as error:
        raise SketchError("bad_zip", f"The .zip is damaged or none: {error}.", "Pack it again.") from error
    return {"main": main, "left_out": len(files) - len(wanted)}


def check_name(name: str) -> None:
    """Raises SketchError for a member's name that could lead out of the folder or means something else elsewhere."""
    parts = name.split("/")
    plain = 0 < len(parts) <= DEPTH and all(_plain(part) for part in parts)
    if not plain:
        raise SketchError(
            "bad_name",
            f"The .zip holds a file named {name[:120]!r}.",
            "Pack plain names: no absolute ones, no '..', no drive, no control characters.",
        )


def _plain(part: str) -> bool:
    return (
        0 < len(part) <= LETTERS
        and part not in (".", "..")
        and not FORBIDDEN.intersection(part)
        and part.isprintable()
        and part == part.strip()
        and not part.endswith(".")
        and part.split(".")[0].lower() not in DEVICES
    )


def _files(archive: zipfile.ZipFile, max_entries: int) -> list[zipfile.ZipInfo]:
    """Its files, names checked; what macOS adds beside them is no file of the sketch."""
    members = archive.infolist()
    if len(members) > max_entries:
        raise SketchError(
            "too_many_files", f"The .zip holds {len(members):,} files, at most {max_entries:,} are taken.", "Pack less."
        )
    files, seen = [], set()
    for info in members:
        check_name(info.filename.removesuffix("/"))
        _check_kind(info)
        same = unicodedata.normalize("NFC", info.filename.removesuffix("/")).casefold()
        if same in seen:
            raise SketchError("double_name", f"The .zip holds {info.filename!r} twice.", "Pack each file once.")
        seen.add(same)
        path = PurePosixPath(info.filename)
        if not info.is_dir() and path.parts[0] != "__MACOSX" and not path.name.startswith("._"):
            files.append(info)
    return files


def _check_kind(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SketchError(
            "not_a_file", f"{info.filename!r} in the .zip is a link or a device.", "Pack ordinary files alone."
        )
    if info.flag_bits & ENCRYPTED:
        raise SketchError("encrypted", f"{info.filename!r} in the .zip is encrypted.", "Pack it without a password.")


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _main(names: list[str]) -> str:
    found = [name for name in names if _suffix(name) in MAIN]
    if len(found) != 1:
        seen = ", ".join(repr(name[:60]) for name in found[:4]) or "neither"
        raise SketchError(
            "not_one_sketch", f"The .zip has to hold one .gltf or .obj; it holds {seen}.", "Pack one sketch a .zip."
        )
    return found[0]


def _take(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path, budget: int) -> None:
    """Writes the members; `budget` bytes in all, counted as they come out and not as they are announced."""
    for info in members:
        target = folder / info.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with archive.open(info) as packed, open(target, "xb") as file:
                while chunk := packed.read(CHUNK):
                    budget -= len(chunk)
                    if budget < 0:
                        raise SketchError(
                            "zip_bomb", "Unpacked, the .zip is far larger than is taken.", "Pack less, or send a .glb."
                        )
                    file.write(chunk)
        except (NotImplementedError, EOFError, zlib.error) as error:
            raise SketchError(
                "bad_zip", f"{info.filename!r} in the .zip cannot be unpacked: {error}.", "Pack it again, by Deflate."
            ) from error
