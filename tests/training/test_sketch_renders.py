"""Sketches are drawn from both sides, cut out cleanly, and called sketches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sdf_fit.cameras import View, distance_for_fill
from sdf_fit.mesh import Mesh
from sdf_fit.render import make_renderer
from sdf_fit.render.shading import STUDIO
from training import sketch_renders
from training.cutouts import straight
from training.pictures import read_renders
from training.sketch_renders import draw_strokes, main
from training.world.shards import ShardWriter
from training.world.true_mesh import mesh_glb

# off the axes: no sample falls on an edge that two triangles share
VIEW = View(7.0, 5.0, distance_for_fill(1.0, 38.0), 38.0)


def ribbon(turned: bool = False) -> Mesh:
    """A red square that faces the camera in front, or shows it its back."""
    corners = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    red = np.tile(np.array([0.5, 0.02, 0.02], np.float32), (4, 1))
    return Mesh(corners, faces[:, ::-1].copy() if turned else faces, red)


def drawn(mesh: Mesh, colored: bool) -> np.ndarray:
    return np.asarray(draw_strokes(make_renderer("numba"), mesh, VIEW, STUDIO, 32, colored)).astype(int)


def test_both_sides_of_a_stroke_look_alike() -> None:
    assert np.abs(drawn(ribbon(), True) - drawn(ribbon(turned=True), True)).max() <= 1


def test_clay_is_grey_and_paint_has_its_color() -> None:
    clay, paint = drawn(ribbon(), False)[16, 16], drawn(ribbon(), True)[16, 16]
    assert clay[3] == paint[3] == 255
    assert np.ptp(clay[:3]) < 12 and paint[0] > 2 * paint[1]
    corner = drawn(ribbon(), True)[0, 0]
    assert corner[3] == 0


def test_an_outline_has_the_color_of_what_it_bounds() -> None:
    image = np.asarray(straight(torch.tensor([[[0.1, 0.0, 0.0], [0.2, 0.0, 0.0]]]), torch.tensor([[0.5, 1.0]])))
    assert image[0, :, 3].tolist() == [128, 255]
    assert np.abs(image[0, 0, :3].astype(int) - image[0, 1, :3]).max() <= 1


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two objects of the world, the second of them held out; true surfaces stand for sketches here."""
    monkeypatch.setattr(sketch_renders, "sketch_glb", lambda mesh, dice: mesh_glb(mesh))
    folder = tmp_path / "world"
    folder.mkdir()
    with ShardWriter(folder / "world-7-00000-00100.tar") as shard:
        for number in (700_007, 700_025):
            card = {"object": number, "kind": "apple", "phrase": "an apple", "transparent": True}
            shard.add_view(number, 0, Image.new("RGBA", (8, 8)), card)
    return folder


def test_makes_what_training_may_see_once(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["--world", str(world), "--out", str(out)]) == 0
    (path,) = out.iterdir()
    renders = read_renders([path])
    metas: list[dict[str, Any]] = renders.metas
    assert {meta["object"] for meta in metas} == {700_007} and len(metas) == 4
    assert [meta["phrase"] for meta in metas[::2]] == ["an apple"] * 2
    assert all("apple" in meta["phrase"] for meta in metas)
    assert all(meta["caption"].startswith(f"a sketch of {meta['phrase']}") for meta in metas)
    assert all(meta["medium"] == "a sketch of" and meta["transparent"] for meta in metas)
    assert all(0.05 < (image[..., 3] > 128).mean() < 0.95 for image in renders.images)
    before = path.stat().st_mtime_ns
    assert main(["--world", str(world), "--out", str(out)]) == 0
    assert path.stat().st_mtime_ns == before
