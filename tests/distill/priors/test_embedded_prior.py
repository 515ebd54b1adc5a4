"""The prior in the package: it loads, knows its words, and draws what it is asked for."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from distill.card import PriorCard, read_card
from distill.ddim import sample_ddim
from distill.load import EMBEDDED, load_prior
from distill.precision import cpu_has_bfloat16
from distill.prior import PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.prompts import PromptTable

PROMPTS = (
    "a photo of a red apple, white background, front view",
    "a photo of a blue vase, white background, front view",
)


@pytest.fixture(scope="module")
def prior() -> DiffusersPrior:
    return load_prior("embedded", "cpu", "float32")


@pytest.fixture(scope="module")
def embeds(prior: DiffusersPrior) -> PromptEmbeds:
    return prior.embed([*PROMPTS, ""])


@pytest.fixture(scope="module")
def samples(prior: DiffusersPrior, embeds: PromptEmbeds) -> torch.Tensor:
    """Four red apples, then four blue vases, as x."""
    generator = torch.Generator().manual_seed(0)
    return sample_ddim(prior, embeds[[0] * 4 + [1] * 4], embeds[2:], generator, steps=20)


def test_it_says_what_it_is(prior: DiffusersPrior) -> None:
    assert (prior.shape, prior.bounded, prior.card.max_tokens) == ((48, 16, 16), True, 56)
    assert len(prior.schedule) == 1000
    assert prior.card.cameras is not None and prior.card.cameras.fovy == 38
    automatic = load_prior().dtype if not torch.cuda.is_available() else None
    assert automatic in (None, torch.bfloat16 if cpu_has_bfloat16() else torch.float32)


def test_it_draws_the_colours_it_is_asked_for(prior: DiffusersPrior, samples: torch.Tensor) -> None:
    images = prior.decode(samples)
    assert images.shape == (8, 64, 64, 3)
    red_over_blue = (images[..., 0] - images[..., 2]).mean((1, 2))
    assert red_over_blue[:4].min() > 0.1
    assert red_over_blue[4:].max() < 0
    assert images.std() > 0.1


def test_the_right_caption_denoises_better(
    prior: DiffusersPrior, embeds: PromptEmbeds, samples: torch.Tensor
) -> None:
    noise = torch.randn(samples.shape, generator=torch.Generator().manual_seed(1))
    t = torch.full((8,), 950)
    x_t = prior.schedule.add_noise(samples, t, noise)

    def error(captions: list[int]) -> torch.Tensor:
        return (prior.predict_noise(x_t, t, embeds[captions]) - noise).square().mean((1, 2, 3))

    right, wrong = error([0] * 4 + [1] * 4), error([1] * 4 + [0] * 4)
    assert right[:4].mean() < wrong[:4].mean() and right[4:].mean() < wrong[4:].mean()


def test_sampling_follows_the_seed(prior: DiffusersPrior, embeds: PromptEmbeds) -> None:
    first, second, other = (
        sample_ddim(prior, embeds[[0]], embeds[2:], torch.Generator().manual_seed(seed), steps=2)
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert first.abs().max() <= 1
    with pytest.raises(ValueError, match="steps is 0"):
        sample_ddim(prior, embeds[[0]], embeds[2:], torch.Generator(), steps=0)


def test_every_prompt_of_a_job_fits_its_tokens() -> None:
    table = PromptTable(load_prior("embedded", "cpu"), "a red mushroom with white spots")
    assert table.warnings == ()
    assert all(pair.cut == () for pair in table.pairs.values())


def test_nearly_each_word_of_the_card_is_one_token(prior: DiffusersPrior) -> None:
    assert set(prior.card.words) == {"objects", "colors", "materials", "details"}
    words = [word for sort in prior.card.words.values() for word in sort]
    pieces = [len(prior.tokenize(word)) - 2 for word in words]
    assert pieces.count(1) > 0.95 * len(pieces)
    assert len(words) == len(set(words)) and "mushroom" in prior.card.objects


def test_a_broken_card_names_the_file_and_the_field(tmp_path: Path) -> None:
    card = json.loads((EMBEDDED / "prior.json").read_text(encoding="utf-8"))
    path = tmp_path / "prior.json"
    path.write_text(json.dumps({**card, "backgrounds": {"white": [1]}}), encoding="utf-8")
    with pytest.raises(ValueError, match="not a prior's card"):
        read_card(path)
    del card["views"]
    path.write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ValueError, match="field 'views' is missing"):
        read_card(path)


def test_a_style_without_a_card_is_stable_diffusions() -> None:
    card = PriorCard(resolution=512, max_tokens=77)
    assert card.order[-1] == "view" and card.defaults.sds_guidance_scale == 100


def test_the_sampling_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "out" / "apples.png"
    script = Path(__file__).parents[3] / "examples" / "05_sample_the_prior.py"
    monkeypatch.setattr(sys, "argv", [str(script), "a red apple", str(picture), "--steps", "4"])
    runpy.run_path(str(script), run_name="__main__")
    assert Image.open(picture).size == (256, 64)
