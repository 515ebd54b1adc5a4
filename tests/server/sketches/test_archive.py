"""Zips: what is taken out of them, and what is refused before anything is written outside their folder."""

from __future__ import annotations

import asyncio
import stat
import zipfile
from pathlib import Path

import pytest

from sdf_fit.sketch.error import SketchError
from server.config import RequestLimits
from server.sketches.archive import check_name, unpack
from server.sketches.check import SketchCheck

OBJ = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"
Entries = dict[str, bytes]


def packed(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def take(tmp_path: Path, entries: Entries, **limits: int) -> dict[str, object]:
    source, folder = packed(tmp_path / "it.zip", entries), tmp_path / "out"
    folder.mkdir()
    given = {"max_bytes": 2**20, "max_ratio": 200, "max_entries": 100} | limits
    return unpack(str(source), str(folder), **given)


def refused(tmp_path: Path, entries: Entries, **limits: int) -> str:
    with pytest.raises(SketchError) as caught:
        take(tmp_path, entries, **limits)
    assert caught.value.message and caught.value.fix
    return caught.value.code


def test_a_sketch_with_its_files_is_taken_and_the_rest_is_left(tmp_path: Path) -> None:
    entries = {
        "model/it.obj": OBJ,
        "model/it.mtl": b"newmtl a\n",
        "model/skin.png": b"png",
        "read me.exe": b"MZ",
        "__MACOSX/model/._it.obj": b"x",
        "model/._it.mtl": b"x",
    }
    assert take(tmp_path, entries) == {"main": "model/it.obj", "left_out": 1}
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"model/it.obj", "model/it.mtl", "model/skin.png"}
    assert (tmp_path / "out/model/it.obj").read_bytes() == OBJ


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd.obj", "../it.obj", "a/../../it.obj", "a/./it.obj", "C:/it.obj", "c:it.obj", "a\\..\\it.obj", "",
        "//host/it.obj", "a//it.obj",
        "con.obj", "a/NUL", "lpt1.txt/it.obj", "it.obj.", " it.obj", "it.obj ", "a\nb.obj",
        "a\0b.obj", "x:stream.obj", "it\u202e.obj", "a/" * 16 + "it.obj", "n" * 201,
    ],
)  # fmt: skip
def test_names_that_could_lead_elsewhere(name: str) -> None:
    with pytest.raises(SketchError) as caught:
        check_name(name)
    assert caught.value.code == "bad_name"


@pytest.mark.parametrize("name", ["it.obj", "My Sketch (2).gltf", "Zeichnung ü.obj", "a/b/c.bin", "スケッチ.gltf"])
def test_plain_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"../../it.obj": OBJ}, "bad_name"),
        ({"it.obj": OBJ, "IT.OBJ": OBJ}, "double_name"),
        ({"it.obj": OBJ, "it.obj/": b""}, "double_name"),
        ({"a.obj": OBJ, "b.gltf": b"{}"}, "not_one_sketch"),
        ({"it.txt": b"x"}, "not_one_sketch"),
        ({"it.obj": OBJ, **{f"{n}.png": b"" for n in range(100)}}, "too_many_files"),
        ({"it.obj": b"#" * 2**21}, "zip_bomb"),
        ({"it.obj": b"#" * 2**19}, "zip_bomb"),  # by the ratio
    ],
)
def test_what_is_refused(tmp_path: Path, entries: Entries, code: str) -> None:
    place = tmp_path / "deep" / "er"
    place.mkdir(parents=True)
    assert refused(place, entries) == code
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "it.zip"]
    assert written == ([place / "out/it.obj"] if code == "zip_bomb" else [])


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("skin.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        archive.writestr("it.obj", OBJ)
        archive.writestr(link, "/etc/passwd")
    (tmp_path / "out").mkdir()
    with pytest.raises(SketchError, match="link"):
        unpack(str(tmp_path / "it.zip"), str(tmp_path / "out"), 2**20, 200, 100)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("harm", ["cut", "hole", "garbage", "body", "encrypted", "method", "sizes"])
def test_damaged_zips(tmp_path: Path, harm: str) -> None:
    data = bytearray(packed(tmp_path / "sound.zip", {"it.obj": OBJ * 40}).read_bytes())
    central = data.rindex(b"PK\x01\x02")
    if harm == "cut":
        data = data[: len(data) // 2]
    elif harm == "hole":  # its list of files lies before its beginning, then
        del data[10:40]
    elif harm == "garbage":
        data = bytearray(b"no zip at all")
    elif harm == "body":
        data[40:60] = b"\xff" * 20
    elif harm == "encrypted":
        data[central + 8] |= 1
    elif harm == "method":
        data[central + 10] = data[8] = 99
    else:  # announces less than comes out
        data[central + 24 : central + 28] = (5).to_bytes(4, "little")
    (tmp_path / "it.zip").write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(SketchError) as caught:
        unpack(str(tmp_path / "it.zip"), str(tmp_path / "out"), 2**20, 200, 100)
    assert caught.value.code == ("encrypted" if harm == "encrypted" else "bad_zip")


def test_a_zip_in_the_capped_child(tmp_path: Path) -> None:
    """Through the real children: unpacked, then parsed with the files beside it."""
    file = packed(tmp_path / "sketch.zip", {"a/it.obj": OBJ, "a/notes.json": b"{}"})
    seen = asyncio.run(SketchCheck(RequestLimits()).check(file))
    assert (seen.main, seen.faces) == ("files/a/it.obj", 4)
    assert "1 files of other kinds" in seen.notes[0]


def test_a_bomb_in_the_capped_child(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "sketch.zip", {"it.obj": b"#" * 2**22})
    with pytest.raises(SketchError) as caught:
        asyncio.run(SketchCheck(RequestLimits()).check(bomb))
    assert (caught.value.code, caught.value.fix) == ("zip_bomb", "Pack less, or send a .glb.")
