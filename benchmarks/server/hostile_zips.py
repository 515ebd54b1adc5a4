"""Archives that no archiver makes: names that lead out, bombs, lies about sizes, links, two where one is wanted."""

from __future__ import annotations

import io
import json
import stat
import struct
import warnings
import zipfile
from pathlib import Path

from tests.sdf_fit.sketch.hostile_sketches import writer

TRIANGLE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An honest archive of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return stream.getvalue()


def sound_gltf() -> dict[str, bytes]:
    """A .gltf and its buffer, as files."""
    made = writer()
    made.header["buffers"] = [{"uri": "data.bin", "byteLength": len(made.binary)}]
    return {"scene.gltf": json.dumps(made.header).encode(), "data.bin": bytes(made.binary)}


def sound_obj() -> dict[str, bytes]:
    """An .obj and its material, as files."""
    return {"sketch.obj": b"mtllib sketch.mtl\nusemtl a\n" + TRIANGLE, "sketch.mtl": b"newmtl a\nKd 1 0 0\n"}


def archives() -> dict[str, bytes]:
    """name: bytes. None of them may be taken; what may be taken or not is in `doubtful`."""
    obj, gltf = sound_obj(), sound_gltf()
    leading_out = {
        "parent": "../sketch.obj", "deep_parent": "a/../../sketch.obj", "absolute": "/tmp/sketch.obj",
        "drive": "C:\\sketch.obj", "drive_slash": "C:/sketch.obj", "backslashes": "..\\..\\sketch.obj",
        "network": "\\\\host\\share\\sketch.obj", "only_dots": "...//../sketch.obj",
    }  # fmt: skip
    made = {f"name_{word}": packed({name: TRIANGLE}) for word, name in leading_out.items()}
    made |= {f"beside_{word}": packed(obj | {name: b"x"}) for word, name in leading_out.items()}
    made |= {
        "empty": packed({}),
        "no_sketch": packed({"readme.txt": b"nothing here"}),
        "two_objs": packed({"a.obj": TRIANGLE, "b.obj": TRIANGLE}),
        "obj_and_gltf": packed(obj | gltf),
        "same_name_twice": _same_name_twice(),
        "link_out": _link("sketch.obj", "/etc/passwd"),
        "link_beside": _link("data.bin", "/etc/passwd", packed({"scene.gltf": gltf["scene.gltf"]})),
        "bomb": packed({"sketch.obj": TRIANGLE, "data.bin": bytes(48 * 2**20)}),
        "bomb_of_text": packed({"sketch.obj": b"# " + b"a" * (32 * 2**20)}),
        "many_entries": packed({f"{number}.txt": b"" for number in range(5000)} | obj),
        "lying_size": _lying_size(packed(obj)),
        "wrong_checksum": _wrong_checksum(packed(obj, zipfile.ZIP_STORED)),
        "encrypted": _flagged(packed(obj), 0x1),
        "not_a_zip": b"PK\x03\x04" + bytes(400),
        "end_only": b"PK\x05\x06" + bytes(18),
        "far_directory": _far_directory(packed(obj)),
        "inner_zip": packed({"inner.zip": packed(obj)}),
    }
    return made


def doubtful() -> dict[str, bytes]:
    """Archives that may be taken or refused, if only they are told apart from a crash."""
    obj = sound_obj()
    return {
        "long_name": packed(obj | {"a" * 4000 + ".txt": b"x"}),
        "nul_in_name": packed(obj | {"a\0b.txt": b"x"}),
        "device_name": packed(obj | {"NUL.mtl": b"x", "aux": b"x"}),
        "case_twins": packed(obj | {"SKETCH.MTL": b"newmtl a\n"}),
        "unicode": packed({"スケッチ.obj": TRIANGLE, "\u202etxt.mtl": b"x"}),
        "deep": packed({"/".join("a" * 200) + "/sketch.obj": TRIANGLE}),
        "folders_only_named": packed(obj | {"folder/": b""}),
        "macos": packed(obj | {"__MACOSX/._sketch.obj": b"\0\5\x16\7", ".DS_Store": b"x"}),
        "noise_before": b"#!/bin/sh\n" + packed(obj),
        "noise_behind": packed(obj) + b"trailing" * 20,
        "lzma": packed(obj, zipfile.ZIP_LZMA),
        "bzip2": packed(obj, zipfile.ZIP_BZIP2),
    }


def linked(outside: Path, port: int) -> dict[str, tuple[bytes, str]]:
    """name: (archive whose .gltf names a buffer elsewhere, expected code); `outside` is a sound buffer, and on
    `port` of this machine somebody listens."""
    uris = {
        "parent": (f"../{outside.name}", "outside"),
        "parents": (f"../../{outside.name}", "outside"),
        "deep_parent": (f"x/../../{outside.name}", "outside"),
        "encoded_parent": (f"%2e%2e/{outside.name}", "outside"),
        "encoded_slash": (f"..%2f{outside.name}", "outside"),
        "backslashes": (f"..\\{outside.name}", "outside"),
        "absolute": (str(outside), "outside"),
        "file_url": (f"file://{outside}", "url"),
        "http": (f"http://127.0.0.1:{port}/data.bin", "url"),
        "https": (f"https://127.0.0.1:{port}/data.bin", "url"),
        "ftp": (f"ftp://127.0.0.1:{port}/data.bin", "url"),
        "network_path": (f"//127.0.0.1:{port}/data.bin", "url"),
        "device": ("/dev/zero", "outside"),
        "process": ("/proc/self/environ", "outside"),
        "folder": (".", "missing_part"),
        "absent": ("absent.bin", "missing_part"),
        "bad_data": ("data:application/octet-stream;base64,!!!!", "broken"),
    }
    found = {}
    for name, (uri, code) in uris.items():
        files = sound_gltf()
        header = json.loads(files["scene.gltf"])
        header["buffers"][0]["uri"] = uri
        found[name] = packed({"scene.gltf": json.dumps(header).encode()}), code
    return found


def _same_name_twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is meant
        for data in (TRIANGLE, b"v 0 0 0\n"):
            archive.writestr(zipfile.ZipInfo("sketch.obj"), data)
    return stream.getvalue()


def _link(name: str, target: str, start: bytes | None = None) -> bytes:
    """An archive (or `start` with more) in which `name` is a symbolic link."""
    stream = io.BytesIO(start or b"")
    with zipfile.ZipFile(stream, "a" if start else "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return stream.getvalue()


def _lying_size(data: bytes) -> bytes:
    """The central directory says that the first file is a thousandth of what it unpacks to."""
    made, place = bytearray(data), data.index(b"PK\x01\x02")
    struct.pack_into("<I", made, place + 24, 4)
    return bytes(made)


def _wrong_checksum(data: bytes) -> bytes:
    made = bytearray(data)
    made[data.index(b"v 0 0 0")] ^= 1
    return bytes(made)


def _flagged(data: bytes, flag: int) -> bytes:
    """Both headers of the first file say `flag`."""
    made = bytearray(data)
    struct.pack_into("<H", made, data.index(b"PK\x03\x04") + 6, flag)
    struct.pack_into("<H", made, data.index(b"PK\x01\x02") + 8, flag)
    return bytes(made)


def _far_directory(data: bytes) -> bytes:
    """The end says that the directory lies beyond the file."""
    made = bytearray(data)
    struct.pack_into("<I", made, data.rindex(b"PK\x05\x06") + 16, 2**32 - 2)
    return bytes(made)
