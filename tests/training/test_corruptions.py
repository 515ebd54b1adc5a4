"""Each descriptor's operation does what its word says, more so with more severity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from training.corruptions import DESCRIPTORS, SYNONYMS, WHOLE_LISTS, corrupt, painterly, random_corruption


def picture(size: int = 64, seed: int = 0) -> np.ndarray:
    """A red ball with grain on a grey ground."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    inside = (x**2 + y**2 < 0.09)[..., None]
    image = np.where(inside, [0.7, 0.25, 0.2], [0.5, 0.5, 0.5]) * (0.8 + 0.4 * (0.5 - y)[..., None])
    grain = gaussian_filter(rng.normal(size=(size, size)), 0.7)[..., None] * 0.06
    return np.clip(image + grain, 0, 1).astype(np.float32)


def detail(image: np.ndarray) -> float:
    return float(np.abs(image - gaussian_filter(image, (1, 1, 0))).mean())


def saturation(image: np.ndarray) -> float:
    return float((image.max(-1) - image.min(-1)).mean())


def contrast(image: np.ndarray) -> float:
    return float(image.std())


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
@pytest.mark.parametrize("size", [64, 128])
def test_changes_the_picture_and_keeps_its_range(descriptor: str, size: int) -> None:
    clean = picture(size)
    changes = []
    for severity in (0.15, 1.0):
        spoilt = corrupt(clean, descriptor, severity, np.random.default_rng(1))
        assert spoilt.shape == clean.shape and spoilt.dtype == np.float32
        assert spoilt.min() >= 0 and spoilt.max() <= 1
        changes.append(np.abs(spoilt - clean).mean())
    assert 0.001 < changes[0] < changes[1]


@pytest.mark.parametrize(
    ("descriptor", "measure", "grows"),
    [
        ("oversaturated", saturation, True),
        ("smooth", detail, False),
        ("blurry", detail, False),
        ("noisy", detail, True),
        ("foggy", contrast, False),
        ("hazy", contrast, False),
    ],
)
def test_does_what_its_word_says(descriptor: str, measure, grows: bool) -> None:
    clean = picture()
    spoilt = corrupt(clean, descriptor, 0.5, np.random.default_rng(1))
    assert (measure(spoilt) > 1.2 * measure(clean)) if grows else (measure(spoilt) < measure(clean) / 1.2)


def test_pixels_of_a_pixelated_picture_are_few() -> None:
    spoilt = corrupt(picture(), "pixelated", 1.0, np.random.default_rng(1))
    assert len(np.unique(spoilt.reshape(-1, 3), axis=0)) <= 13**2


def test_a_cartoon_has_few_tones() -> None:
    spoilt = corrupt(picture(), "cartoon", 1.0, np.random.default_rng(1))
    _, counts = np.unique(np.round(spoilt.reshape(-1, 3), 3), axis=0, return_counts=True)
    assert np.sort(counts)[::-1][:12].sum() > 0.8 * counts.sum()


def test_a_word_nobody_knows_is_named() -> None:
    with pytest.raises(ValueError, match="'sparkling' is none of oversaturated"):
        corrupt(picture(), "sparkling", 0.5, np.random.default_rng(0))


def test_random_corruptions_name_what_they_did() -> None:
    rng = np.random.default_rng(3)
    clean = picture()
    seen: set[str] = set()
    lists = 0
    for _ in range(300):
        spoilt, suffix, words = random_corruption(clean, rng)
        assert not np.array_equal(spoilt, clean)
        seen.update(words)
        if suffix in WHOLE_LISTS:
            lists += 1
            continue
        said = suffix.removeprefix(", ").split(", ")
        assert len(said) == len(words)
        assert all(a == word or a in SYNONYMS[word] for a, word in zip(said, words, strict=True))
    assert seen == set(DESCRIPTORS)
    assert 30 < lists < 90


def test_a_painting_is_calmer_than_a_photo_but_keeps_its_edges() -> None:
    clean = picture()
    painted = painterly(clean, np.random.default_rng(0))
    assert detail(painted) < detail(clean)
    outline = slice(8, 18)  # the ball's upper edge
    blurred = gaussian_filter(clean, (2, 2, 0))
    assert np.abs(np.diff(painted[outline, 32], axis=0)).max() > np.abs(np.diff(blurred[outline, 32], axis=0)).max()
