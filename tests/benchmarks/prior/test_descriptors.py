"""Directions held against priors that know the artefacts, or nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.prior import descriptors
from benchmarks.prior.descriptors import corrupted
from benchmarks.prior.descriptors import grade_descriptors as cosines_of
from benchmarks.prior.held_out import Example
from tests.benchmarks.prior.priors import SIZE, copyist, prior_of
from training.corruptions import DESCRIPTORS


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
    (goal,) = descriptors.goals(found)
    assert goal.found == "1 of 10" and not goal.met and "blurry" in descriptors.report(found)


def test_a_prior_that_knows_nothing_fails(pictures: list[Example]) -> None:
    def noise(prompt: str) -> Tensor:
        return torch.rand(SIZE, SIZE, 3, generator=torch.Generator().manual_seed(sum(prompt.encode())))

    found = cosines_of(prior_of(noise), pictures)
    assert sum(each.passes for each in found.values()) <= 2
    assert all(abs(each.own.mean) < 0.1 for each in found.values())


def test_a_prior_that_goes_the_wrong_way_does_not_pass(pictures: list[Example], halved: None) -> None:
    found = cosines_of(prior_of(lambda prompt: np.full((SIZE, SIZE, 3), 0.9 if "noisy" in prompt else 0.2)), pictures)
    assert found["noisy"].own.mean < -0.5 and not found["noisy"].passes


def test_under_a_guide_all_beside_the_object_stays_clean(guided: list[Example], halved: None) -> None:
    for each in guided:
        spoilt = corrupted(each, "noisy", 1.0, np.random.default_rng(0))
        coverage = each.framed.coverage
        assert coverage is not None
        beside, inside = coverage[..., 0] == 0, coverage[..., 0] == 1
        assert beside.any() and np.array_equal(spoilt[beside], each.image[beside])
        assert np.allclose(spoilt[inside], each.image[inside] / 2)
    assert np.array_equal(corrupted(replace(guided[0], guide=None), "noisy", 1.0, np.random.default_rng(0)),
                          guided[0].image / 2)  # fmt: skip


def test_cosines_are_taken_under_the_guide(guided: list[Example], halved: None) -> None:
    """Words that act without a guide alone do nothing under one."""
    found = cosines_of(copyist(lambda prompt: np.full((SIZE, SIZE, 3), 0.1 if "noisy" in prompt else 0.9)), guided)
    assert found["noisy"].own.mean == 0 and not found["noisy"].passes
