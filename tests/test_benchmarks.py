"""Every benchmark is on the list that `make bench` runs, and what measures pictures tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.__main__ import MODULES, head
from benchmarks.main_job import read_result
from benchmarks.picture_measures import measure
from benchmarks.sds_against_bridge import renders
from benchmarks.workshop import PROMPTS, SKETCHES
from realify.export import write_body
from realify.mesh_measures import is_closed_manifold
from tests.realify.bodies import ring, surface

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_every_benchmark_is_listed() -> None:
    runnable = {path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert set(MODULES) == runnable - {"__main__"}


def test_the_head_names_the_machine() -> None:
    assert "cores" in head() and "make bench" in head()


def test_a_flat_picture_has_no_high_frequencies_whatever_is_around_it() -> None:
    image = np.zeros((1, 32, 32, 3), np.uint8)
    mask = np.zeros((1, 32, 32), bool)
    mask[:, 8:24, 5:20] = True
    image[mask] = (200, 100, 50)
    image[~mask] = np.random.default_rng(0).integers(0, 255, (int((~mask).sum()), 3))
    found = measure(image, mask)
    assert found.saturation == pytest.approx(0.75)
    assert found.clipped == 0
    assert found.high_frequencies == pytest.approx(0, abs=1e-9)


def test_what_distillation_does_wrong_shows_in_the_figures() -> None:
    images, masks = renders("mushroom")
    real = measure(images, masks)
    smooth = measure(ndimage.uniform_filter(images, 5, axes=(1, 2)), masks)
    loud = measure(np.clip(images.astype(float) * 2 - 128, 0, 255).astype(np.uint8), masks)
    assert smooth.high_frequencies < 0.6 * real.high_frequencies
    assert loud.saturation > real.saturation and loud.clipped > real.clipped


@pytest.mark.parametrize("kind", PROMPTS)
def test_there_are_renders_of_every_kind_with_the_object_masked(kind) -> None:
    images, masks = renders(kind)
    assert (SKETCHES / f"{kind}.glb").exists() and len(images) >= 7
    assert ((masks.mean(axis=(1, 2)) > 0.03) & (masks.mean(axis=(1, 2)) < 0.8)).all()


def test_a_glb_read_back_is_closed_once_its_seams_are_merged(tmp_path) -> None:
    mesh = surface(ring, 24)
    write_body(tmp_path / "ring.glb", mesh, np.eye(4))
    found = read_result(tmp_path / "ring.glb")
    assert is_closed_manifold(found.faces) and len(found.faces) == len(mesh.faces)
