"""Grades against priors whose answers are known: of Gaussians around what a caption means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill.prior_gaussian import GaussianPrior
from distill.schedule import NoiseSchedule
from distill.style import PromptStyle
from tests.training.tiny_world import tiny_renders, write_shard
from training import grade, grade_descriptors
from training.classifier import Classifier, vocabulary
from training.corruptions import DESCRIPTORS
from training.estimate import estimate
from training.grade_descriptors import grade_descriptors as cosines_of
from training.grade_retrieval import grade_retrieval, with_article, with_word
from training.grade_samples import draw_samples, grade_samples, report, scale_sheet
from training.held_out import Example, embedded, examples, fitting, halves
from training.labels import attribute

SIZE = 64


def prior_of(picture_of: Callable[[str], np.ndarray | Tensor], max_tokens: int = 77) -> GaussianPrior:
    """A prior that thinks of `picture_of(prompt)` [64, 64, 3], 0..1, whatever the prompt."""

    def mean_of(prompt: str) -> Tensor:
        return torch.as_tensor(picture_of(prompt), dtype=torch.float32).permute(2, 0, 1) * 2 - 1

    schedule = NoiseSchedule.from_alphas_cumprod(torch.linspace(0.9999, 0.0005, 1000))
    style = PromptStyle(SIZE, max_tokens, prefix="a photo of ")
    return GaussianPrior(mean_of, 0.1, schedule, style)


@pytest.fixture(scope="module")
def pictures() -> list[Example]:
    return examples(tiny_renders(range(12)), 6, np.random.default_rng(0), SIZE)


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a corruption: a picture half as bright."""
    monkeypatch.setattr(grade_descriptors, "corrupt", lambda image, *_: image / 2)


def test_a_prior_that_knows_the_artefacts_points_straight_back(pictures: list[Example], halved: None) -> None:
    by_caption = {each.caption: each.image for each in pictures}

    def picture_of(prompt: str) -> np.ndarray:
        caption = next((known for known in by_caption if prompt.startswith(known)), None)
        if caption is None:
            return np.zeros((SIZE, SIZE, 3))
        spoilt = ", blurry" in prompt.removeprefix(caption)
        return by_caption[caption] / (2 if spoilt else 1)

    assert len(by_caption) == len(pictures)
    found = cosines_of(prior_of(picture_of), pictures, batch=4)
    assert found["blurry"].own.mean == pytest.approx(1, abs=1e-4) and found["blurry"].passes
    assert [each.mean for each in found["blurry"].by_timestep] == pytest.approx([1] * 4, abs=1e-4)
    assert found["blurry"].another.mean == 0
    # "blurry" is in the whole list as well.
    assert all(each.suffixes.mean == pytest.approx(1, abs=1e-4) for each in found.values())
    assert not found["noisy"].passes and found["noisy"].own.mean == 0
    assert found[DESCRIPTORS[DESCRIPTORS.index("blurry") - 3]].another.mean == pytest.approx(1, abs=1e-4)
    assert "1 of 10 descriptors pass (wanted: 9)" in grade_descriptors.report(found)


def test_a_prior_that_knows_nothing_fails(pictures: list[Example]) -> None:
    def noise(prompt: str) -> Tensor:
        return torch.rand(SIZE, SIZE, 3, generator=torch.Generator().manual_seed(sum(prompt.encode())))

    found = cosines_of(prior_of(noise), pictures)
    assert sum(each.passes for each in found.values()) <= 2
    assert all(abs(each.own.mean) < 0.1 for each in found.values())


def test_a_prior_that_goes_the_wrong_way_does_not_pass(pictures: list[Example], halved: None) -> None:
    found = cosines_of(prior_of(lambda prompt: np.full((SIZE, SIZE, 3), 0.9 if "noisy" in prompt else 0.2)), pictures)
    assert found["noisy"].own.mean < -0.5 and not found["noisy"].passes


def test_retrieval_of_what_the_prior_knows() -> None:
    """It knows that blue things are blue, in any other word's place nothing."""
    shown = examples(tiny_renders(range(12)), 12, np.random.default_rng(1), SIZE)
    words = {"kind": ["disc", "square"], "color": ["blue", "red"], "material": ["wooden"]}
    colors = {"blue": (0.2, 0.3, 0.6), "red": (0.6, 0.2, 0.2)}

    def picture_of(prompt: str) -> np.ndarray:
        name = next((word for word in prompt.split() if word in colors), None)
        inside = np.zeros((SIZE, SIZE, 3)) + 0.3
        inside[16:48, 16:48] = colors.get(name or "", (0.3, 0.3, 0.3))
        return inside

    found = grade_retrieval(prior_of(picture_of), shown, words, draws=4)
    assert found["color"].accuracy.mean == 1 and found["color"].chance == 0.5 and found["color"].pictures == 12
    right = [attribute(each.meta, "kind") == "disc" for each in shown]  # of equals, the first wins
    assert found["kind"].accuracy.mean == pytest.approx(np.mean(right))
    assert "material" not in found  # one word is no choice


def test_retrieval_of_corruptions_asks_for_all_and_none() -> None:
    shown = examples(tiny_renders(range(12)), 12, np.random.default_rng(1), SIZE)
    words = {"corruption": ["none", "foggy", "oversaturated"]}

    def picture_of(prompt: str) -> np.ndarray:
        return np.full((SIZE, SIZE, 3), 0.82 if "foggy" in prompt else 0.4)

    found = grade_retrieval(prior_of(picture_of), shown, words, draws=4, severity=1.0)["corruption"]
    assert found.words == 3 and found.accuracy.mean > 0.5


def test_captions_with_another_word() -> None:
    (one, *_) = examples(tiny_renders(range(1)), 1, np.random.default_rng(3), SIZE)
    around = f"{one.framed.surroundings}, {one.framed.view}"
    assert one.caption == f"a photo of a red wooden disc{around}"
    assert with_word("a photo of ", one, "kind", "apple") == f"a photo of an apple{around}"
    assert with_word("a photo of ", one, "color", "orange") == f"a photo of an orange wooden disc{around}"
    assert with_word("a photo of ", one, "material", "stone") == f"a photo of a red stone disc{around}"
    assert with_word("a photo of ", one, "corruption", "noisy") == f"a photo of a red wooden disc{around}, noisy"
    assert with_word("a photo of ", one, "corruption", "none") == one.caption
    assert with_word("", one, "view", "back view").endswith(", back view")
    assert with_article("a apple") == "an apple" and with_article("rusty iron mug") == "a rusty iron mug"


def test_suffixes_have_room() -> None:
    prior = prior_of(lambda prompt: np.zeros((SIZE, SIZE, 3)), max_tokens=12)
    assert fitting(prior, "a red mug, white background, side view", ", noisy") == ("a red mug, white background, noisy")
    assert fitting(prior, "a red mug, side view", ", noisy") == "a red mug, side view, noisy"


def test_pictures_serve_again_when_all_have_served() -> None:
    found = examples(tiny_renders(range(3), views=2), 10, np.random.default_rng(0), SIZE)
    assert len(found) == 10
    assert sorted(each.meta["object"] for each in found[:6]) == [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="no held-out renders"):
        examples(tiny_renders(range(0)), 1, np.random.default_rng(0), SIZE)


def test_halves_share_no_object_and_every_kind() -> None:
    parts = halves(tiny_renders(range(40)))  # discs have even ids, squares odd ones
    objects = [{meta["object"] for meta in part.metas} for part in parts]
    assert len(objects[0]) == len(objects[1]) == 20 and not objects[0] & objects[1]
    assert all(sum(meta["kind"] == "disc" for meta in part.metas) == 20 for part in parts)


def test_perfect_samples_are_as_near_as_other_real_pictures() -> None:
    one, other = halves(tiny_renders(range(40)))
    rng = np.random.default_rng(0)
    real, others = examples(one, 40, rng, SIZE), examples(other, 40, rng, SIZE)
    words = Classifier(vocabulary(one)).eval()
    perfect = grade_samples(np.stack([each.image for each in real]), real, others, words, seed=0)
    for features in ("untrained", "classifier"):
        both = perfect.distances[features]
        assert both["samples"] == both["real"]
        assert abs(both["real"].kid.mean) < 3 * both["real"].kid.deviation
    assert perfect.looks["others"].spectrum_gap == 0
    assert perfect.agreement["kind"]["samples"] == perfect.agreement["kind"]["real"]
    grey = grade_samples(np.full((40, SIZE, SIZE, 3), 0.5), real, others, None, seed=0)
    assert grey.distances["untrained"]["samples"].frechet > 2 * grey.distances["untrained"]["real"].frechet
    assert grey.distances["untrained"]["samples"].c2st.mean > 0.9 and grey.agreement == {}
    assert "classifier agrees" in report(perfect) and "classifier agrees" not in report(grey)


def test_samples_are_what_the_prior_thinks_of(tmp_path: Path) -> None:
    shades = {"dark": 0.2, "light": 0.8}
    prior = prior_of(
        lambda prompt: np.full((SIZE, SIZE, 3), shades.get(prompt.split()[0].rstrip(",") if prompt else "", 0.5))
    )
    drawn = draw_samples(prior, embedded(prior, ["dark", "light"] * 20), 10, 1.0, 0, "samples")
    assert drawn.shape == (40, SIZE, SIZE, 3)
    assert estimate(drawn[::2].mean(axis=(1, 2, 3))).mean == pytest.approx(0.2, abs=0.05)
    assert estimate(drawn[1::2].mean(axis=(1, 2, 3))).mean == pytest.approx(0.8, abs=0.05)
    scale_sheet(
        prior, ["dark thing, seen from far away in a long caption", "light"], [1.0, 2.0], tmp_path / "s.png", 4, 0
    )
    sheet = np.asarray(Image.open(tmp_path / "s.png"), float) / 255
    left, right = sheet[-70, 110 + 64], sheet[-70, 110 + 128 + 64]
    assert left.mean() < 0.1 and right.mean() > 0.9  # scale 2 goes beyond


def check_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write_shard(folder / "renders.tar", tiny_renders(range(0, 300, 25)))
    out = folder / "docs" / "grades.json"
    few = ["--quick", "--pairs", "2", "--pictures", "3", "--columns", "1", "--scales", "3"]
    grade.main(["--data", str(shard), "--out", str(out), *few])
    printed = capsys.readouterr().out
    assert printed.startswith("QUICK, not the figures: embedded on") and "24 held-out renders of 12 objects" in printed
    figures = json.loads(out.read_text())
    assert set(figures["descriptors"]) == set(DESCRIPTORS) and figures["plan"]["pairs"] == 2
    assert set(figures["retrieval"]) == {"kind", "color", "view", "corruption"}
    assert all((out.parent / name).is_file() for name in figures["sheets"]["sheets"])
    assert figures["samples"]["distances"]["untrained"]["real"]["frechet"] > 0
    text = out.with_suffix(".md").read_text()
    assert all(f"## {name}" in text for name in grade.PARTS)


def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = prior_of(lambda prompt: np.full((SIZE, SIZE, 3), 0.1 + len(prompt) % 7 / 10))
    monkeypatch.setattr(grade, "load_prior", lambda *_: prior)
    check_the_command(tmp_path, capsys)


@pytest.mark.slow
def test_the_command_grades_the_embedded_prior(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_the_command(tmp_path, capsys)
