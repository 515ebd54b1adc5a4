"""Pictures to grade by are spread evenly, and have guides where these are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.prior.held_out import embedded, examples, fitting, guidable, halves
from tests.benchmarks.prior.priors import SIZE, copyist, prior_of
from tests.training.tiny_world import tiny_renders
from training.pictures import Renders


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
    few = halves(tiny_renders(range(2)))  # one of each kind
    assert [len(part) for part in few] == [2, 2]


def test_guides_are_asked_for_and_only_of_what_can_have_them() -> None:
    renders = tiny_renders(range(4))
    known = list(renders.known or [])
    known[0] = None
    metas = [*renders.metas[:-1], renders.metas[-1] | {"transparent": False}]
    kept = guidable(Renders(renders.images, metas, known))
    assert len(kept) == len(renders) - 2 and kept.metas[0] == renders.metas[1]
    with pytest.raises(ValueError, match=r"none of 8 renders.*training\.conditions"):
        guidable(Renders(renders.images, renders.metas))
    shown = examples(kept, 3, np.random.default_rng(0), SIZE, guided=True)
    assert all(each.guide is not None and each.guide.shape == (7, SIZE, SIZE) for each in shown)
    plain = examples(kept, 3, np.random.default_rng(0), SIZE)
    assert all(each.guide is None for each in plain)
    prior = copyist()
    guides = [each.guide for each in shown[:2] if each.guide is not None]
    together = embedded(prior, ["a", "b"], guides=guides).controls
    assert together is not None and torch.equal(together, torch.from_numpy(np.stack(guides)))
    assert embedded(prior, ["a", "b"], guides=[None, None]).controls is None
    with pytest.raises(ValueError, match="1 guides for 2 captions"):
        embedded(prior, ["a", "b"], guides=[shown[0].guide, None])
