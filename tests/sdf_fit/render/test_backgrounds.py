"""Backgrounds: the colour that was named, and variety around it."""

from __future__ import annotations

import torch

from sdf_fit.render.backgrounds import anything, around, plain
from sdf_fit.render.shading import linear_to_srgb, srgb_to_linear

BEIGE = (0.67, 0.58, 0.46)


def test_plain_is_exactly_its_colour() -> None:
    image = plain(BEIGE, 5)
    assert image.shape == (5, 5, 3)
    assert torch.equal(image, srgb_to_linear(torch.tensor(BEIGE)).expand(5, 5, 3))
    assert torch.allclose(linear_to_srgb(image), torch.tensor(BEIGE), atol=1e-6)


def test_around_stays_near_its_colour_in_three_ways() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = gradient = noise = 0
    for _ in range(60):
        image = linear_to_srgb(around(BEIGE, 24, generator))
        assert image.shape == (24, 24, 3) and image.isfinite().all()
        offset = image - torch.tensor(BEIGE)
        assert offset.mean((0, 1)).abs().max() < 0.08 and offset.abs().max() < 0.35
        if offset.abs().max() < 1e-4:
            flat += 1
        elif (offset - offset[..., :1]).abs().max() < 1e-4:  # a ramp is grey
            gradient += 1
        else:
            noise += 1
    assert min(flat, gradient, noise) > 8


def test_anything_covers_the_colours_and_stays_in_range() -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.stack([anything(8, generator) for _ in range(200)])
    assert images.min() >= 0 and images.max() <= 1
    means = linear_to_srgb(images).mean((1, 2))
    assert (means.amin(0) < 0.1).all() and (means.amax(0) > 0.9).all() and (means.std(0) > 0.2).all()


def test_one_generator_state_gives_one_background() -> None:
    first, second = (anything(16, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
