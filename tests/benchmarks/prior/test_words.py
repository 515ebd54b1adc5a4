"""What captions say to a prior: retrieval, and what another picture's caption costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.prior import captions, retrieval
from benchmarks.prior.held_out import Example, examples
from benchmarks.prior.retrieval import CHOICES, grade_retrieval, with_article, with_word
from tests.benchmarks.prior.priors import SIZE, copyist, prior_of
from tests.training.tiny_world import tiny_renders


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

    found = grade_retrieval(prior_of(picture_of), shown, words, count=10, draws=4)
    assert found["color"].accuracy.mean == 1 and found["color"].chance == 0.5 and found["color"].pictures == 10
    assert found["kind"].accuracy.mean < 1  # of equals, the first wins, and their order is drawn
    assert "material" not in found  # one word is no choice


def test_a_guide_that_decides_leaves_nothing_to_the_words() -> None:
    shown = examples(tiny_renders(range(12)), 12, np.random.default_rng(1), SIZE, guided=True)
    prior = copyist(lambda prompt: np.full((SIZE, SIZE, 3), 0.9 if "blue" in prompt else 0.1))
    words = {"color": ["blue", "red"]}
    found = (
        grade_retrieval(prior, shown, words, 12, 2)["color"],
        grade_retrieval(prior, retrieval.unguided(shown), words, 12, 2)["color"],
    )
    assert found[0] != found[1]
    picture = shown[0]
    question = retrieval.question(prior, picture, "color", ["blue", "red"], np.random.default_rng(0))
    assert question is not None
    errors = retrieval.errors(prior, question, 3, torch.Generator().manual_seed(0))
    assert errors[0] == pytest.approx(errors[1], rel=1e-6)


def test_the_right_word_stands_against_a_few_others() -> None:
    (one, *_) = examples(tiny_renders(range(1)), 1, np.random.default_rng(3), SIZE)
    words = [f"word{i}" for i in range(20)] + ["red"]
    prior = prior_of(lambda prompt: np.zeros((SIZE, SIZE, 3)))
    asked = [retrieval.question(prior, one, "color", words, np.random.default_rng(seed)) for seed in range(20)]
    assert all(each is not None and len(set(each.captions)) == CHOICES for each in asked)
    assert all(each and each.captions[each.answer] == one.caption for each in asked)
    assert len({each.answer for each in asked if each}) > 3  # its place is drawn
    assert retrieval.question(prior, one, "color", words[:20], np.random.default_rng(0)) is None


def test_a_word_stays_as_it_was_said() -> None:
    (one, *_) = examples(tiny_renders(range(1)), 1, np.random.default_rng(3), SIZE)
    knitted = replace(one, meta=one.meta | {"phrase": "a red knitted disc", "material": "woollen"})
    assert with_word("", knitted, "material", "woollen").startswith("a red knitted disc, ")
    assert with_word("", knitted, "material", "stone").startswith("a red stone disc, ")


def test_another_picture_s_caption_costs_what_the_words_say(pictures: list[Example], guided: list[Example]) -> None:
    by_caption = {each.caption: each.image for each in pictures}
    found = captions.grade_captions(prior_of(lambda prompt: by_caption.get(prompt, np.zeros((SIZE, SIZE, 3)))),
                                    pictures, draws=3)  # fmt: skip
    assert found.gap.mean == pytest.approx(found.other.mean - found.right.mean)
    assert captions.goals(found)[0].met and found.unguided == found.right
    held = captions.grade_captions(copyist(), guided, draws=3)
    assert held.gap.mean == 0 and not captions.goals(held)[0].met
    assert held.unguided.mean > 2 * held.right.mean


def test_captions_with_another_word() -> None:
    (one, *_) = examples(tiny_renders(range(1)), 1, np.random.default_rng(3), SIZE)
    around = f"{one.framed.surroundings}, {one.framed.view}"
    assert one.caption == f"a photo of a red wooden disc{around}"
    assert with_word("a photo of ", one, "kind", "apple") == f"a photo of an apple{around}"
    assert with_word("a photo of ", one, "color", "orange") == f"a photo of an orange wooden disc{around}"
    assert with_word("a photo of ", one, "material", "stone") == f"a photo of a red stone disc{around}"
    assert with_word("a photo of ", one, "material", "wooden") == one.caption
    assert with_article("a apple") == "an apple" and with_article("rusty iron mug") == "a rusty iron mug"
