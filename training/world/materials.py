"""Materials as plain values: what a shader, and a coarse sketch, need to know of a surface.

Lengths are in the normalised object's radii (its bounding radius is 1), colours are sRGB. Nothing here knows Blender;
`shaders.py` turns a Material into nodes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.world.colors import COLORS, RGB, Color, darker, mix, to_rgb, vary
from training.world.dice import Dice

TEXTURES = ("noise", "voronoi", "cells", "wave", "rings", "brick", "tile")
METALS: dict[str, RGB] = {
    "golden": (0.95, 0.70, 0.30),
    "copper": (0.90, 0.52, 0.38),
    "silver": (0.85, 0.85, 0.87),
    "rusty iron": (0.34, 0.25, 0.20),
}
THIRD_AFTER = 0.12  # `third` is reached that much beyond the ramp's end
# How much of `second` shows when the texture's values are about normal around .5 (noise) or lie mostly high (cells).
_SPREAD = {"noise": 0.11, "voronoi": 0.2, "cells": 0.1, "wave": 0.3, "rings": 0.3}


@dataclass(frozen=True)
class Material:
    """A two- or three-coloured procedural texture over a physically based surface."""

    texture: str  # one of TEXTURES
    color: RGB
    second: RGB  # where the texture is high; the other bricks or tiles
    third: RGB | None = None  # beyond the ramp's end; mortar
    scale: float = 4.0  # of the texture, per radius
    stretch: RGB = (1.0, 1.0, 1.0)  # scale by axis: below 1 draws the pattern out along it
    distortion: float = 0.5
    detail: float = 6.0
    ramp: tuple[float, float] = (0.35, 0.65)  # texture values at which `color` ends and `second` begins
    roughness: float = 0.5
    metallic: float = 0.0
    bump: float = 0.2
    coat: float = 0.0
    subsurface: float = 0.0
    specular: float = 0.5
    fine: float = 0.06  # fine mottling in lightness
    fine_scale: float = 40.0
    offset: RGB = (0.0, 0.0, 0.0)  # of the texture's origin, so that no two objects share a pattern

    def __post_init__(self) -> None:
        if self.texture not in TEXTURES:
            raise ValueError(f"texture {self.texture!r}: one of {', '.join(TEXTURES)} wanted")
        for name in ("color", "second", "third", "stretch", "offset", "ramp"):
            values = getattr(self, name)
            if values is not None:  # arrays become tuples: a Material can be compared and hashed
                object.__setattr__(self, name, tuple(float(value) for value in values))

    @property
    def mean_color(self) -> RGB:
        """sRGB: the surface's colour seen from afar."""
        if self.texture in ("brick", "tile"):
            joints = 0.15 if self.third is not None else 0.0
            mean = mix(mix(self.color, self.second, 0.5), self.third or self.color, joints)
        else:
            middle = 0.5 if self.texture != "cells" else 0.2
            values = middle + np.linspace(-2, 2, 41) * _SPREAD[self.texture]
            weights = np.exp(-0.5 * np.linspace(-2, 2, 41) ** 2)
            colors = [self.color, self.second] + ([self.third] if self.third else [])
            stops = [self.ramp[0], self.ramp[1], min(self.ramp[1] + THIRD_AFTER, 1.0)][: len(colors)]
            mean = [
                np.interp(values, stops, channel) @ weights / weights.sum() for channel in zip(*colors, strict=True)
            ]
        red, green, blue = np.clip(mean, 0, 1)
        return float(red), float(green), float(blue)


def custom(dice: Dice, texture: str, color: Color, second: Color | None = None, **settings: Any) -> Material:
    """A Material with a pattern of its own: `second` is a darker `color` if not given, the offset is thrown."""
    first = to_rgb(color)
    other = darker(first, 0.7) if second is None else to_rgb(second)
    if isinstance(settings.get("third"), str):
        settings["third"] = to_rgb(settings["third"])
    return Material(texture, _tuple(first), _tuple(other), offset=_tuple(dice.vector(-9, 9)), **settings)


def _tuple(values: Sequence[float] | np.ndarray) -> RGB:
    return float(values[0]), float(values[1]), float(values[2])


# Each of the following gives a Material; `color` is a word of COLORS, sRGB, or None for the material's own colour.
# Their settings stand in two rows rather than in twelve lines each:
# fmt: off


def plain(dice: Dice, color: Color | None = None, roughness: float = 0.5, **settings: Any) -> Material:
    """One even colour, exactly the one given."""
    first = to_rgb("grey" if color is None else color)
    return custom(dice, "noise", first, darker(first, 0.85), **{"roughness": roughness, "bump": 0.05, **settings})


def wood(dice: Dice, color: Color | None = None) -> Material:
    """Streaks of grain along x or z, or the arches around the heart of a trunk."""
    first = vary(dice, (0.50, 0.31, 0.17) if color is None else color, 0.04)
    pattern: dict[str, Any] = dice.choose((
        {"texture": "noise", "stretch": (3.5, 3.5, 0.3), "ramp": (0.36, 0.66), "detail": 8},
        {"texture": "noise", "stretch": (0.3, 3.5, 3.5), "ramp": (0.36, 0.66), "detail": 8},
        {"texture": "rings", "stretch": (0.12, 1, 1), "ramp": (0.0, 1.0)},
    ))
    return custom(
        dice, color=first, second=darker(first, 0.52), scale=dice.uniform(1.8, 3), distortion=dice.uniform(0.5, 0.9),
        roughness=0.45, bump=0.25, coat=0.2, **pattern,
    )


def planks(dice: Dice, color: Color | None = None) -> Material:
    """Long boards with dark joints."""
    first = vary(dice, (0.50, 0.33, 0.19) if color is None else color)
    return custom(
        dice, "brick", first, darker(first, 0.72), third=darker(first, 0.3), scale=dice.uniform(3, 4.5),
        stretch=(0.25, 0.25, 1), roughness=0.6, bump=0.35,
    )


def bark(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.30, 0.21, 0.14) if color is None else color, 0.03)
    return custom(
        dice, "wave", first, darker(first, 0.4), scale=4, stretch=(1, 1, 0.3), distortion=1.2, roughness=0.95,
        bump=0.8, ramp=(0.1, 0.8),
    )


def marble(dice: Dice, color: Color | None = None) -> Material:
    """Veined: dark veins in light stone, light ones in dark stone."""
    first = vary(dice, "white" if color is None else color, 0.03)
    veins = darker(first, 0.35) if first.mean() > 0.3 else mix(first, (0.9, 0.9, 0.88), 0.6)
    return custom(
        dice, "noise", first, veins, third=first, scale=dice.uniform(1.5, 3), detail=10,
        distortion=dice.uniform(1.5, 3), roughness=0.18, bump=0, ramp=(0.48, 0.62), fine=0.02, coat=0.4,
    )


def ceramic(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "white" if color is None else color)
    return custom(
        dice, "noise", first, darker(first, 0.82), scale=6, roughness=dice.uniform(0.1, 0.35), bump=0.05,
        coat=dice.uniform(0.3, 0.9), fine=0.03, fine_scale=60,
    )


def clay(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.66, 0.36, 0.22) if color is None else color, 0.04)
    return custom(dice, "noise", first, darker(first, 0.8), scale=5, roughness=0.85, bump=0.2, fine=0.08)


def _metal(dice: Dice, name: str) -> Material:
    first = METALS[name]
    roughness = dice.uniform(0.15, 0.4)
    return custom(dice, "noise", first, darker(first, 0.85), roughness=roughness, metallic=1, bump=0.06, fine=0.04)


def gold(dice: Dice, color: Color | None = None) -> Material:
    """Metals keep their own colour whatever is asked."""
    return _metal(dice, "golden")


def copper(dice: Dice, color: Color | None = None) -> Material:
    return _metal(dice, "copper")


def silver(dice: Dice, color: Color | None = None) -> Material:
    return _metal(dice, "silver")


def rusty_iron(dice: Dice, color: Color | None = None) -> Material:
    """Dark iron under patches of orange rust."""
    rust = vary(dice, (0.47, 0.21, 0.09), 0.04)
    return custom(
        dice, "noise", darker(METALS["rusty iron"], dice.uniform(0.5, 0.9)), rust, scale=dice.uniform(3, 5), detail=10,
        roughness=0.65, metallic=0.45, bump=0.35, ramp=(0.44, 0.56), fine=0.06,
    )


def painted_metal(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "red" if color is None else color, 0.04)
    return custom(
        dice, "noise", first, darker(first, 0.9), roughness=dice.uniform(0.15, 0.35), metallic=0.1, bump=0.02,
        coat=dice.uniform(0.5, 1), fine=0.02,
    )


def leather(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "brown" if color is None else color)
    return custom(dice, "cells", darker(first, 0.45), first, scale=14, roughness=0.42, bump=0.35, ramp=(0.0, 0.12))


def fabric(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "beige" if color is None else color)
    return custom(dice, "wave", first, darker(first, 0.75), scale=22, roughness=0.95, bump=0.25, distortion=0.1)


def wool(dice: Dice, color: Color | None = None) -> Material:
    """Knitted: thick soft loops in rows."""
    first = vary(dice, "white" if color is None else color)
    return custom(
        dice, "voronoi", first, darker(first, 0.62), scale=dice.uniform(10, 14), stretch=(1, 1, 2), roughness=1,
        bump=0.7, ramp=(0.1, 0.95), specular=0.1, fine=0.08,
    )


def wicker(dice: Dice, color: Color | None = None) -> Material:
    """Basket work: short strands over dark gaps."""
    first = vary(dice, (0.66, 0.48, 0.27) if color is None else color, 0.03)
    return custom(
        dice, "brick", first, darker(first, 0.75), third=darker(first, 0.25), scale=dice.uniform(7, 10),
        roughness=0.7, bump=0.7,
    )


def brick(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.55, 0.22, 0.15) if color is None else color)
    return custom(
        dice, "brick", first, darker(first, 0.8), third=(0.70, 0.68, 0.62), scale=dice.uniform(3, 4.5), roughness=0.9,
        bump=0.4,
    )


def stone(dice: Dice, color: Color | None = None) -> Material:
    """Weathered rock, speckled."""
    first = vary(dice, (0.56, 0.54, 0.51) if color is None else color, 0.03)
    return custom(
        dice, "noise", first, darker(first, 0.5), scale=dice.uniform(4, 8), detail=12, distortion=0.2, roughness=0.9,
        bump=0.8, ramp=(0.4, 0.75), fine=0.12,
    )


def rubble(dice: Dice, color: Color | None = None) -> Material:
    """A wall of field stones with dark joints."""
    first = vary(dice, (0.62, 0.58, 0.52) if color is None else color, 0.03)
    return custom(
        dice, "cells", darker(first, 0.5), first, scale=dice.uniform(4, 6), roughness=0.9, bump=0.6, ramp=(0, 0.08),
        fine=0.12,
    )


def moss(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.22, 0.34, 0.10) if color is None else color, 0.04)
    return custom(dice, "noise", first, darker(first, 0.4), scale=12, roughness=1, bump=0.6, detail=10, fine=0.1)


def leaf(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.20, 0.42, 0.12) if color is None else color)
    second = mix(first, (0.5, 0.6, 0.15), 0.35) if color is None else darker(first, 1.25)
    return custom(dice, "noise", first, second, scale=5, roughness=0.5, bump=0.1, specular=0.4)


def petal_skin(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "pink" if color is None else color, 0.04)
    second = mix(first, (0.98, 0.95, 0.85), 0.3) if dice.chance(0.6) else darker(first, 0.75)
    return custom(dice, "noise", first, second, scale=3, roughness=0.55, bump=0.08, specular=0.3)


def fruit_skin(dice: Dice, color: Color | None = None, second: Color | None = None) -> Material:
    """Streaked from pole to pole, shiny."""
    first = vary(dice, "red" if color is None else color, 0.04)
    other = darker(first, 0.65) if second is None else to_rgb(second)
    return custom(
        dice, "noise", first, other, scale=dice.uniform(2, 4), stretch=(1.5, 1.5, 0.4), roughness=0.22, bump=0.03,
        coat=0.4, fine=0.05, fine_scale=30, ramp=(0.42, 0.7),
    )


def glaze(dice: Dice, color: Color | None = None) -> Material:
    """Glass-like: opaque, deep, with hard reflections."""
    first = vary(dice, "teal" if color is None else color, 0.04)
    return custom(
        dice, "noise", first, darker(first, 0.72), scale=1, roughness=0.04, bump=0, coat=1, specular=0.9, fine=0.01,
        distortion=0.3, detail=2,
    )


def dough(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.72, 0.48, 0.24) if color is None else color, 0.04)
    return custom(dice, "noise", first, darker(first, 0.75), scale=3, roughness=0.7, bump=0.15)


def frosting(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "pink" if color is None else color, 0.03)
    return custom(dice, "noise", first, darker(first, 0.9), scale=5, roughness=0.2, bump=0.04, coat=0.5, fine=0.02)


def plastic(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "blue" if color is None else color, 0.04)
    return custom(dice, "noise", first, darker(first, 0.95), roughness=dice.uniform(0.25, 0.45), bump=0.01, fine=0.01)


def plaster(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "white" if color is None else color)
    return custom(dice, "noise", first, darker(first, 0.85), scale=3, roughness=0.95, bump=0.2)


def rubber(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, "black" if color is None else color, 0.02)
    return custom(dice, "noise", first, darker(first, 0.8), scale=8, roughness=0.8, bump=0.1, specular=0.3)


def dark_glass(dice: Dice, color: Color | None = None) -> Material:
    """Window panes seen from outside."""
    return plain(dice, (0.10, 0.14, 0.19) if color is None else color, 0.08, fine=0.02, specular=0.8)


def soil(dice: Dice, color: Color | None = None) -> Material:
    first = vary(dice, (0.20, 0.13, 0.08) if color is None else color, 0.03)
    return custom(dice, "noise", first, darker(first, 0.5), scale=20, roughness=1, bump=0.6, fine=0.1)


# fmt: on


MATERIAL_WORDS: dict[str, Callable[..., Material]] = {
    "brick": brick,
    "ceramic": ceramic,
    "clay": clay,
    "copper": copper,
    "fabric": fabric,
    "glass": glaze,
    "golden": gold,
    "leather": leather,
    "marble": marble,
    "plaster": plaster,
    "plastic": plastic,
    "rusty iron": rusty_iron,
    "silver": silver,
    "stone": stone,
    "wicker": wicker,
    "wooden": wood,
    "woollen": wool,
}
# Materials that a colour word may stand before; the others have their own colour and are named alone.
_ANY_COLOR = tuple(word for word in COLORS if word not in ("grey", "beige"))
COLORS_OF: dict[str, tuple[str, ...]] = {
    "ceramic": _ANY_COLOR,
    "fabric": tuple(COLORS),
    "glass": tuple(word for word in _ANY_COLOR if word != "white"),
    "leather": ("red", "green", "blue", "yellow", "orange", "white", "black", "brown", "beige", "teal"),
    "marble": ("white", "black", "green", "pink", "grey"),
    "plastic": _ANY_COLOR,
    "woollen": tuple(COLORS),
}


@dataclass(frozen=True)
class Named:
    """A material with the words that a phrase says of it: 'blue ceramic', 'wooden'."""

    words: str
    color: str | None
    material: str
    surface: Material


def named_material(dice: Dice, options: Sequence[str]) -> Named:
    """One of the MATERIAL_WORDS in `options` (repeat the likelier), in one of the colours it comes in."""
    word = dice.choose(options)
    if word not in COLORS_OF:
        return Named(word, None, word, MATERIAL_WORDS[word](dice))
    color = dice.choose(COLORS_OF[word])
    return Named(f"{color} {word}", color, word, MATERIAL_WORDS[word](dice, color))
