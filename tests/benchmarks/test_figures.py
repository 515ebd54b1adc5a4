"""Every benchmark is on the list that `make bench` runs, and what measures pictures tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from benchmarks import sds_against_bridge
from benchmarks.__main__ import MODULES, head
from benchmarks.distill import cells
from benchmarks.main_job import read_result
from benchmarks.picture_measures import measure
from benchmarks.sds_against_bridge import renders
from benchmarks.shaping import NOT_SHAPING, ROOT, digest_of, shaping
from benchmarks.workshop import PROMPTS, SKETCHES
from distill.rules.sds import SDS
from realify.result.export import write_body
from realify.result.measures import is_closed_manifold
from tests.realify.bodies import ring, surface

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_every_benchmark_is_listed() -> None:
    runnable = {path.stem for path in FOLDER.glob("*.py") if "if __name__" in path.read_text(encoding="utf-8")}
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


@pytest.mark.parametrize("figure", [shaping, sds_against_bridge.shaped_by, lambda: cells.shaped_by(frozenset({SDS}))])
def test_what_was_made_is_made_anew_after_a_change_in_any_folder_of_the_code(
    figure: Callable[[], list[Path]],
) -> None:
    adapters = set((ROOT / "distill" / "priors").glob("*.py"))
    shared = {ROOT / "distill" / f"{name}.py" for name in ("guidance", "controls", "precision", "prompts", "rules/sds")}
    assert len(adapters) > 20 and adapters | shared <= set(figure())


def test_a_rules_pictures_do_not_hang_on_other_rules_files() -> None:
    by_sds, sampled = (set(cells.shaped_by(rules)) for rules in (frozenset({SDS}), frozenset()))
    assert by_sds - sampled == {ROOT / "distill" / "rules" / "sds.py"}
    assert not {ROOT / "distill" / "rules" / f"{name}.py" for name in ("bridge", "vsd", "dds", "registry")} & by_sds


def test_a_new_file_counts_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("distill/a.py", "distill/b/c/d.py", "realify/e/f.py", "realify/commands/cli.py", "realify/g.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr("benchmarks.shaping.ROOT", tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in shaping()]
    assert names == ["distill/a.py", "distill/b/c/d.py", "realify/e/f.py"]
    before = digest_of(shaping())
    (tmp_path / "distill/b/c/d.py").write_text("changed")
    assert digest_of(shaping()) != before


def test_what_shapes_nothing_is_there() -> None:
    assert all(list(ROOT.glob(pattern)) for pattern in NOT_SHAPING)
