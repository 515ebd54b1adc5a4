"""Prompts: their grammar, what is cut and what never is, view words, and the table of a job."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from distill.card import SOURCE_SUFFIX, TARGET_SUFFIX, PriorCard, read_card
from distill.load import EMBEDDED
from distill.priors.gaussian import GaussianPrior
from distill.prompts import PromptError, PromptTable, build_prompts, view_word, without_quality
from tests.distill.gaussian import STD, mean_of, schedule

STABLE_DIFFUSION = PriorCard(resolution=4, max_tokens=77)
OWN = read_card(EMBEDDED / "prior.json")
MUSHROOM = "a red mushroom with white spots"


def prior_of(card: PriorCard) -> GaussianPrior:
    return GaussianPrior(mean_of, STD, schedule(), card)


def test_the_embedded_priors_caption_grammar() -> None:
    pair = build_prompts(prior_of(OWN), MUSHROOM, "side view", "grey")
    start = "a photo of a red mushroom with white spots, grey background, side view"
    assert pair.target == start + TARGET_SUFFIX
    assert pair.source == start + SOURCE_SUFFIX
    assert pair.cut == ()


def test_stable_diffusion_has_the_view_last_and_no_background() -> None:
    pair = build_prompts(prior_of(STABLE_DIFFUSION), MUSHROOM, "back view", "grey")
    assert pair.target == MUSHROOM + TARGET_SUFFIX + ", back view"
    assert pair.source == MUSHROOM + SOURCE_SUFFIX + ", back view"


@pytest.mark.parametrize(
    "start", ["a photo of", "A photo of", "a DSLR photo of", "photograph of", "an image of"]
)
def test_a_photo_is_not_announced_twice(start: str) -> None:
    pair = build_prompts(prior_of(OWN), f"{start} {MUSHROOM}")
    assert pair.target == f"{start} {MUSHROOM}{TARGET_SUFFIX}"


def test_the_source_drops_the_users_quality_words() -> None:
    pair = build_prompts(prior_of(OWN), f"{MUSHROOM}, High Quality, 4k, sharp", "front view")
    assert "High Quality, 4k, sharp" in pair.target
    assert pair.source == f"a photo of {MUSHROOM}, front view{SOURCE_SUFFIX}"


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [
        ("a sharp knife", "a sharp knife"),
        ("a highly detailed mug, sharp focus", "a mug"),
        ("sharp", "sharp"),
        ("a mug, detailed, blue", "a mug, blue"),
    ],
)
def test_quality_words_leave_the_objects_own_words_alone(prompt: str, kept: str) -> None:
    assert without_quality(prompt) == kept


def test_a_domain_is_told_to_the_source_alone() -> None:
    pair = build_prompts(prior_of(STABLE_DIFFUSION), MUSHROOM, domain="painting")
    assert pair.source.endswith("malformed, painting")
    assert "painting" not in pair.target


@pytest.mark.parametrize("card", [OWN, STABLE_DIFFUSION], ids=["embedded", "stable diffusion"])
def test_over_the_limit_the_users_last_words_are_cut_and_named(card: PriorCard) -> None:
    prior = prior_of(card)
    long = MUSHROOM + " " + " ".join(f"word{i}" for i in range(80))
    pair = build_prompts(prior, long, "overhead view", "grey")
    assert pair.cut and pair.cut[-1] == "word79"
    assert pair.source.count(SOURCE_SUFFIX) == pair.target.count(TARGET_SUFFIX) == 1
    assert "overhead view" in pair.target and "overhead view" in pair.source
    assert max(len(prior.tokenize(text)) for text in (pair.target, pair.source)) <= card.max_tokens
    kept = long.split()[: -len(pair.cut)]
    assert " ".join(kept) in pair.target and " ".join(kept) in pair.source


def test_no_room_for_a_single_word_is_an_error() -> None:
    with pytest.raises(PromptError, match="no word of 'mushroom'"):
        build_prompts(prior_of(replace(OWN, max_tokens=20)), "mushroom")


def test_two_prompts_that_read_the_same_are_an_error() -> None:
    card = replace(STABLE_DIFFUSION, target_suffix=", foggy", source_suffix=",  foggy")
    with pytest.raises(PromptError, match="same tokens"):
        build_prompts(prior_of(card), MUSHROOM)


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_an_error(prompt: str) -> None:
    with pytest.raises(PromptError, match="empty"):
        build_prompts(prior_of(OWN), prompt)


def test_an_unknown_background_is_an_error_that_names_the_known() -> None:
    with pytest.raises(ValueError, match="beige, black, blue"):
        build_prompts(prior_of(OWN), MUSHROOM, background="tartan")


@pytest.mark.parametrize(
    ("azimuth", "elevation", "close_up", "word"),
    [
        (0, 0, False, "front view"),
        (45, 10, False, "front view"),
        (-45, 10, False, "front view"),
        (46, 10, False, "side view"),
        (-90, 10, False, "side view"),
        (134, 10, False, "side view"),
        (135, 10, False, "back view"),
        (180, 10, False, "back view"),
        (225, 10, False, "back view"),
        (315, 10, False, "front view"),
        (720, 10, False, "front view"),
        (180, 60, False, "back view"),
        (180, 61, False, "overhead view"),
        (0, 75, True, "close-up"),
    ],
)
def test_view_words(azimuth: float, elevation: float, close_up: bool, word: str) -> None:
    assert view_word(OWN, azimuth, elevation, close_up) == word


def test_a_prior_without_a_word_for_close_ups_names_the_side() -> None:
    assert view_word(STABLE_DIFFUSION, 90, 0, close_up=True) == "side view"


def test_the_table_holds_every_view_on_every_background() -> None:
    prior = prior_of(OWN)
    table = PromptTable(prior, MUSHROOM)
    assert len(table.embeds) == 6 * 9 * 2 + 2
    batch = table.batch(["front view", "close-up", None], ["white", None, None])
    expected = [
        build_prompts(prior, MUSHROOM, *key)
        for key in (("front view", "white"), ("close-up", None), (None, None))
    ]
    assert torch.equal(batch.target.hidden, prior.embed([pair.target for pair in expected]).hidden)
    assert torch.equal(batch.source.hidden, prior.embed([pair.source for pair in expected]).hidden)
    assert torch.equal(batch.unconditional.hidden, prior.embed([""] * 3).hidden)
    assert table.warnings == ()


def test_the_table_of_a_prior_without_backgrounds_takes_any() -> None:
    table = PromptTable(prior_of(STABLE_DIFFUSION), MUSHROOM)
    assert table.lookup("front view", "tartan") == table.lookup("front view", None)


def test_the_table_names_what_it_knows() -> None:
    with pytest.raises(KeyError, match="overhead view"):
        PromptTable(prior_of(OWN), MUSHROOM).lookup("view from below", "white")


def test_cut_words_and_unknown_objects_are_warned_of() -> None:
    table = PromptTable(prior_of(OWN), "a red zeppelin " + "very " * 60 + "huge")
    assert len(table.warnings) == 2
    assert "very huge" in table.warnings[0]
    assert "zeppelin" in table.warnings[1] and "lighthouse" in table.warnings[1]
    assert PromptTable(prior_of(OWN), "two mushrooms").warnings == ()
    assert PromptTable(prior_of(STABLE_DIFFUSION), "a red zeppelin").warnings == ()
