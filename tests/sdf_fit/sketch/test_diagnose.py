"""A file that the reader stumbles over is told apart: where, what came, what was wanted; a sound one is not blamed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import trimesh

from sdf_fit.sketch.diagnose import what_is_wrong
from sdf_fit.sketch.read import Limits, SketchError, read_sketch
from tests.sdf_fit.sketch import hostile_sketches as hostile

EXAMPLES = Path(__file__).parents[3] / "examples" / "sketches"
PLY = "ply\nformat {} 1.0\nelement vertex {}\nproperty float x\nend_header\n"
PYTHON = re.compile(r"\b\w+Error\b")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.glb")), ids=lambda path: path.stem)
def test_sound_examples_are_not_blamed(path: Path) -> None:
    assert what_is_wrong(path) is None


def test_sound_obj_is_not_blamed(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\n# words\nv 0 0 0\nv 1 0 0 1 .5 .5\nv 0 1 0\nvt 0 0\nf 1/1 2/1/ 3//1\nf -1 -2 -3\nl 1 2\n"
    )
    assert what_is_wrong(tmp_path / "a.obj") is None
    (tmp_path / "torus.obj").write_text(str(trimesh.creation.torus(1.0, 0.3).export(file_type="obj")))
    assert what_is_wrong(tmp_path / "torus.obj") is None


CASES = {
    "material_missing": r"meshes\[0\]\.primitives\[0\]\.material is 12; materials has 1, counted from 0\.",
    "mesh_missing": r"nodes\[0\]\.mesh is 7; meshes has 1",
    "scene_missing": r"scene is 5; scenes has 1",
    "node_missing": r"scenes\[0\]\.nodes\[0\] is 99",
    "stride_zero": r"bufferViews\[0\]\.byteStride is 0",
    "offset_negative": r"accessors\[0\]\.byteOffset is -64",
    "indices_not_threes": r"draws triangles by 4 indices",
    "wrong_component": r"componentType is 9999",
    "deep_json": r"nested too deeply",
    "not_json": r"no JSON at its character 1",
    "truncated_header": r"The file has 10 bytes",
}


@pytest.mark.parametrize("name", CASES)
def test_a_glb_is_told_where(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.glb"
    path.write_bytes(hostile.broken_glb()[name][0])
    assert re.search(CASES[name], what_is_wrong(path) or "")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.obj", "v 0 0 0\nv 1 x 0\n", "Line 2 is 'v 1 x 0'; v takes at least 3 numbers."),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "Line 4 points at vertex 9; there are 3"),
        ("a.obj", "v 0 0 0\nf 1 a 1\n", "'a' is no number of a vertex"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex x\nend_header\n", "Line 3 of the PLY's header"),
        ("a.ply", "ply\nformat ascii 1.0\n", "no end_header"),
        ("a.ply", f"{PLY.format('ascii', 2)}1\n", "are 1 lines"),
        ("a.ply", f"{PLY.format('ascii', 1)}b\n", "Line 6 of the PLY is 'b'"),
        ("a.ply", f"{PLY.format('binary_little_endian', 1)}1", "the 1 bytes"),
    ],
)
def test_text_is_told_by_its_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    assert told in (what_is_wrong(tmp_path / name) or "")


def test_the_reader_says_it_in_place_of_pythons_words(tmp_path: Path) -> None:
    path = tmp_path / "missing.glb"
    path.write_bytes(hostile.broken_glb()["material_missing"][0])
    with pytest.raises(SketchError) as caught:
        read_sketch(path, limits=Limits(seconds=60))
    assert caught.value.code == "unreadable" and "material is 12" in caught.value.message
    assert not PYTHON.search(str(caught.value))


def test_noise_in_a_header_never_breaks_the_second_look(tmp_path: Path) -> None:
    sound = hostile.writer().glb()
    for seed in range(300):
        data, rng = bytearray(sound), np.random.default_rng(seed)
        for place in rng.integers(12, len(data), 6):
            data[place] = int(rng.choice(list(b'0123456789-.,:[]{}"nul')))
        (tmp_path / "a.glb").write_bytes(data)
        found = what_is_wrong(tmp_path / "a.glb")
        assert found is None or len(found) < 400
