"""An apple with its stem, perhaps a leaf, perhaps a bite; now and then of gold, wood or stone."""

import math

import numpy as np

from training.world.colors import vary
from training.world.dice import Dice
from training.world.materials import MATERIAL_WORDS, Material, bark, custom, fruit_skin, leaf
from training.world.model import Model
from training.world.parts import Part, bitten, lathe, petal, rotation, spline, tube
from training.world.thing import Thing, article

SKINS = {"red": (0.62, 0.07, 0.06), "green": (0.42, 0.60, 0.12), "yellow": (0.88, 0.70, 0.16)}
# The second colour of the streaks; it must not outweigh the first.
STREAKS = {
    "red": ((0.75, 0.40, 0.12), (0.42, 0.04, 0.05), (0.66, 0.16, 0.08)),
    "green": ((0.60, 0.70, 0.25), (0.32, 0.50, 0.10)),
    "yellow": ((0.82, 0.40, 0.12), (0.75, 0.72, 0.25)),
}
ODD_MATERIALS = ("golden", "silver", "copper", "wooden", "marble", "stone", "glass")


def make(dice: Dice) -> Thing:
    odd = dice.choose(ODD_MATERIALS) if dice.chance(0.12) else None
    color = None if odd else dice.choose(("red", "red", "green", "yellow"))
    if odd:
        skin = MATERIAL_WORDS[odd](dice)
    else:
        skin = fruit_skin(dice, SKINS[color or "red"], dice.choose(STREAKS[color or "red"]))
    model = Model()
    size, hollow = dice.uniform(0.8, 1.12), dice.uniform(0.12, 0.24)
    bite = odd is None and dice.chance(0.22)
    body = lathe(_profile(dice, size, hollow), 80 if bite else 44)
    details = []
    if bite:
        angle = dice.normal(0.7) - math.pi / 2  # mostly towards the front
        _add_bitten(dice, model, body, skin, angle)
        details.append("a bite")
    else:
        model.add(body, skin)
    model.warp(dice, dice.uniform(0.01, 0.035), 1.5)
    top = 0.9 * size - hollow * 1.7
    lean = dice.vector(-0.18, 0.18)[:2]
    length = dice.uniform(0.35, 0.6)
    stem = spline([(0, 0, top), (*lean * 0.3, top + length * 0.5), (*lean, top + length)], 7)
    model.add(tube(stem, np.linspace(0.032, 0.05, 7), 8), skin if odd else bark(dice))
    if dice.chance(0.5):
        turn = rotation("z", dice.uniform(0, 2 * math.pi)) @ rotation("y", -dice.uniform(0.2, 0.7))
        part = petal(dice, dice.uniform(0.5, 0.75), dice.uniform(0.15, 0.22), -0.7)
        model.add(part, skin if odd else leaf(dice), rotate=turn, move=stem[3])
        details.append("a leaf")
    words = f"{color or odd} apple" + (f" with {' and '.join(details)}" if details else "")
    grounds = ("table", "table", "marble", "grass", "plain", "plain", "none", "stone")
    return Thing("apple", article(words), model, color, odd, grounds)


def _profile(dice: Dice, size: float, hollow: float) -> np.ndarray:
    """[46, 2] (radius, z): a ball with a hollow above and a smaller one below, its shoulders higher than its middle."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 46)
    radius = np.cos(angle) ** 0.75 * (1 + dice.uniform(0.04, 0.16) * np.sin(angle))
    upper, lower = np.exp(-((radius / 0.28) ** 2)), np.exp(-((radius / 0.22) ** 2))
    z = np.sin(angle) * 0.9 * size - hollow * np.where(angle > 0, 1.7 * upper, -0.8 * lower)
    return np.stack([radius, z], 1)


def _add_bitten(dice: Dice, model: Model, body: Part, skin: Material, angle: float) -> None:
    flesh = custom(
        dice, "noise", vary(dice, (0.93, 0.88, 0.66), 0.02), (0.86, 0.78, 0.5), scale=6, roughness=0.6, bump=0.3
    )
    out, up = np.array([math.cos(angle), math.sin(angle), 0]), dice.uniform(-0.1, 0.35)
    across = np.array([-out[1], out[0], 0])
    # Three marks of teeth side by side.
    centers = [out * dice.uniform(1.0, 1.06) + across * shift + (0, 0, up) for shift in (-0.22, 0.0, 0.22)]
    rest, hollow = bitten(body, centers, 0.42)
    model.add(rest, skin)
    model.add(hollow, flesh)
