"""Hostile and broken sketch files, made in code: each must end in a SketchError or in a sound Sketch."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.sdf_fit.sketch.gltf_writer import GltfWriter

SECRET = b"the secret outside"
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
PLY = "ply\nformat {form} 1.0\nelement vertex {v}\nproperty float x\nproperty float y\nproperty float z\nelement face {f}\nproperty list uchar int vertex_indices\nend_header\n"  # noqa: E501


def writer(**changes: Any) -> GltfWriter:
    """A sound tetrahedron; `changes` are put over its header."""
    made = GltfWriter()
    made.node(made.primitive(CORNERS, FACES, np.full((4, 4), 255, np.uint8), material=made.material()))
    made.header.update(changes)
    return made


def accessor(index: int, **changes: Any) -> GltfWriter:
    made = writer()
    made.header["accessors"][index].update(changes)
    return made


def broken_glb() -> dict[str, tuple[bytes, str]]:
    """name: (bytes of a .glb, expected code or "" where it may also be read)."""
    sound = writer().glb()
    cycle = writer(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}])
    points = CORNERS.copy()
    points[3] = np.inf
    infinite, huge_numbers, far, empty, bomb = GltfWriter(), GltfWriter(), writer(), GltfWriter(), writer()
    infinite.node(infinite.primitive(np.full((4, 3), np.nan), FACES))
    huge_numbers.node(huge_numbers.primitive(points, FACES))
    far.header["nodes"][0]["translation"] = [1e30, 0, 0]
    bomb.header["nodes"] = [{"mesh": 0}] * 100_000
    bomb.header["scenes"] = [{"nodes": list(range(100_000))}]
    loose = bytes(np.random.default_rng(1).integers(0, 256, 4096, dtype=np.uint8))
    return {
        "truncated_header": (sound[:10], "unreadable"),
        "truncated_json": (sound[:60], "truncated"),
        "truncated_binary": (sound[:-40], "truncated"),
        "announces_more": (struct.pack("<4sII", b"glTF", 2, 2**32 - 1) + sound[12:], "truncated"),
        "version_1": (sound[:4] + struct.pack("<I", 1) + sound[8:], "truncated"),
        "noise": (loose, "unreadable"),
        "noise_after_magic": (b"glTF" + struct.pack("<II", 2, 4104) + loose[:4092], ""),
        "zeros": (bytes(4096), "unreadable"),
        "not_json": (struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x4E4F534A) + b"{{{{", "unreadable"),
        "json_list": (struct.pack("<4sIIII", b"glTF", 2, 24, 4, 0x4E4F534A) + b"[ ] ", "unreadable"),
        "deep_json": (_json_glb(b"[" * 200_000), "unreadable"),
        "count_huge": (accessor(0, count=2**40).glb(), "too_large"),
        "count_beyond_data": (accessor(0, count=1_000_000).glb(), "broken"),
        "count_negative": (accessor(0, count=-4).glb(), "unsupported"),
        "no_view": (_without_view().glb(), "unsupported"),
        "stride_huge": (_strided(2**31).glb(), "broken"),
        "stride_zero": (_strided(0).glb(), ""),
        "offset_negative": (accessor(0, byteOffset=-64).glb(), ""),
        "wrong_type": (accessor(0, type="SCALAR").glb(), "unsupported"),
        "wrong_component": (accessor(0, componentType=9999).glb(), "unreadable"),
        "index_out_of_range": (_indices(np.array([0, 1, 77])).glb(), "broken"),
        "index_max": (_indices(np.array([0, 1, 2**32 - 1])).glb(), "broken"),
        "indices_not_threes": (_indices(np.array([0, 1, 2, 3])).glb(), "unreadable"),
        "all_nan": (infinite.glb(), "nothing_left"),
        "one_infinite": (huge_numbers.glb(), ""),
        "beyond_the_moon": (far.glb(), "nothing_left"),
        "no_meshes": (empty.glb(), "nothing_left"),
        "node_cycle": (cycle.glb(), ""),
        "node_missing": (writer(scenes=[{"nodes": [99]}]).glb(), "unreadable"),
        "mesh_missing": (writer(nodes=[{"mesh": 7}]).glb(), "unreadable"),
        "scene_missing": (writer(scene=5).glb(), "unreadable"),
        "material_missing": (_with_material(12).glb(), "unreadable"),
        "all_invisible": (_invisible().glb(), "nothing_left"),
        "draco": (writer(extensionsRequired=["KHR_draco_mesh_compression"]).glb(), "compressed"),
        "many_copies": (bomb.glb(), "too_large"),
        "zero_scale": (writer(nodes=[{"mesh": 0, "scale": [0, 0, 0]}]).glb(), "nothing_left"),
        "nan_matrix": (writer(nodes=[{"mesh": 0, "scale": [float("nan"), 1, 1]}]).glb(), "nothing_left"),
    }


def _json_glb(text: bytes) -> bytes:
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def _without_view() -> GltfWriter:
    made = accessor(0, count=50)
    del made.header["accessors"][0]["bufferView"]
    return made


def _strided(stride: int) -> GltfWriter:
    made = writer()
    made.header["bufferViews"][0]["byteStride"] = stride
    return made


def _indices(indices: np.ndarray) -> GltfWriter:
    made = GltfWriter()
    made.node(made.primitive(CORNERS, indices))
    return made


def _with_material(number: int) -> GltfWriter:
    made = writer()
    made.header["meshes"][0]["primitives"][0]["material"] = number
    return made


def _invisible() -> GltfWriter:
    made = GltfWriter()
    made.node(made.primitive(CORNERS, FACES, np.zeros((4, 4), np.uint8)))
    return made


def flipped_glb(seeds: range) -> Iterator[tuple[str, bytes]]:
    """The sound file with eight bits turned over, for each seed."""
    sound = writer().glb()
    for seed in seeds:
        data = bytearray(sound)
        rng = np.random.default_rng(seed)
        for position in rng.integers(12, len(data), 8):
            data[position] ^= 1 << int(rng.integers(8))
        yield f"flipped_{seed}", bytes(data)


def linked_gltf(folder: Path, outside: Path) -> dict[str, tuple[Path, str]]:
    """.gltf files whose buffer lies elsewhere; `outside` is a sound buffer outside of `folder`."""
    (folder / "link.bin").symlink_to(outside)
    (folder / "loop.bin").symlink_to(folder / "loop.bin")
    uris = {
        "parent": (f"../{outside.name}", "outside"),
        "deep_parent": (f"x/../../{outside.name}", "outside"),
        "encoded_parent": (f"%2e%2e/{outside.name}", "outside"),
        "backslashes": (f"..\\{outside.name}", "outside"),
        "absolute": (str(outside), "outside"),
        "file_url": (f"file://{outside}", "url"),
        "http": ("http://127.0.0.1:9/data.bin", "url"),
        "https": ("https://example.org/data.bin", "url"),
        "network_path": ("//example.org/data.bin", "url"),
        "link": ("link.bin", "outside"),
        "device": ("/dev/zero", "outside"),
        "folder": (".", "missing_part"),
        "absent": ("absent.bin", "missing_part"),
        "loop": ("loop.bin", ""),
        "bad_data": ("data:application/octet-stream;base64,!!!!", "broken"),
    }
    return {name: (writer(buffers=[{"uri": uri}]).write(folder / f"{name}.gltf"), code)
            for name, (uri, code) in uris.items()}  # fmt: skip


def other_formats() -> dict[str, tuple[bytes, str]]:
    """file name: (bytes, expected code or "")."""
    ascii_ply = PLY.format(form="ascii", v=3, f=1) + "0 0 0\n1 0 0\n0 1 0\n"
    stl = bytes(80) + struct.pack("<I", 1) + struct.pack("<12fH", *[0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0], 0)
    return {
        "empty.glb": (b"", "empty"),
        "sketch.fbx": (b"Kaydara", "extension"),
        "no_extension": (b"glTF", "extension"),
        "gltf_in.glb": (json.dumps({"asset": {"version": "2.0"}}).encode(), "unreadable"),
        "glb_in.ply": (writer().glb(), "unreadable"),
        "glb_in.stl": (writer().glb(), "unreadable"),
        "glb_in.obj": (writer().glb(), "nothing_left"),
        "gltf_1.gltf": (json.dumps({"asset": {"version": "1.0"}}).encode(), "unreadable"),
        "sound.stl": (stl, ""),
        "truncated.stl": (stl[:-10], "unreadable"),
        "count_huge.stl": (bytes(80) + struct.pack("<I", 2**32 - 1) + stl[84:], "unreadable"),
        "nan.stl": (stl[:84] + struct.pack("<12fH", *[float("nan")] * 12, 0), "nothing_left"),
        "no_end.stl": (b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", "unreadable"),
        "index_out.ply": ((ascii_ply + "3 0 1 99\n").encode(), "broken"),
        "index_negative.ply": ((ascii_ply + "3 0 1 -5\n").encode(), "broken"),
        "truncated.ply": (ascii_ply[:-20].encode(), "unreadable"),
        "count_huge.ply": (PLY.format(form="binary_little_endian", v=10**12, f=1).encode(), "too_large"),
        "count_negative.ply": (PLY.format(form="binary_little_endian", v=-1, f=1).encode(), "broken"),
        "list_huge.ply": (
            PLY.format(form="binary_little_endian", v=0, f=1).encode() + b"\xff\0\0\0",
            "unreadable",
        ),
        "index_out.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", ""),
        "line_out.obj": (b"v 0 0 0\nv 1 0 0\nl 1 2 9\n", "broken"),
        "words.obj": (b"v a b c\nf x y z\n", ""),
        "points_only.obj": (b"v 0 0 0\nv 1 0 0\n", "nothing_left"),
        "library_outside.obj": (b"mtllib ../outside.bin\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl a\nf 1 2 3\n", ""),
        "binary.obj": (bytes(range(256)) * 40, "nothing_left"),
    }
