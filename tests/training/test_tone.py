"""Captions that say how a photograph differs from its guide are heard before any training."""

from __future__ import annotations

import torch

from distill.controls import KNOWN, PICTURE, blank_guide
from tests.training.test_network import small, velocity
from training.examples import Batch
from training.network import Network, schedule
from training.tone import fit_tone

SIZE = 32
DIFFERENCE = {"a photo of a red mushroom": 0.3, "a photo of a wooden mushroom": -0.2}  # of the picture from its guide


def batch(generator: torch.Generator, count: int = 8) -> Batch:
    """Squares before their guides' backgrounds, lighter or darker than their guides as the caption says."""
    guides = blank_guide(count, SIZE)
    guides[:, PICTURE] = torch.rand(count, 3, 1, 1, generator=generator)
    guides[:, KNOWN] = 1.0
    guides[:, KNOWN, 8:24, 8:24] = 0.31
    guides[:, 6, 8:24, 8:24] = 1.0
    captions = [list(DIFFERENCE)[i % 2] for i in range(count)]
    differences = torch.tensor([DIFFERENCE[caption] for caption in captions]).view(-1, 1, 1, 1)
    there = (guides[:, KNOWN] < 1).float()
    noise = 0.1 * torch.randn(count, 3, 1, 1, generator=generator)
    return Batch(2 * guides[:, PICTURE] - 1 + there * (differences + noise), guides, captions)


def fitted() -> Network:
    generator = torch.Generator().manual_seed(0)
    network = small()
    torch.nn.init.zeros_(network.head.conv_out.weight)
    fit_tone(network, [batch(generator) for _ in range(8)])
    return network


def test_the_best_guess_in_pure_noise_is_what_the_caption_says() -> None:
    network, seen = fitted(), batch(torch.Generator().manual_seed(5), 4)
    v = velocity_at_most_noise(network, seen.captions, seen.guides)
    body = (seen.guides[:, KNOWN] < 1).expand(-1, 3, -1, -1)
    difference = v - (2 * seen.guides[:, PICTURE] - 1)
    for row, there, caption in zip(difference, body, seen.captions, strict=True):
        assert abs(float(row[there].mean()) - DIFFERENCE[caption]) < 0.1
        assert float(row[~there].abs().max()) < 0.05  # beside the body the guide is right


def velocity_at_most_noise(network: Network, captions: list[str], guides: torch.Tensor) -> torch.Tensor:
    """The clean pictures that the network expects where nothing else is to be seen."""
    noise, t = schedule(), torch.full((len(captions),), 999)
    level = noise.alpha(t), noise.sigma(t)
    x_t = torch.randn(len(captions), 48, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        v = network.velocity(x_t, level, network.tokens(captions), guides)
    return torch.nn.functional.pixel_shuffle(level[0] * x_t - level[1] * v, 4)


def test_a_head_without_a_tone_keeps_to_its_guide() -> None:
    network, captions = small(), list(DIFFERENCE)
    seen = batch(torch.Generator().manual_seed(5), 2)
    before = velocity(network, captions, seen.guides)
    torch.nn.init.normal_(network.head.tone.weight)
    assert not torch.allclose(before, velocity(network, captions, seen.guides))
    torch.nn.init.zeros_(network.head.tone.weight)
    torch.nn.init.zeros_(network.head.tone.bias)
    assert torch.equal(before, velocity(network, captions, seen.guides))
