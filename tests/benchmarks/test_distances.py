"""Distances of two sets against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.distances import (
    c2st,
    frechet,
    frechet_of_gaussians,
    kid,
    radial_spectrum,
    speckle,
    spectrum_gap,
    squared_mmd,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def rotation(rng: np.random.Generator, size: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def test_frechet_of_gaussians_with_common_axes(rng: np.random.Generator) -> None:
    """Then it is |m1 - m2|² + Σ (s1 - s2)² over the axes."""
    axes = rotation(rng, 6)
    mean_1, mean_2 = rng.normal(size=(2, 6))
    spread_1, spread_2 = rng.uniform(0.2, 3, (2, 6))
    found = frechet_of_gaussians(
        mean_1, axes @ np.diag(spread_1**2) @ axes.T, mean_2, axes @ np.diag(spread_2**2) @ axes.T
    )
    assert found == pytest.approx(np.square(mean_1 - mean_2).sum() + np.square(spread_1 - spread_2).sum())


def test_frechet_of_gaussians_with_axes_of_their_own(rng: np.random.Generator) -> None:
    """Tr (C1 C2)^½ is the sum of the roots of the eigenvalues of C1 C2."""
    one, other = (a @ a.T for a in rng.normal(size=(2, 5, 5)))
    roots = np.sqrt(np.linalg.eigvals(one @ other).real).sum()
    expected = np.trace(one) + np.trace(other) - 2 * roots
    assert frechet_of_gaussians(np.zeros(5), one, np.zeros(5), other) == pytest.approx(expected)
    assert frechet_of_gaussians(np.ones(5), one, np.ones(5), one) == pytest.approx(0, abs=1e-6)


def test_frechet_of_samples_comes_near_the_true_one(rng: np.random.Generator) -> None:
    first = rng.normal(size=(20000, 4))
    second = 1 + 2 * rng.normal(size=(20000, 4))
    assert frechet(first, second) == pytest.approx(4 * 1 + 4 * 1, rel=0.03)


def test_squared_mmd_is_the_sum_over_all_pairs(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 1

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float(x @ y / 3 + 1) ** 3

    own = [np.mean([kernel(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j]) for s in (first, second)]
    cross = np.mean([kernel(x, y) for x in first for y in second])
    assert squared_mmd(first, second) == pytest.approx(own[0] + own[1] - 2 * cross)


def test_squared_mmd_has_no_bias_and_the_known_value(rng: np.random.Generator) -> None:
    """In one dimension, N(0, 1) against N(m, 1): E (xy + 1)³ is the sum of binomial · E xᵏ · E yᵏ."""
    shift = 0.7

    def mean_kernel(m: float, n: float) -> float:
        def moments(mean: float) -> list[float]:
            return [1, mean, mean**2 + 1, mean**3 + 3 * mean]

        return sum(float(c * x * y) for c, x, y in zip((1, 3, 3, 1), moments(m), moments(n), strict=True))

    expected = mean_kernel(0, 0) + mean_kernel(shift, shift) - 2 * mean_kernel(0, shift)
    draws = [squared_mmd(rng.normal(size=(40, 1)), shift + rng.normal(size=(40, 1))) for _ in range(3000)]
    assert np.mean(draws) == pytest.approx(expected, abs=4 * np.std(draws) / np.sqrt(len(draws)))
    nothing = [squared_mmd(rng.normal(size=(20, 1)), rng.normal(size=(30, 1))) for _ in range(3000)]
    assert abs(np.mean(nothing)) < 4 * np.std(nothing) / np.sqrt(len(nothing))


def test_kid_of_one_distribution_is_nothing_and_of_two_is_something(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=(2, 400, 8))
    same = kid(first, second, rng)
    assert abs(same.mean) < same.deviation
    other = kid(first, second + 0.7, rng)
    assert other.mean > 4 * other.deviation


def test_kid_follows_its_seed() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 30, 4))
    assert kid(first, second, np.random.default_rng(1)) == kid(first, second, np.random.default_rng(1))


def test_kid_of_too_few_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="sets of 3 and 40 features: no subsets of 1"):
        kid(rng.normal(size=(3, 4)), rng.normal(size=(40, 4)), rng)


def test_c2st_cannot_tell_a_set_from_its_like(rng: np.random.Generator) -> None:
    pairs = [rng.normal(size=(2, 80, 16)) for _ in range(20)]
    found = [c2st(first, second, rng) for first, second in pairs]
    means = np.array([each.mean for each in found])
    assert means.mean() == pytest.approx(0.5, abs=4 * means.std() / np.sqrt(len(means)))
    assert np.mean([each.error for each in found]) == pytest.approx(means.std(), rel=0.5)


def test_c2st_of_two_gaussians_is_what_the_best_rule_reaches(rng: np.random.Generator) -> None:
    """Half their distance from the middle: Φ(d / 2), sets of unequal size counting alike."""
    first, second = rng.normal(size=(2000, 4)), rng.normal(size=(500, 4))
    second[:, 0] += 1.5
    found = c2st(first, second, rng)
    assert found.mean == pytest.approx(norm.cdf(0.75), abs=4 * found.error)
    assert found.error < 0.02


def test_c2st_keeps_the_pictures_of_an_object_together(rng: np.random.Generator) -> None:
    """Ten pictures of each object, all alike: who has seen some of them knows the rest, though the two sets'
    objects are of one distribution."""
    objects = rng.normal(size=(60, 40))
    features = np.repeat(objects, 10, axis=0) + 0.01 * rng.normal(size=(600, 40))
    names = np.repeat(np.arange(60), 10)
    assert c2st(features[:300], features[300:], rng).mean > 0.9
    found = c2st(features[:300], features[300:], rng, groups=(names[:300], names[300:]))
    assert found.mean == pytest.approx(0.5, abs=3 * found.error) and found.error > 0.03


def test_c2st_wants_a_name_for_each(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=(2, 10, 3))
    with pytest.raises(ValueError, match="a group for each fold"):
        c2st(first, second, rng, groups=(np.zeros(10), np.ones(10)))


def test_a_spectrum_shows_a_wave_where_it_is() -> None:
    x = np.arange(64) / 64
    wave = 0.5 + 0.3 * np.cos(2 * np.pi * 9 * x)
    images = np.broadcast_to(wave[None, None, :, None], (1, 64, 64, 3))
    assert radial_spectrum(images).argmax() + 1 == 9


def test_the_spectrum_gap_of_noise_is_the_ratio_of_its_strength(rng: np.random.Generator) -> None:
    noise = rng.normal(size=(200, 32, 32, 3))
    assert spectrum_gap(0.5 + 0.2 * noise, 0.5 + 0.1 * noise) == pytest.approx(20 * np.log10(2))
    assert spectrum_gap(0.1 * noise[:100], 0.1 * noise[100:]) < 1


@pytest.mark.parametrize("measure", [squared_mmd, frechet])
def test_features_that_do_not_fit_are_refused(measure) -> None:
    with pytest.raises(ValueError, match=r"\(5, 3\) and \(5, 4\)"):
        measure(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="not finite"):
        measure(np.full((5, 3), np.nan), np.zeros((5, 3)))


def waves(length: float, channel: int | None, amplitude: float = 0.1) -> np.ndarray:
    """A grey picture with waves of so many pixels along its rows, in one channel, or in brightness if None."""
    wave = amplitude * np.cos(2 * np.pi * np.arange(96) / length)
    picture = np.full((1, 96, 96, 3), 0.5)
    picture[..., slice(None) if channel is None else channel] += wave[:, None] if channel is None else wave
    return picture


def test_speckle_is_colour_at_two_pixels_and_hardly_at_longer_waves() -> None:
    masks = np.ones((1, 96, 96), bool)
    finest = speckle(waves(2, 0), masks)
    # Cb and Cr change by .1687 and .5 of red's; a wave of two pixels is ±amplitude everywhere
    assert finest == pytest.approx(0.1**2 * (0.1687**2 + 0.5**2), rel=1e-6)
    assert speckle(waves(4, 0), masks) == pytest.approx(finest / 2 * 0.0625, rel=0.05)
    assert speckle(waves(8, 0), masks) < 2e-3 * finest
    assert speckle(waves(2, None), masks) < 1e-6 * finest  # brightness alone
    assert speckle(waves(2, 0).swapaxes(1, 2), masks) == pytest.approx(finest)


def test_speckle_counts_inside_of_the_masks_alone() -> None:
    picture, mask = np.full((1, 96, 96, 3), 0.5), np.zeros((1, 96, 96), bool)
    mask[:, 20:60, 20:60] = True
    picture[:, :, :20] = waves(2, 2)[:, :, :20]
    assert speckle(picture, mask) == 0
    picture[:, 30:50] = waves(2, 2)[:, 30:50]
    assert speckle(picture, mask) > 1e-4
    with pytest.raises(ValueError, match="two pixels inside"):
        speckle(picture, mask & False)
