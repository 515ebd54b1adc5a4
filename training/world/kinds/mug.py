"""A mug, cup or tankard with one handle, empty or filled."""

import numpy as np

from training.world.colors import COLORS, vary
from training.world.dice import Dice
from training.world.materials import Material, custom, named_material, plain
from training.world.model import Model
from training.world.parts import lathe, rotation, spline, tube
from training.world.thing import Thing, article

MATERIALS = ("ceramic",) * 6 + ("wooden", "copper", "silver", "golden", "clay", "marble", "plastic", "glass", "glass")
DRINKS = {"coffee": (0.13, 0.07, 0.035), "tea": (0.55, 0.22, 0.05), "milk": (0.93, 0.91, 0.86)}


def make(dice: Dice) -> Thing:
    named = named_material(dice, MATERIALS)
    model = Model()
    height, wall = dice.uniform(0.75, 1.45), dice.uniform(0.04, 0.07)
    outside = _outside(dice, height)
    inside = np.stack([outside[:, 0] - wall, np.maximum(outside[:, 1], wall)], 1)[::-1]
    inside[0, 1] = height - 0.01
    rim = [(outside[-1, 0] - wall / 2, height + 0.015)]
    profile = np.concatenate([[(0, 0)], outside, rim, inside, [(0, wall)]])
    model.add(lathe(profile, 36), named.surface)
    turn = rotation("z", dice.choose((0.0, np.pi, dice.uniform(-np.pi, np.pi))))
    _add_handle(dice, model, outside, named.surface, turn)
    detail = _add_stripes(dice, model, outside, named.color) if dice.chance(0.3) else ""
    filling = _add_drink(dice, model, outside, wall) if dice.chance(0.5) else ""
    model.warp(dice, 0.004, 2)
    words = article(f"{named.words} mug{filling}{detail}")
    grounds = ("table", "marble", "plain", "plain", "none", "stone")
    return Thing("mug", words, model, named.color, named.material, grounds)


def _outside(dice: Dice, height: float) -> np.ndarray:
    """[P, 2] (radius, z) of the outer wall, from the foot to the lip: straight, flaring, bellied or waisted."""
    middle = dice.uniform(0.4, 0.62)
    foot, lip = middle * dice.uniform(0.72, 1.1), middle * dice.uniform(0.85, 1.15)
    control = [(foot * 0.94, 0), (foot, 0.04), (middle, height * dice.uniform(0.35, 0.6)), (lip, height)]
    return spline(control, 18)


def _radius_at(outside: np.ndarray, z: float) -> float:
    return float(np.interp(z, outside[:, 1], outside[:, 0]))


def _add_handle(dice: Dice, model: Model, outside: np.ndarray, surface: Material, turn: np.ndarray) -> None:
    height, thick = float(outside[-1, 1]), dice.uniform(0.045, 0.08)
    low, high = height * dice.uniform(0.15, 0.28), height * dice.uniform(0.74, 0.88)
    reach = dice.uniform(0.24, 0.42)
    start, end = _radius_at(outside, high) - 0.01, _radius_at(outside, low) - 0.01
    square = dice.uniform(0.55, 1.0)  # 1: a box-like handle, less: an ear
    path = [
        (start, 0, high),
        (start + reach * 0.65, 0, high + 0.03),
        (start + reach, 0, high - (high - low) * 0.3),
        (end + reach * square, 0, low + (high - low) * 0.3),
        (end + reach * 0.45, 0, low),
        (end, 0, low),
    ]
    model.add(tube(spline(path, 22), thick, 12), surface, rotate=turn, scale=(1, dice.uniform(1, 1.6), 1))


def _add_stripes(dice: Dice, model: Model, outside: np.ndarray, color: str | None) -> str:
    stripe = dice.choose([word for word in ("white", "black", "red", "blue", "yellow", "green") if word != color])
    surface = custom(dice, "noise", vary(dice, COLORS[stripe], 0.03), roughness=0.25, bump=0, fine=0.02, coat=0.5)
    height, count = float(outside[-1, 1]), dice.integer(1, 3)
    width = dice.uniform(0.08, 0.22) / count
    for k in range(count):
        middle = height * (0.5 + 0.24 * (k - (count - 1) / 2))
        levels = np.linspace(middle - width, middle + width, 5) if count > 1 else np.linspace(0.3, 0.6, 7) * height
        model.add(lathe([(_radius_at(outside, z) + 0.006, z) for z in levels], 36), surface)
    return f" with {article(stripe)} stripe" if count == 1 else f" with {stripe} stripes"


def _add_drink(dice: Dice, model: Model, outside: np.ndarray, wall: float) -> str:
    drink = dice.choose(("coffee", "coffee", "coffee", "tea", "milk"))
    level = float(outside[-1, 1]) * dice.uniform(0.78, 0.92)
    radius = _radius_at(outside, level) - wall * 0.9
    surface = plain(dice, vary(dice, DRINKS[drink], 0.02), 0.1, coat=0.3)
    model.add(lathe([(radius, level), (radius * 0.5, level), (0, level)], 28), surface)
    return f" of {drink}"
