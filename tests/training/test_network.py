"""A new vocabulary keeps what words mean; saving a network keeps what the product reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from distill.controls import blank_guide
from distill.load import EMBEDDED
from distill.priors.guide_head import reduced_level
from training.network import (
    WORD_GAIN,
    Network,
    Shape,
    centre_words,
    create,
    grow,
    load,
    load_text,
    new_text_encoder,
    reworded,
    schedule,
    with_vocabulary,
)
from training.vocabulary import train_tokenizer

CAPTIONS = ["a photo of a red mushroom with white spots, grey background, side view", "a photo of a wooden guitar"]
SMALL = Shape(size=32, channels=(32, 64), features=2, width=8, depth=1)


def small() -> Network:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(CAPTIONS * 20)
    network = create(new_text_encoder(tokenizer, 48, 64, 2), tokenizer, SMALL)
    torch.nn.init.normal_(network.head.conv_out.weight, std=0.1)  # as if trained: it begins at nothing
    return network


def velocity(network: Network, captions: list[str], guides: torch.Tensor | None = None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    noise, t = schedule(), torch.tensor([100, 800][: len(captions)])
    x_t = torch.randn(len(captions), 48, 8, 8, generator=generator)
    seen = torch.rand(len(captions), 7, 32, 32, generator=generator) if guides is None else guides
    with torch.no_grad():
        return network.velocity(x_t, (noise.alpha(t), noise.sigma(t)), network.tokens(captions), seen)


def test_words_and_guides_act() -> None:
    network = small()
    there = velocity(network, CAPTIONS)
    assert there.shape == (2, 48, 8, 8) and network.size == 32 and network.patch == 4
    assert not torch.allclose(there, velocity(network, CAPTIONS[::-1]))
    assert not torch.allclose(there, velocity(network, CAPTIONS, torch.full((2, 7, 32, 32), 0.5)))


def added(network: Network, captions: list[str]) -> torch.Tensor:
    """What captions add to the time embedding."""
    with torch.no_grad():
        return network.unet.add_embedding(network.text_encoder(input_ids=network.tokens(captions))[0])


def test_captions_differ_from_the_first_step_on() -> None:
    network, captions = small(), [*CAPTIONS, "a photo of a red guitar", "a photo of white spots, side view"]
    assert added(network, captions).std(dim=0).mean() < 0.3  # much alike, at a length of 1
    centre_words(network, captions)
    found = added(network, captions)
    assert float(found.square().mean()) ** 0.5 == pytest.approx(WORD_GAIN, rel=0.05)
    cosines = torch.nn.functional.cosine_similarity(found[:, None], found[None], dim=-1)
    assert cosines.mean() < 0.1


def test_a_network_learns_words_anew_where_it_stands() -> None:
    network = small()
    before = added(network, CAPTIONS).mean(dim=0)
    tokenizer = train_tokenizer(["a photo of a blue mug, front view", *CAPTIONS] * 20)
    made = reworded(network, tokenizer, CAPTIONS)
    assert made.tokenizer is tokenizer and made.text_encoder.config.vocab_size == len(tokenizer)
    found = added(made, CAPTIONS)
    assert torch.nn.functional.cosine_similarity(found.mean(dim=0), before, dim=0) > 0.99
    assert float((found - before).square().mean()) ** 0.5 == pytest.approx(WORD_GAIN, rel=0.05)


def test_all_weights_are_there_to_be_trained() -> None:
    network = small()
    named = dict(network.named_parameters())
    parts = [network.unet, network.head, network.text_encoder]
    assert len(named) == sum(len(list(part.parameters())) for part in parts)
    assert {name.partition(".")[0] for name in named} == {"unet", "head", "text"}


def test_a_new_vocabulary_keeps_what_known_words_mean() -> None:
    encoder, before = load_text(EMBEDDED)
    encoder.eval()
    tokenizer = train_tokenizer([*CAPTIONS, "a photo of a blue mug, front view"] * 20)
    limit = encoder.config.max_position_embeddings
    known = "a photo of a red mushroom, grey background, side view"

    def read(reader: object, words: object) -> torch.Tensor:
        ids = words(known, return_tensors="pt")["input_ids"]  # type: ignore[operator]
        with torch.no_grad():
            return reader(input_ids=ids)[0]  # type: ignore[operator]

    old, new = read(encoder, before), read(with_vocabulary(encoder, before, tokenizer, limit).eval(), tokenizer)
    assert old.shape == new.shape and (old - new).abs().max() < 1e-3 * old.abs().max()
    longer = with_vocabulary(encoder, before, tokenizer, limit + 8).eval()
    assert longer.config.max_position_embeddings == limit + 8
    assert torch.allclose(read(longer, tokenizer), new, atol=1e-5)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    network = small()
    network.save(tmp_path)
    again = load(tmp_path)
    before, after = velocity(network, CAPTIONS), velocity(again, CAPTIONS)
    assert (before - after).abs().max() < 5e-3 * before.abs().max()
    assert {folder.name for folder in tmp_path.iterdir()} == {"unet", "head", "text_encoder", "tokenizer", "scheduler"}


@pytest.mark.parametrize("attention", [0, 1, 2])
def test_attention_begins_where_it_is_asked(attention: int) -> None:
    tokenizer = train_tokenizer(CAPTIONS * 20)
    network = create(new_text_encoder(tokenizer, 48, 64, 1), tokenizer, Shape(32, 4, (32, 64), attention, 2, 8, 1))
    kinds = network.unet.config["down_block_types"]
    assert [kind == "CrossAttnDownBlock2D" for kind in kinds] == [level >= attention for level in range(2)]


def test_the_schedule_is_the_embedded_priors() -> None:
    from distill.load import load_prior

    assert torch.allclose(schedule().alphas, load_prior("embedded", "cpu").schedule.alphas)


def test_a_grown_network_draws_without_a_guide_what_it_grew_from() -> None:
    """Its means of 2 x 2 pixels are the old one's clean picture at the noise that they have."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(CAPTIONS * 20)
    encoder = new_text_encoder(tokenizer, 48, 64, 2)
    old = create(encoder, tokenizer, SMALL).unet
    plain: Any = UNet2DConditionModel.from_config(old.config, in_channels=48, out_channels=48, sample_size=4)
    network = grow(plain, encoder, tokenizer, Shape(size=32, patch=8, features=2, width=8, depth=1, reduce=2))
    assert network.size == 32 and network.head.config["grown"] and dict(network.unet.config)["in_channels"] == 160
    with torch.no_grad():
        network.unet.conv_in.weight[:, 48:] = 0  # what it makes of a blank guide is new
    noise, t, tokens = schedule(), torch.tensor([400, 900]), network.tokens(CAPTIONS)
    level = noise.alpha(t), noise.sigma(t)
    x_t = torch.randn(2, 192, 4, 4, generator=torch.Generator().manual_seed(0))
    scale, alpha, sigma = reduced_level(*level, 2)
    small = F.pixel_unshuffle(F.avg_pool2d(F.pixel_shuffle(x_t, 8), 2) * scale, 4)
    with torch.no_grad():
        v = network.velocity(x_t, level, tokens, blank_guide(2, 32))
        drawn = plain(small, noise.timestep(alpha, sigma), encoder(input_ids=tokens)[0], return_dict=False)[0]
    means = F.avg_pool2d(F.pixel_shuffle(level[0] * x_t - level[1] * v, 8), 2)
    wanted = F.pixel_shuffle(alpha * small - sigma * drawn, 4)
    middle = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    coarse = F.avg_pool2d(means[middle], 4) - F.avg_pool2d(wanted[middle], 4)  # enlarging smooths single pixels
    assert coarse.abs().max() < 0.15 * float(wanted.std())
