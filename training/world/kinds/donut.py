"""A ring of dough with frosting that runs down its sides, perhaps with sprinkles or a drizzle."""

import math

import numpy as np

from training.world.dice import Dice
from training.world.materials import dough, frosting, plain
from training.world.model import Model
from training.world.parts import Part, rotation, sphere, torus, tube
from training.world.thing import Thing, article

# Frosting is paler than paint.
FROSTINGS = {
    "pink": (0.92, 0.50, 0.62),
    "chocolate": (0.20, 0.10, 0.055),
    "white": (0.93, 0.91, 0.87),
    "blue": (0.36, 0.58, 0.84),
    "yellow": (0.93, 0.80, 0.34),
    "green": (0.48, 0.72, 0.36),
    "purple": (0.60, 0.40, 0.72),
    "orange": (0.96, 0.46, 0.08),
    "red": (0.74, 0.12, 0.12),
    "turquoise": (0.35, 0.76, 0.74),
}
SPRINKLES = ("red", "yellow", "blue", "green", "white", "pink")
FLAT = 0.85  # a donut is lower than it is thick


def make(dice: Dice) -> Thing:
    model = Model()
    major, minor = dice.uniform(0.58, 0.75), dice.uniform(0.26, 0.42)
    dark = dice.chance(0.2)
    base = dough(dice, (0.30, 0.17, 0.09)) if dark else dough(dice)
    model.add(torus(major, minor, 44, 18), base, scale=(1, 1, FLAT))
    if dice.chance(0.1):
        model.warp(dice, 0.02, 2)
        words = "chocolate donut" if dark else "plain donut"
        return Thing("donut", article(words), model, None, None, _GROUNDS)
    flavour = dice.choose([word for word in FROSTINGS if not (dark and word == "chocolate")])
    model.add(_frosting(dice, major, minor), frosting(dice, FROSTINGS[flavour]))
    topping = _add_topping(dice, model, major, minor, flavour)
    model.warp(dice, 0.02, 2)  # all of it together, or dough would come through the frosting
    color = None if flavour == "chocolate" else flavour
    if dice.chance(0.5):
        words = f"{flavour} donut" + (f" with {topping}" if topping else "")
    else:
        words = f"donut with {flavour} frosting" + (f" and {topping}" if topping else "")
    return Thing("donut", article(words), model, color, None, _GROUNDS)


_GROUNDS = ("table", "table", "marble", "plain", "plain", "none")


def _on_ring(major: float, reach: float, around: np.ndarray | float, up: np.ndarray | float) -> np.ndarray:
    """[…, 3] on a torus `reach` thick: `around` the hole, `up` its section from the outside (0) over the top (π/2)."""
    out = major + reach * np.cos(up)
    return np.stack([out * np.cos(around), out * np.sin(around), FLAT * reach * np.sin(up)], -1)


def _frosting(dice: Dice, major: float, minor: float) -> Part:
    """A skin over the upper half whose outer and inner edges run down in drops."""
    around, along = np.arange(72) * 2 * np.pi / 72, 14
    outer = _drops(dice, around, 0.04, 0.14, (3, 5, 8, 11))
    inner = _drops(dice, around, 0.03, 0.08, (3, 5, 7))
    start, end = dice.uniform(-0.3, 0.1) + outer, math.pi + 0.15 + inner
    share = np.linspace(0, 1, along)
    up = start[:, None] * (1 - share) + end[:, None] * share
    reach = minor * 1.07 + 0.02 * np.sin(share * math.pi)
    reach[[0, -1]] = minor * 0.96  # the edges dip into the dough
    vertices = np.stack([_on_ring(major, reach[j], around, up[:, j]) for j in range(along)], 1).reshape(-1, 3)
    count = len(around)
    faces = [
        (i * along + j, (i + 1) % count * along + j, (i + 1) % count * along + j + 1, i * along + j + 1)
        for i in range(count)
        for j in range(along - 1)
    ]
    return vertices, faces


def _drops(dice: Dice, around: np.ndarray, low: float, high: float, waves: tuple[int, ...]) -> np.ndarray:
    """An edge that runs up and down: so many radians of the dough's section by the place around the hole."""
    return np.sum([dice.uniform(low, high) * np.sin(around * k + dice.uniform(0, 6)) for k in waves], axis=0)


def _add_topping(dice: Dice, model: Model, major: float, minor: float, flavour: str) -> str:
    """Sprinkles, a zigzag of another frosting, or nothing; says which."""
    if dice.chance(0.55):
        words = SPRINKLES if dice.chance(0.7) else (dice.choose([w for w in SPRINKLES if w != flavour]),)
        surfaces = [plain(dice, word, 0.35) for word in words]
        for _ in range(dice.integer(35, 80)):
            around, up = dice.uniform(0, 2 * math.pi), dice.uniform(0.3, math.pi - 0.3)
            model.add(
                sphere(6, 4), dice.choose(surfaces), scale=(0.07, 0.024, 0.024),
                rotate=rotation("z", dice.uniform(0, 2 * math.pi)), move=_on_ring(major, minor * 1.12, around, up),
            )  # fmt: skip
        return "sprinkles" if len(words) > 1 else f"{words[0]} sprinkles"
    if dice.chance(0.5):
        word = dice.choose([word for word in ("white", "chocolate", "pink") if word != flavour])
        turns = dice.integer(9, 16)
        around = np.linspace(0, 2 * math.pi, turns * 12)
        up = math.pi / 2 + 0.95 * np.sin(around * turns)
        path = _on_ring(major, minor * 1.12, around, up)
        model.add(tube(path, dice.uniform(0.022, 0.035), 6), frosting(dice, FROSTINGS[word]))
        return f"{word} drizzle"
    return ""
