"""Growing a network keeps what it does; saving it keeps what the product reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distill.load import EMBEDDED
from training.network import Network, create, load, schedule, widened, with_vocabulary
from training.vocabulary import train_tokenizer

CAPTIONS = ["a photo of a red mushroom with white spots, grey background, side view", "a photo of a wooden guitar"]


@pytest.fixture(scope="module")
def embedded() -> Network:
    return load(EMBEDDED)


def velocity(network: Network, captions: list[str], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x_t = torch.randn(len(captions), 48, 16, 16, generator=generator)
    t = torch.tensor([100, 800][: len(captions)])
    with torch.no_grad():
        return network.velocity(x_t, t, network.tokens(captions))


def small() -> Network:
    torch.manual_seed(0)
    return create(train_tokenizer(CAPTIONS * 20), channels=(32, 64), text=(64, 2), max_tokens=48)


def test_twice_as_wide_is_the_same_function() -> None:
    network = small()
    wide = widened(network)
    assert wide.unet.config["block_out_channels"] == (64, 128)
    before, after = velocity(network, CAPTIONS), velocity(wide, CAPTIONS)
    assert (before - after).abs().max() < 1e-4 * before.abs().max()


def test_the_two_copies_of_a_channel_learn_different_things() -> None:
    wide = widened(small())
    x_t, t = torch.randn(2, 48, 16, 16), torch.tensor([100, 800])
    wide.velocity(x_t, t, wide.tokens(CAPTIONS)).square().mean().backward()
    gradient = wide.unet.down_blocks[0].resnets[0].conv1.weight.grad
    first, second = gradient[0::2], gradient[1::2]
    assert (first - second).abs().mean() > 0.05 * first.abs().mean()


def test_a_new_vocabulary_keeps_what_known_words_mean(embedded: Network) -> None:
    tokenizer = train_tokenizer([*CAPTIONS, "a photo of a blue mug, front view"] * 20)
    other = with_vocabulary(embedded, tokenizer, embedded.max_tokens)
    known = ["a photo of a red mushroom, grey background, side view"]
    before, after = velocity(embedded, known), velocity(other, known)
    assert (before - after).abs().max() < 1e-3 * before.abs().max()
    longer = with_vocabulary(embedded, tokenizer, embedded.max_tokens + 8)
    assert longer.tokens(known).shape == (1, embedded.max_tokens + 8)
    similarity = torch.cosine_similarity(velocity(longer, known).flatten(), before.flatten(), dim=0)
    assert similarity > 0.98


def test_what_is_saved_is_what_the_product_reads(tmp_path: Path) -> None:
    network = small()
    network.save(tmp_path)
    again = load(tmp_path)
    before, after = velocity(network, CAPTIONS), velocity(again, CAPTIONS)
    assert (before - after).abs().max() < 5e-3 * before.abs().max()
    assert list((tmp_path / "unet").glob("*.safetensors")) and (tmp_path / "scheduler").is_dir()


def test_the_schedule_is_the_embedded_priors() -> None:
    from distill.load import load_prior

    assert torch.allclose(schedule().alphas, load_prior("embedded", "cpu").schedule.alphas)
