"""Our own first-stage results become pictures of artefacts that training takes up as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training import stage_one
from training.examples import sort_of
from training.pictures import read_renders, split
from training.stage_one import Job, jobs_of, main, recipe
from training.world.dice import Dice
from training.world.true_mesh import mesh_glb

FEW = 2


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any steps; true surfaces stand for sketches."""
    monkeypatch.setattr(stage_one, "sketch_glb", lambda mesh, dice: mesh_glb(mesh))
    monkeypatch.setattr(stage_one, "FIT_STEPS", 4)
    monkeypatch.setattr(stage_one, "STEPS", (2, 2))
    monkeypatch.setattr(stage_one, "VIEWS", FEW)
    monkeypatch.setattr(stage_one, "SIZE", 64)


def test_objects_are_those_that_training_may_see(tmp_path: Path) -> None:
    options = stage_one._parse(["--objects", "60", "--out", str(tmp_path), "--seed", "9"])
    jobs = jobs_of(options)
    assert len(jobs) == 60 and len({job.path for job in jobs}) == 60
    assert all(split({"object": job.number}) == "train" and job.number // 100_000 == 9 for job in jobs)


def test_recipes_differ_in_guidance_and_in_what_holds_the_colors() -> None:
    recipes = [recipe(Dice(seed), 25.0, seed) for seed in range(60)]
    scales = np.array([made.stage1.strength for made in recipes], float)
    assert scales.min() > 11 and scales.max() < 101
    assert 15 < (scales > 30).sum() < 45
    free = sum(made.color.keep == 0 for made in recipes)
    assert 15 < free < 45 and {made.color.keep for made in recipes} == {0.0, 25.0}
    assert recipe(Dice(3), 25.0, 3) == recipes[3]


@pytest.mark.usefixtures("short")
def test_one_object_becomes_a_shard(tmp_path: Path) -> None:
    assert main(["--objects", "1", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    renders = read_renders([path])
    assert len(renders) == FEW and len(renders.of("train")) == FEW
    for image, meta in zip(renders.images, renders.metas, strict=True):
        assert image.shape == (64, 64, 4)
        assert 0.02 < (image[..., 3] > 250).mean() < 1
        assert sort_of(meta) == "artefact" and meta["transparent"] and meta["scene"] == ""
        assert meta["phrase"] in meta["caption"] and meta["view"] in meta["caption"]
        assert 1.5 < meta["distance"] < 4 and meta["fovy"] == 38
    before = path.stat().st_mtime_ns
    assert main(["--objects", "1", "--out", str(tmp_path)]) == 0
    assert path.stat().st_mtime_ns == before


def test_what_fails_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(job: Job) -> None:
        if job.number % 2:
            raise ValueError("no such colour")
        job.path.touch()

    monkeypatch.setattr(stage_one, "make", make)
    (tmp_path / "stage-one-embedded-000800006-x.part").touch()
    assert main(["--objects", "4", "--out", str(tmp_path)]) == 1
    assert len(list(tmp_path.glob("*.tar"))) == 2 and not list(tmp_path.glob("*.part"))
    told = capsys.readouterr().err
    assert told.count("ValueError: no such colour") == 2 and "object 800005" in told
