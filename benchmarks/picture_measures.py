"""Three figures of a set of pictures that tell distilled from real ones, over the pixels of the object alone.

Pixels next to the outline are left out: they hold some background.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy import ndimage

DARK = 0.02  # below this a pixel has no hue to speak of
LIMIT = 0.01  # this near to black or white a channel counts as clipped


@dataclass(frozen=True)
class Figures:
    """Means over all pixels of the object in all pictures of a set."""

    saturation: float  # (max - min) / max of the channels, 0..1, of pixels that are not black
    clipped: float  # share of pixels with a channel at the end of its range
    high_frequencies: float  # root mean square of what a 5 x 5 binomial blur takes away; per cent of full scale

    @staticmethod
    def mean(several: list[Figures]) -> Figures:
        """The mean of each."""
        return Figures(*np.mean([astuple(figures) for figures in several], axis=0).tolist())


def measure(images: np.ndarray, masks: np.ndarray) -> Figures:
    """images [N, H, W, 3] uint8 sRGB, masks [N, H, W] bool: where the object is."""
    inner = np.stack([ndimage.binary_erosion(mask, np.ones((3, 3))) for mask in masks]).astype(bool)
    values = images.astype(np.float64) / 255
    pixels = values[inner]
    high, low = pixels.max(axis=1), pixels.min(axis=1)
    colored = high > DARK
    return Figures(
        saturation=float(((high - low)[colored] / high[colored]).mean()),
        clipped=float(((high > 1 - LIMIT) | (low < LIMIT)).mean()),
        high_frequencies=float(100 * np.sqrt(np.square(pixels - _blurred(values, inner)[inner]).mean())),
    )


def _blurred(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """5 x 5 binomial means over the pixels of the mask alone, [N, H, W, 3]."""
    kernel = np.array([1, 4, 6, 4, 1]) / 16

    def blur(array: np.ndarray) -> np.ndarray:
        for axis in (1, 2):
            array = ndimage.convolve1d(array, kernel, axis=axis, mode="constant")
        return array

    weight = blur(mask.astype(np.float64))[..., None]
    total = blur(values * mask[..., None])
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
