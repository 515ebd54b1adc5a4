"""What stands around an object: ground, sky and lamps, drawn as plain values with the words for them.

Lengths are in the object's radii, Z up; colours of lamps are linear, those of the sky sRGB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.world.colors import RGB, darker, mix, vary
from training.world.dice import Dice
from training.world.materials import Material, custom, marble, moss, stone

GROUND_WORDS = {
    "grass": " on grass",
    "table": " on a wooden table",
    "floor": " on a wooden floor",
    "marble": " on marble",
    "stone": " on stone",
    "soil": " on soil",
    "snow": " in snow",
    "moss": " on moss",
    "sand": " on sand",
    "water": " in blue water",
    "plain": "",
    "none": "",
}
OUTDOORS = ("grass", "stone", "soil", "snow", "moss", "sand")
# sky's word → its colour at the horizon and overhead
SKIES: dict[str, tuple[RGB, RGB]] = {
    "blue": ((0.78, 0.86, 0.93), (0.24, 0.46, 0.80)),
    "overcast": ((0.80, 0.81, 0.82), (0.60, 0.63, 0.67)),
    "sunset": ((0.95, 0.62, 0.36), (0.40, 0.42, 0.62)),
}
BACKDROPS = ("white", "white", "grey", "black", "beige", "blue", "pink", "green", "yellow")
COLORLESS = ("white", "grey", "black", "beige")
# Blender's own environment pictures (datafiles/studiolights/world); its night is too dark to tell colours by.
ENVIRONMENTS = ("city", "courtyard", "forest", "interior", "studio", "sunrise", "sunset")
ENVIRONMENT_SHARE = 0.5
LEVELS = (0.5, 0.95)


@dataclass(frozen=True)
class Lamp:
    """A square lamp that shines from `place` towards `target`; power in watts."""

    place: tuple[float, float, float]
    target: tuple[float, float, float]
    size: float
    power: float
    color: tuple[float, float, float]


@dataclass(frozen=True)
class Sun:
    """Parallel light from `direction`; its angle in degrees softens the shadows."""

    direction: tuple[float, float, float]
    angle: float
    strength: float
    color: tuple[float, float, float]


@dataclass(frozen=True)
class Environment:
    """One of ENVIRONMENTS, turned about the vertical by so many degrees: what glaze and metal reflect."""

    name: str
    turn: float


@dataclass(frozen=True)
class Surroundings:
    scene: str  # what a caption says of them, with its leading space or comma; "" where nothing of them shows
    ground: Material | None
    horizon: RGB
    zenith: RGB
    sky_strength: float
    key: Lamp | None
    rim: Lamp | None
    sun: Sun | None
    level: float  # linear brightness of a white surface in the object's light, once exposed
    environment: Environment | None = None  # lights in place of the sky's two colours


def draw_transparent(dice: Dice) -> Surroundings:
    """No ground and nothing to be seen of the sky, which lights the object all the same.

    Nearly grey: a coloured light that no word explains would blur what the colour words mean.
    """
    if dice.chance(ENVIRONMENT_SHARE):
        return _in_environment(dice)
    outdoor = dice.chance(0.35)
    if outdoor:
        horizon, zenith = _sky(dice, dice.choose(("blue", "overcast", "sunset")))
        pale = (0.75, 0.75, 0.75)
        horizon, zenith = mix(horizon, pale, 0.6), mix(zenith, pale, 0.5)
        return _lit(dice, "", None, horizon, zenith, dice.uniform(0.7, 1.2), outdoor)
    tint = vary(dice, (0.75, 0.75, 0.75), 0.06)
    return _lit(dice, "", None, tint, darker(tint, dice.uniform(0.6, 1.0)), dice.uniform(0.6, 1.0), outdoor)


def _in_environment(dice: Dice) -> Surroundings:
    """In one of Blender's own environments, at times with a lamp beside it."""
    environment = Environment(dice.choose(ENVIRONMENTS), dice.uniform(-180, 180))
    grey = (0.5, 0.5, 0.5)
    lit = _lit(dice, "", None, grey, grey, 1.0, outdoor=False)
    key = replace(lit.key, power=lit.key.power * 0.4) if lit.key and dice.chance(0.3) else None
    return replace(lit, environment=environment, key=key, rim=None)


def draw_scene(dice: Dice, grounds: Sequence[str]) -> Surroundings:
    """A ground out of `grounds` and a sky or a backdrop."""
    name = dice.choose(grounds)
    words, ground = GROUND_WORDS[name], ground_material(dice, name)
    if name == "water":
        return _lit(dice, words, None, (0.03, 0.12, 0.22), (0.16, 0.48, 0.62), dice.uniform(0.9, 1.4), outdoor=True)
    if dice.chance(0.85 if name in OUTDOORS else 0.3 if name == "none" else 0.0):
        sky = dice.choose(("blue", "blue", "overcast", "sunset"))
        horizon, zenith = _sky(dice, sky)
        words += f", {sky} sky"
        return _lit(dice, words, ground, horizon, zenith, dice.uniform(0.7, 1.2), outdoor=True)
    color = dice.choose(BACKDROPS)
    shade = vary(dice, color, 0.03)
    if color not in COLORLESS:
        shade = mix(shade, (0.7, 0.7, 0.7), dice.uniform(0.2, 0.6))
    if name == "plain":
        ground = custom(dice, "noise", shade, darker(shade, 0.95), scale=2, roughness=0.7, bump=0, fine=0.01)
    strength = 1.0 if color == "black" else dice.uniform(0.6, 1.0)
    zenith = darker(shade, dice.uniform(0.65, 0.95))
    return _lit(dice, f"{words}, {color} background", ground, shade, zenith, strength, outdoor=False)


def ground_material(dice: Dice, name: str) -> Material | None:
    """The ground of that name, None for those without one of their own. Raises ValueError for an unknown name."""
    if name not in GROUND_WORDS:
        raise ValueError(f"ground {name!r} is none of {', '.join(GROUND_WORDS)}")
    if name == "grass":
        green = vary(dice, (0.24, 0.36, 0.10))
        return custom(
            dice,
            "noise",
            green,
            darker(green, 0.45),
            scale=9,
            detail=10,
            roughness=1,
            bump=0.6,
            fine=0.12,
            fine_scale=60,
        )
    if name in ("table", "floor"):
        brown = vary(dice, dice.choose(((0.46, 0.29, 0.16), (0.62, 0.44, 0.27), (0.30, 0.18, 0.10))))
        return custom(
            dice, "wave", brown, darker(brown, 0.6), scale=dice.uniform(0.8, 1.6), stretch=(0.15, 1, 1), distortion=1,
            roughness=0.4, bump=0.15, ramp=(0.2, 0.9),
        )  # fmt: skip
    if name == "marble":
        return marble(dice, dice.choose(("white", "black")))
    if name == "stone":
        return stone(dice)
    if name == "soil":
        brown = vary(dice, (0.27, 0.18, 0.11), 0.04)
        return custom(dice, "noise", brown, (0.14, 0.09, 0.06), scale=7, detail=10, roughness=1, bump=0.7, fine=0.12)
    if name == "snow":
        return custom(
            dice, "noise", (0.93, 0.94, 0.96), (0.82, 0.86, 0.92), scale=2, roughness=0.7, bump=0.3, fine=0.02
        )
    if name == "moss":
        return moss(dice)
    if name == "sand":
        pale = vary(dice, (0.78, 0.64, 0.44), 0.04)
        return custom(
            dice, "wave", pale, darker(pale, 0.85), scale=1.2, distortion=1.5, roughness=1, bump=0.25, fine=0.07,
            fine_scale=60,
        )  # fmt: skip
    return None


def _sky(dice: Dice, name: str) -> tuple[np.ndarray, np.ndarray]:
    horizon, zenith = SKIES[name]
    return vary(dice, horizon, 0.03), vary(dice, zenith, 0.03)


def _lit(
    dice: Dice,
    scene: str,
    ground: Material | None,
    horizon: Sequence[float] | np.ndarray,
    zenith: Sequence[float] | np.ndarray,
    sky_strength: float,
    outdoor: bool,
) -> Surroundings:
    """With a sun outdoors, and a key lamp and often a rim lamp in the studio."""
    turn, height = dice.uniform(0, 2 * math.pi), dice.uniform(0.4, 1.3)
    direction = np.array([math.cos(turn) * math.cos(height), math.sin(turn) * math.cos(height), math.sin(height)])
    light = _triple(mix((1, 0.82, 0.62), (0.85, 0.93, 1), dice.uniform(0, 1)))
    key = rim = sun = None
    if outdoor:
        sun = Sun(_triple(direction), dice.uniform(1, 14), dice.uniform(3, 7), light)
    else:
        place = direction * dice.uniform(4, 6) + (0, 0, 0.6)
        key = Lamp(_triple(place), (0, 0, 0.6), dice.uniform(1.5, 4), dice.uniform(250, 650), light)
        rim = _rim(dice, turn) if dice.chance(0.6) else None
    level = dice.uniform(*LEVELS)
    return Surroundings(scene, ground, _triple(horizon), _triple(zenith), sky_strength, key, rim, sun, level)


def _rim(dice: Dice, key_turn: float) -> Lamp:
    """A weaker lamp on the other side, in a colour of its own."""
    turn = key_turn + math.pi + dice.uniform(-0.8, 0.8)
    color = mix((1, 0.7, 0.4), (0.6, 0.8, 1), dice.uniform(0, 1))
    place = (math.cos(turn) * 4, math.sin(turn) * 4, dice.uniform(1, 4))
    return Lamp(place, (0, 0, 0.6), 2.0, dice.uniform(60, 250), _triple(color))


def _triple(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
