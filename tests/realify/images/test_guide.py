"""Pictures by a guided prior: a painting is its own guide, whatever else is drawn has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill.controls import KNOWN, KNOWN_DRAWN, picture_guide
from distill.load import load_prior
from realify.images import run as image_run
from realify.images.job import ImageError, ImageJob
from realify.images.run import ImageRun
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.realify.images.jobs import image, pixels

SIZE = 32


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_guided(tmp_path_factory.mktemp("guided"))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Tensor | None]:
    """The controls of each prediction of the runs in the test."""
    seen: list[Tensor | None] = []

    def load(*named: Any, **options: Any) -> Any:
        prior = load_prior(*named, **options)
        predict = prior.predict_noise

        def watched(x_t: Tensor, t: Tensor, embeds: Any) -> Tensor:
            seen.append(embeds.controls)
            return predict(x_t, t, embeds)

        monkeypatch.setattr(prior, "predict_noise", watched)
        return prior

    monkeypatch.setattr(image_run, "load_prior", load)
    return seen


def paint(folder: Path, prior: Path | str, **changes: Any) -> ImageJob:
    """A job on a painting of noise, of the prior's size."""
    painting = folder / "painting.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8)).save(painting)
    options: dict[str, Any] = {"steps": 2, "lr": 0.05, "picture": painting, "prior": str(prior)} | changes
    return ImageJob("paint", ("a cup",), folder / "cup.png", **options)


def run(job: ImageJob) -> None:
    ImageRun(job, job.folder, False, lambda event: None, lambda: False).run()


@pytest.mark.parametrize(("guide", "strength"), [(None, 1.0), (0.5, 0.5)])
def test_a_painting_is_its_own_guide(
    guide: float | None, strength: float, guided: Path, shown: list[Tensor | None], tmp_path: Path
) -> None:
    job = paint(tmp_path, guided, guide=guide)
    run(job)
    assert job.picture is not None
    painted = torch.from_numpy(pixels(job.picture)).float()[None] / 255
    wanted = picture_guide(painted, strength).repeat(2, 1, 1, 1)  # target and source
    assert len(shown) == 2
    for controls in shown:
        assert controls is not None and torch.allclose(controls, wanted, atol=1e-6)
        assert controls[:, KNOWN].max() == pytest.approx(KNOWN_DRAWN * strength)


def test_at_strength_0_and_from_text_there_is_none(guided: Path, shown: list[Tensor | None], tmp_path: Path) -> None:
    run(paint(tmp_path, guided, guide=0.0))
    run(ImageJob("text", ("a cup",), tmp_path / "text.png", steps=2, rule="sds", lr=0.05, prior=str(guided)))
    assert shown and all(controls is None for controls in shown)


def test_two_films_have_none(guided: Path, shown: list[Tensor | None], tmp_path: Path) -> None:
    prompts = ("a cup", "a car", "a tree", "a house")
    run(ImageJob("illusion", prompts, tmp_path / "films.png", steps=1, rule="sds", lr=0.05, prior=str(guided)))
    assert shown and all(controls is None for controls in shown)


def test_a_prior_that_is_shown_no_guide_says_so(tiny_prior: Path, tmp_path: Path) -> None:
    job = paint(tmp_path, tiny_prior)
    done = image("paint", job.picture, "a cup", "-o", job.out, "--guide", "0.5", "--prior", tiny_prior)
    assert done.code == 2 and "is shown no guide" in done.told


def test_a_strength_out_of_its_range_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"--guide is 1\.5"):
        paint(tmp_path, "embedded", guide=1.5)
