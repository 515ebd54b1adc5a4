"""The colour words of the captions and small sums on colours: sRGB, 0 to 1, unless a name says linear."""

from collections.abc import Sequence

import numpy as np

from training.world.dice import Dice

RGB = tuple[float, float, float]
Color = str | Sequence[float] | np.ndarray  # a word of COLORS, or sRGB

COLORS: dict[str, RGB] = {
    "red": (0.72, 0.10, 0.08),
    "green": (0.18, 0.50, 0.16),
    "blue": (0.12, 0.26, 0.68),
    "yellow": (0.90, 0.74, 0.14),
    "orange": (0.90, 0.42, 0.08),
    "purple": (0.42, 0.16, 0.56),
    "pink": (0.90, 0.48, 0.60),
    "white": (0.90, 0.89, 0.86),
    "black": (0.05, 0.05, 0.055),
    "brown": (0.36, 0.21, 0.11),
    "teal": (0.08, 0.46, 0.46),
    "grey": (0.48, 0.48, 0.48),
    "beige": (0.80, 0.70, 0.54),
    "turquoise": (0.22, 0.70, 0.68),
}


def to_rgb(color: Color) -> np.ndarray:
    """[3] sRGB of a colour word or of three numbers."""
    return np.asarray(COLORS[color] if isinstance(color, str) else color, dtype=float)


def to_linear(srgb: Color) -> np.ndarray:
    """[3] linear light."""
    srgb = np.clip(to_rgb(srgb), 0, 1)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def vary(dice: Dice, color: Color, amount: float = 0.05) -> np.ndarray:
    """[3]: the colour, a little off in hue and in lightness."""
    # Little hue: on white and brown more of it would call for another word.
    hue, lightness = dice.normal(amount * 0.4, 3), dice.normal(amount * 0.7)
    return np.clip(to_rgb(color) + hue + lightness, 0.01, 0.97)


def darker(color: Color, factor: float) -> np.ndarray:
    """[3]: the colour times `factor` (above 1: lighter)."""
    return np.clip(to_rgb(color) * factor, 0, 1)


def mix(first: Color, second: Color, share: float) -> np.ndarray:
    """[3]: `first` at share 0, `second` at share 1."""
    return to_rgb(first) * (1 - share) + to_rgb(second) * share
