"""Samples held against photographs and guides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.estimate import estimate
from benchmarks.prior import samples
from benchmarks.prior.classifier import Classifier, vocabulary
from benchmarks.prior.held_out import Example, embedded, examples, halves
from benchmarks.prior.samples import grade_samples, nearness, report
from benchmarks.prior.sampling import draw_samples
from tests.benchmarks.prior.priors import SIZE, prior_of
from tests.training.tiny_world import tiny_renders


def test_perfect_samples_are_as_near_as_other_real_pictures() -> None:
    one, other = halves(tiny_renders(range(40)))
    rng = np.random.default_rng(0)
    real, others = examples(one, 40, rng, SIZE), examples(other, 40, rng, SIZE)
    words = Classifier(vocabulary(one)).eval()
    perfect = grade_samples(np.stack([each.image for each in real]), real, others, words, seed=0)
    assert set(perfect.distances) == {"untrained, 64 px", "classifier, 64 px"}
    for features in perfect.distances:
        both = perfect.distances[features]
        assert both["samples"] == both["real"]
        assert abs(both["real"].kid.mean) < 3 * both["real"].kid.deviation
    assert perfect.looks["others"].spectrum_gap == 0
    assert perfect.agreement["kind"]["samples"] == perfect.agreement["kind"]["real"]
    grey = grade_samples(np.full((40, SIZE, SIZE, 3), 0.5), real, others, None, seed=0)
    far = grey.distances["untrained, 64 px"]
    assert far["samples"].frechet > 2 * far["real"].frechet
    assert far["samples"].c2st.mean > 0.9 and grey.agreement == {}
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


def test_larger_pictures_are_compared_at_both_sizes() -> None:
    one, other = halves(tiny_renders(range(16), size=128))
    rng = np.random.default_rng(0)
    real, others = examples(one, 12, rng, 128), examples(other, 12, rng, 128)
    found = grade_samples(np.stack([each.image for each in real]), real, others, Classifier(vocabulary(one)).eval(), 0)
    assert set(found.distances) == {"untrained, 128 px", "classifier, 64 px", "classifier, 128 px"}
    assert found.distances["classifier, 64 px"] != found.distances["classifier, 128 px"]
    assert samples.goals(found)[0].name == "C2ST, classifier, 64 px"


def test_samples_are_to_be_nearer_than_their_guides(guided: list[Example]) -> None:
    assert nearness(np.stack([each.image for each in guided]), [replace(each, guide=None) for each in guided]) is None
    perfect = nearness(np.stack([each.image for each in guided]), guided)
    assert perfect is not None and perfect.sample.mean == 0 and perfect.guide.mean > 0.01 and perfect.nearer == 1
    copied = np.stack([each.guide[:3].transpose(1, 2, 0) for each in guided if each.guide is not None])
    same = nearness(copied, guided)
    assert same is not None and same.further.mean == 0 and same.nearer == 0
    beside = np.stack([np.where(each.mask[..., None], each.image, 0) for each in guided])
    kept = nearness(beside, guided)
    assert kept is not None and kept.sample.mean == 0  # what is beside the object does not count


def test_speckle_is_held_against_the_photographs_own(guided: list[Example]) -> None:
    clean = np.stack([each.image for each in guided])
    noise = 0.1 * np.random.default_rng(0).normal(size=clean.shape)
    found = [grade_samples(images, guided, guided, None, 0) for images in (clean, (clean + noise).clip(0, 1))]
    goals = [next(goal for goal in samples.goals(each) if "speckle" in goal.name) for each in found]
    assert goals[0].met and goals[0].found == "1.00 x" and not goals[1].met
