"""The closed form is the best estimate where theory knows it, and an untrained head adds nothing to it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill.controls import blank_guide, spread
from distill.priors.guide_head import (
    COLOR,
    LIGHT,
    OPPONENT,
    GuideHead,
    band_noise,
    closed_form,
    starlet,
    uncertainty,
)

SIZE = 32
WORDS = torch.zeros(2, 6)


def level(alpha: float, count: int = 2) -> tuple[Tensor, Tensor]:
    return torch.full((count, 1, 1, 1), alpha), torch.full((count, 1, 1, 1), (1 - alpha**2) ** 0.5)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_bands_add_up_to_the_picture_and_hold_as_much_noise_as_said() -> None:
    pictures = noise(64, 1, 64, 64)
    bands = starlet(pictures, 3)
    assert torch.allclose(torch.stack(bands).sum(dim=0), pictures, atol=1e-5)
    for band, gain in zip(bands, band_noise(3, 64), strict=True):
        assert float(band[..., 16:-16, 16:-16].var()) == pytest.approx(gain, rel=0.1)


def test_where_the_residual_is_white_the_estimate_is_that_of_every_pixel_alone() -> None:
    """x_0 ~ N(g, s²) without correlations: g + α s² / (α² s² + σ²) (x_t − α g), in every band the same share."""
    guide, x_t, (alpha, sigma) = noise(2, 3, SIZE, SIZE), noise(2, 3, SIZE, SIZE, seed=1), level(0.6)
    white = tuple(band_noise(5, SIZE))
    variance = torch.full((2, 1, SIZE, SIZE), 0.05)
    v = closed_form(x_t, alpha, sigma, guide, variance, white, white)
    clean = guide + alpha * 0.05 / (alpha**2 * 0.05 + sigma**2) * (x_t - alpha * guide)
    assert torch.allclose(v, (alpha * x_t - clean) / sigma, atol=1e-4)


def residuals(count: int) -> Tensor:
    """Pictures whose bands hold about what LIGHT and COLOR say of .05: noise, weighed band by band."""
    white = starlet(noise(count, 3, SIZE, SIZE, seed=3), len(LIGHT) - 1)
    turned = torch.zeros(count, 3, SIZE, SIZE)
    for band, light, color, gain in zip(white, LIGHT, COLOR, band_noise(len(LIGHT) - 1, SIZE), strict=True):
        turned += band * (0.05 * torch.tensor([light, color, color]) / gain).sqrt().view(1, 3, 1, 1)
    return torch.einsum("ji,bjhw->bihw", torch.tensor(OPPONENT), turned)


@pytest.mark.parametrize("alpha", [0.95, 0.7, 0.3])
def test_correlated_residuals_are_told_from_noise(alpha: float) -> None:
    x_0, (a, s) = residuals(64), level(alpha, 64)
    guide, variance = torch.zeros_like(x_0), torch.full((64, 1, SIZE, SIZE), 0.05)
    x_t = a * x_0 + s * noise(*x_0.shape, seed=4)
    white = tuple(band_noise(5, SIZE))
    wiener, alone = (
        (a * x_t - s * closed_form(x_t, a, s, guide, variance, *shares) - x_0).square().mean()
        for shares in ((LIGHT, COLOR), (white, white))
    )
    assert float(wiener) < 0.7 * float(alone) and float(wiener) < float(x_0.square().mean())


def test_colors_are_left_alone_more_than_light() -> None:
    """The noise that is left of pure noise is grey: colours of single pixels are hardly ever the photograph's."""
    x_t, (alpha, sigma) = noise(8, 3, SIZE, SIZE), level(0.8, 8)
    guide, variance = torch.zeros_like(x_t), torch.full((8, 1, SIZE, SIZE), 0.05)
    clean = alpha * x_t - sigma * closed_form(x_t, alpha, sigma, guide, variance)
    finest = starlet(clean, 1)[0]
    light, *colors = torch.einsum("ij,bjhw->ibhw", torch.tensor(OPPONENT), finest).square().mean(dim=(1, 2, 3))
    assert max(map(float, colors)) < 0.1 * float(light)


def test_a_sure_guide_is_kept_and_a_blank_one_is_not() -> None:
    alpha, sigma = level(0.7)
    guide = noise(2, 3, SIZE, SIZE, seed=5).clamp(-1, 1)
    x_t = alpha * guide + sigma * noise(2, 3, SIZE, SIZE)
    sure, unsure = (
        alpha * x_t - sigma * closed_form(x_t, alpha, sigma, guide, spread(torch.full((2, 1, SIZE, SIZE), known)))
        for known in (1.0, 0.0)
    )
    assert (sure - guide).square().mean().sqrt() < 0.03 and (unsure - guide).abs().mean() > 0.1


def test_what_is_wrong_with_the_object_does_not_spread_beside_it() -> None:
    alpha, sigma = level(0.6)
    known = torch.ones(2, 1, SIZE, SIZE)
    known[..., : SIZE // 2] = 0.31
    photo = torch.where(known < 1, 0.6, 0.0).expand(-1, 3, -1, -1)  # lighter all over than its guide
    x_t = alpha * photo + sigma * noise(2, 3, SIZE, SIZE)
    clean = alpha * x_t - sigma * closed_form(x_t, alpha, sigma, torch.zeros_like(photo), spread(known))
    assert clean[..., : SIZE // 2].mean() > 0.2 and clean[..., SIZE // 2 :].abs().max() < 0.05


def test_an_untrained_network_is_the_closed_form() -> None:
    head = GuideHead(patch=4, features=2, width=8, depth=1, words=6)
    x_t, controls, (alpha, sigma) = noise(2, 48, 8, 8), blank_guide(2, SIZE), level(0.7)
    seen: list[Tensor] = []

    def call(pixels: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        seen.append(pixels)
        return torch.cat([torch.zeros(2, 48, 8, 8), noise(2, 32, 8, 8)], dim=1)

    v = head(call, x_t, alpha, sigma, controls, WORDS)
    variance = spread(controls[:, 3:4])
    wanted = closed_form(F.pixel_shuffle(x_t, 4), alpha, sigma, 2 * controls[:, :3] - 1, variance)
    assert torch.allclose(F.pixel_shuffle(v, 4), wanted, atol=1e-5)
    assert seen[0].shape == (2, 160, 8, 8) and torch.equal(F.pixel_shuffle(seen[0], 4)[:, :3], F.pixel_shuffle(x_t, 4))


def test_what_is_added_counts_as_much_as_is_uncertain() -> None:
    """By the UNet's one everywhere, v changes by s / √(α² s² + σ²): little where the guide is sure."""
    head = GuideHead(patch=4, features=2, width=8, depth=1, words=6)
    controls, (alpha, sigma) = blank_guide(2, SIZE), level(0.7)
    controls[:, 3, :, : SIZE // 2] = 1.0
    x_t = noise(2, 48, 8, 8)
    without, with_ones = (
        F.pixel_shuffle(head(lambda *_, k=k: torch.full((2, 80, 8, 8), k), x_t, alpha, sigma, controls, WORDS), 4)
        for k in (0.0, 1.0)
    )
    scale = uncertainty(alpha, sigma, spread(controls[:, 3:4])).expand(-1, 3, -1, -1)
    assert torch.allclose(with_ones - without, scale, atol=1e-4)
    assert float(scale[..., 0].max()) < 0.03 and float(scale[..., -1].min()) > 0.5


@pytest.mark.parametrize("words", [6, None])
def test_words_act_at_every_pixel(words: int | None) -> None:
    torch.manual_seed(0)
    head = GuideHead(patch=4, features=2, width=8, depth=1, words=words)
    with torch.no_grad():
        for weight in head.parameters():
            weight.normal_(0, 0.1)
    said = WORDS.index_fill(0, torch.tensor([1]), 1.0)
    x_t, controls, (alpha, sigma) = noise(2, 48, 8, 8), blank_guide(2, SIZE), level(0.7)
    first, other = (
        F.pixel_shuffle(head(lambda *_: torch.zeros(2, 80, 8, 8), x_t, alpha, sigma, controls, bag), 4)
        for bag in (WORDS, said)
    )
    assert torch.equal(first[0], other[0])
    if words is None:
        assert torch.equal(first[1], other[1])
    else:
        assert ((first[1] - other[1]).abs() > 1e-6).float().mean() > 0.95
