"""Colours of the pixels along an outline, on a transparent film.

The denoiser smooths colours that are already weighed by their coverage, but not the coverage itself; dividing the
one by the noise of the other leaves light and dark dots around the object.
"""

from __future__ import annotations

import numpy as np

COVERED = 250  # alpha from which a pixel's own colour can be trusted
SQUARE = [(row, column) for row in range(3) for column in range(3)]


def steady_outline(image: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] uint8, straight alpha: what is partly covered takes the mean colour of the 3x3 pixels around it,
    weighed by the square of their coverage; alpha stays as it is."""
    alpha = image[..., 3:].astype(np.float32) / 255
    mean = _mean_around(image[..., :3], alpha**2)
    known = (image[..., 3:] < COVERED) & (_around(alpha**2) > 0)
    color = np.where(known, np.rint(mean), image[..., :3]).astype(np.uint8)
    return np.concatenate([color, image[..., 3:]], axis=-1)


def grown(values: np.ndarray, alpha: np.ndarray, pixels: int = 3) -> np.ndarray:
    """Values [H, W, C] that are known where alpha [H, W] is whole, continued over the outline by so many pixels."""
    weight = (alpha[..., None] * 255 >= COVERED).astype(np.float32)
    for _ in range(pixels):
        values = np.where(weight > 0, values, _mean_around(values, weight))
        weight = np.minimum(_around(weight), 1)
    return values


def _mean_around(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _around(values * weight) / np.maximum(_around(weight), 1e-6)


def _around(values: np.ndarray) -> np.ndarray:
    """Sums over 3x3 pixels of [H, W, C]."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    return sum((padded[y : y + height, x : x + width] for y, x in SQUARE), np.zeros_like(values))
