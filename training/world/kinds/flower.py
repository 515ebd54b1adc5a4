"""A tulip, daisy, sunflower or rose on its stem, free or in a pot."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from training.world.blossoms import daisy, rose, sunflower, tulip
from training.world.colors import Color
from training.world.dice import Dice
from training.world.foliage import blade
from training.world.frame import Frame
from training.world.materials import Material, leaf
from training.world.model import Model
from training.world.parts import rotation, sphere, spline, tube
from training.world.pots import pot
from training.world.thing import Thing, article

Head = Callable[[Dice, Frame, Model, Color, float], None]

HEADS: dict[str, Head] = {"tulip": tulip, "rose": rose, "daisy": daisy, "sunflower": sunflower}
SORTS = ("tulip", "tulip", "tulip", "rose", "rose", "daisy", "daisy", "sunflower")
COLORS_OF = {
    "tulip": ("red", "red", "red", "yellow", "pink", "purple", "orange", "white"),
    "rose": ("red", "red", "pink", "white", "yellow", "orange"),
    "daisy": ("white", "white", "pink", "yellow", "purple", "blue", "red", "orange"),
    "sunflower": ("yellow",),
}


def make(dice: Dice) -> Thing:
    sort = dice.choose(SORTS)
    color = dice.choose(COLORS_OF[sort])
    model, potted = Model(), dice.chance(0.25)
    height = dice.uniform(0.5, 1.1 if potted else 1.6)
    stem = _stem(dice, height)
    size = dice.uniform(0.5, 0.8) * {"tulip": 1.0, "rose": 1.15, "daisy": 1.5, "sunflower": 1.8}[sort]
    green = leaf(dice, (0.28, 0.46, 0.22) if sort == "tulip" else None)
    thickness = dice.uniform(0.032, 0.06)
    model.add(tube(stem, np.linspace(1.15, 0.9, len(stem)) * thickness, 9), green)
    head = Frame.at(stem[-1], _facing(dice, sort))
    HEADS[sort](dice, head, model, color, size)
    if sort in ("tulip", "rose"):
        head.add(model, sphere(10, 6), green, scale=(1.5 * thickness, 1.5 * thickness, 1.2 * thickness))
    LEAVES[sort](dice, stem, model, green)
    model.warp(dice, 0.01)
    phrase = article("sunflower" if sort == "sunflower" else f"{color} {sort} flower")
    grounds = ("grass", "soil", "plain", "plain", "none")
    if potted:
        phrase += " in " + pot(dice, Frame.at(), model, dice.uniform(0.28, 0.42), dice.uniform(0.4, 0.65))
        grounds = ("table", "marble", "floor", "plain", "plain", "none")
    return Thing("flower", phrase, model, None if sort == "sunflower" else color, None, grounds)


def _stem(dice: Dice, height: float) -> np.ndarray:
    """[10, 3] from the ground up, leaning a little and nodding at its end."""
    lean, sway, nod = dice.uniform(-0.2, 0.2), dice.uniform(-0.06, 0.06), dice.uniform(-0.12, 0.03)
    return spline([(0, 0, 0), (sway, 0, 0.35 * height), (lean / 2 - sway, 0, 0.7 * height), (lean, nod, height)], 10)


def _facing(dice: Dice, sort: str) -> np.ndarray:
    """[3, 3]: daisies and sunflowers look at one from the front, tulips and roses mostly up."""
    low, high = {"daisy": (0.3, 1.25), "sunflower": (0.7, 1.35), "rose": (0.1, 0.75), "tulip": (-0.12, 0.3)}[sort]
    if sort == "tulip" and dice.chance(0.2):  # one looks into it
        low, high = 0.4, 1.1
    return rotation("y", dice.uniform(-0.2, 0.2)) @ rotation("x", dice.uniform(low, high))


def _tulip_leaves(dice: Dice, stem: np.ndarray, model: Model, green: Material) -> None:
    """Long blades from the foot, nearly upright."""
    length, way = np.linalg.norm(stem[-1]) * dice.uniform(0.75, 1.1), dice.uniform(0, 6.28)
    for step in range(dice.integer(2, 4)):
        size = (float(length) * dice.uniform(0.75, 1.1), dice.uniform(0.1, 0.19))
        turn = way + 2.5 * step + dice.uniform(-0.4, 0.4)
        blade(dice, Frame.at(stem[0]), model, green, size, dice.uniform(1.2, 1.5), dice.uniform(-1.0, -0.25), turn)


def _stem_leaves(size: tuple[float, float], count: tuple[int, int]):
    """Leaves along the stem; `size` is (length, half width) of a middling one."""

    def add(dice: Dice, stem: np.ndarray, model: Model, green: Material) -> None:
        way = dice.uniform(0, 6.28)
        for _ in range(dice.integer(*count)):
            foot, grown = stem[dice.integer(1, 7)], dice.uniform(0.75, 1.3)
            shape = (size[0] * grown, size[1] * grown)
            blade(dice, Frame.at(foot), model, green, shape, dice.uniform(0.2, 0.9), dice.uniform(-0.8, 0.2), way)
            way += 2.4 + dice.uniform(-0.3, 0.3)

    return add


def _rose_leaves(dice: Dice, stem: np.ndarray, model: Model, green: Material) -> None:
    """Three leaflets on a stalk each, and thorns."""
    for step in range(dice.integer(2, 4)):
        foot = Frame.at(stem[dice.integer(2, 7)], rotation("z", 2.4 * step) @ rotation("y", -dice.uniform(0.2, 0.8)))
        stalk = dice.uniform(0.16, 0.28)
        foot.add(model, tube([(0, 0, 0), (stalk, 0, 0)], 0.014, 5), green)
        for angle, reach in ((0.0, stalk), (1.1, 0.8 * stalk), (-1.1, 0.8 * stalk)):
            blade(dice, foot.inner((reach, 0, 0)), model, green, (0.3, 0.1), 0.1, dice.uniform(-0.5, 0.1), angle)
    corners = np.array([(0, 0, 0.03), (0, 0.012, -0.02), (0, -0.012, -0.02), (0.07, 0, 0.0)])
    thorn = corners, [(0, 1, 3), (0, 3, 2), (1, 2, 3)]
    for step in range(dice.integer(3, 7)):
        model.add(thorn, green, smooth=False, rotate=rotation("z", math.pi * step), move=stem[dice.integer(1, 8)])


LEAVES = {
    "tulip": _tulip_leaves,
    "rose": _rose_leaves,
    "daisy": _stem_leaves((0.5, 0.09), (2, 4)),
    "sunflower": _stem_leaves((0.55, 0.2), (3, 5)),
}
