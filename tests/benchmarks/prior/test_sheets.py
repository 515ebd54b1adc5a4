"""Sheets of held-out pictures and of fitted sketches show what they say."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from benchmarks.prior.held_out import Example
from benchmarks.prior.sheets import TILE, held_out_rows, write_sheet
from benchmarks.prior.sketches import fitted_sketches, sketch_rows
from realify.job.sheet import MARGIN
from sdf_fit.mesh import Mesh
from sdf_fit.render.shading import srgb_to_linear
from tests.benchmarks.prior.priors import SIZE, copyist
from tests.realify.bodies import ring, surface
from tests.training.tiny_world import tiny_renders
from training import pairs
from training.pictures import Renders
from training.world.numbering import is_dressed


def test_the_held_out_sheet(guided: list[Example], tmp_path: Path) -> None:
    rows = held_out_rows(copyist(), guided, [1.0, 2.0], 4)
    assert list(rows)[:2] == ["guide", "scale 1, seed 0"] and list(rows)[-2:] == ["without the guide", "photograph"]
    assert len(rows) == 1 + 2 * 2 + 2
    assert np.abs(rows["scale 2, seed 1"] - rows["guide"]).mean() < 0.1
    assert rows["without the guide"].mean() < 0.1
    write_sheet(rows, [each.caption for each in guided], tmp_path / "deep" / "s.png")
    sheet = np.asarray(Image.open(tmp_path / "deep" / "s.png"), float) / 255
    first = sheet[-MARGIN - TILE : -MARGIN, MARGIN : MARGIN + TILE]  # the photograph below all others
    small = np.asarray(Image.fromarray((first * 255).astype(np.uint8)).resize((SIZE, SIZE)), float) / 255
    assert np.abs(small - guided[0].image).mean() < 0.03


SKETCHED, DRESSED = 0, 125


@pytest.fixture(scope="module")
def sketched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Renders]:
    """A shard of one held-out ring that is its own sketch, with its renders, and one in other materials."""
    assert not is_dressed(SKETCHED) and is_dressed(DRESSED)
    renders = tiny_renders(range(SKETCHED, DRESSED + 1, DRESSED - SKETCHED), views=2, size=128)
    camera = {"azimuth": 20.0, "elevation": 10.0, "distance": 3.0, "fovy": 38.0, "target": [0.0, 0.0, 0.0]}
    metas = [meta | camera for meta in renders.metas]
    body = surface(ring, 16)
    path = tmp_path_factory.mktemp("sketched") / "world.tar"
    with tarfile.open(path, "w") as shard:
        for number in (SKETCHED, DRESSED):
            data = glb_of(body)
            entry = tarfile.TarInfo(f"{number:09d}.sketch.glb")
            entry.size = len(data)
            shard.addfile(entry, io.BytesIO(data))
    return path, Renders(renders.images, metas, renders.known)


def glb_of(body: Mesh) -> bytes:
    made = trimesh.Trimesh(body.vertices, body.faces, process=False).export(file_type="glb")
    assert isinstance(made, bytes)
    return made


def test_a_fitted_sketch_is_seen_as_the_product_shows_it(
    sketched: tuple[Path, Renders], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"STEPS": 3, "GRID": 32, "RESOLUTION": 64}.items():
        monkeypatch.setattr(pairs, name, value)
    path, renders = sketched
    found = fitted_sketches([path], renders, 5, 64, seed=0)
    assert [each.picture.meta["object"] for each in found] == [SKETCHED]  # the other was sketched in other colours
    (one,) = found
    guide = one.picture.guide
    assert guide is not None and guide.shape == (7, 64, 64) and one.photograph.shape == (64, 64, 3)
    body = guide[3] < 0.35
    assert 0.05 < body.mean() < 0.7 and guide[3, 0, 0] == 1
    # the background is the render's own, in guide and photograph
    backdrop = one.picture.framed.backdrop
    assert backdrop is not None
    beside = guide[3] == 1
    linear = srgb_to_linear(torch.from_numpy(one.photograph)).numpy()
    assert np.abs(linear[beside] - backdrop[beside]).max() < 2e-3
    rows = sketch_rows(copyist(), found, [1.0], 3)
    assert next(iter(rows)) == "fitted sketch" and "guide" in rows and len(rows) == 5
    assert np.abs(rows["scale 1, seed 0"] - rows["guide"]).mean() < 0.1
