"""Flower pots, and the words for them."""

from __future__ import annotations

from training.world.dice import Dice
from training.world.frame import Frame
from training.world.materials import MATERIAL_WORDS, ceramic, soil
from training.world.model import Model
from training.world.parts import lathe
from training.world.thing import article

GLAZES = ("white", "blue", "teal", "yellow", "black", "pink", "red", "green")


def pot(dice: Dice, frame: Frame, model: Model, radius: float, height: float) -> str:
    """A pot with earth in it, whose earth lies at the frame's z = 0; returns its words ("a blue ceramic pot")."""
    words, skin = _ware(dice)
    taper, lip = dice.uniform(0.55, 0.9), dice.uniform(1.02, 1.15)
    top = 0.08 * height
    rim = top - height * dice.uniform(0.14, 0.24)
    outside = [(0.001, top - height), (radius * taper, top - height), (radius * 0.97, rim)]
    inside = [(radius * lip, rim), (radius * lip, top), (radius * 0.93, top), (radius * 0.9, -0.02), (0.001, -0.03)]
    frame.add(model, lathe(outside + inside, 32), skin)
    frame.add(model, lathe([(radius * 0.91, -0.01), (radius * 0.5, 0.02), (0.001, 0.03)], 20), soil(dice))
    return article(f"{words} pot")


def _ware(dice: Dice):
    kind = dice.choose(("clay", "clay", "ceramic", "ceramic", "stone", "wooden"))
    if kind != "ceramic":
        return kind, MATERIAL_WORDS[kind](dice)
    glaze = dice.choose(GLAZES)
    return f"{glaze} ceramic", ceramic(dice, glaze)
