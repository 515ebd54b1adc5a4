"""A vase: any turned shape, plain, ribbed, striped or with handles, empty or with flowers."""

import math

import numpy as np

from training.world.dice import Dice
from training.world.materials import Material, ceramic, gold, leaf, named_material, petal_skin, plain
from training.world.model import Model
from training.world.parts import lathe, petal, rotation, sphere, spline, tube
from training.world.thing import Thing, article

MATERIALS = ("ceramic",) * 6 + (
    "marble",
    "marble",
    "glass",
    "glass",
    "copper",
    "golden",
    "silver",
    "wooden",
    "clay",
    "stone",
)
FLOWERS = ("red", "pink", "yellow", "white", "purple", "orange", "blue")


def make(dice: Dice) -> Thing:
    named = named_material(dice, MATERIALS)
    model = Model()
    outside = _outside(dice)
    height = float(outside[-1, 1])
    inside = np.maximum(outside[10:] - (0.05, 0), (0.02, 0))[::-1]
    profile = np.concatenate([[(0, 0)], outside, inside, [(0, inside[-1, 1])]])
    ribs = (dice.integer(8, 16), dice.uniform(0.02, 0.06)) if dice.chance(0.25) else None
    model.add(lathe(profile, 64 if ribs else 36, ribs), named.surface)
    details = []
    if dice.chance(0.25):
        _add_handles(dice, model, outside, named.surface)
        details.append("two handles")
    elif ribs is None and dice.chance(0.3):
        details.append(_add_bands(dice, model, outside, named.color, named.material))
    if dice.chance(0.35):
        details.append(_add_flowers(dice, model, float(outside[-1, 0]), height))
    words = f"{named.words} vase" + (f" with {' and '.join(details)}" if details else "")
    grounds = ("table", "marble", "plain", "plain", "none", "stone", "floor")
    return Thing("vase", article(words), model, named.color, named.material, grounds)


def _outside(dice: Dice) -> np.ndarray:
    """[26, 2] (radius, z): foot, belly, shoulder, neck and lip of one of four habits."""
    height = dice.uniform(1.4, 2.3)
    foot, belly = dice.uniform(0.22, 0.45), dice.uniform(0.45, 0.72)
    neck, lip = dice.uniform(0.14, 0.3), dice.uniform(0.2, 0.45)
    shapes = {
        "baluster": [
            (foot, 0),
            (dice.uniform(0.45, 0.72), 0.3),
            (dice.uniform(0.4, 0.75), 0.55),
            (neck, 0.82),
            (lip, 1),
        ],
        "bottle": [(foot + 0.1, 0), (belly, 0.22), (neck, 0.5), (neck * 0.9, 0.8), (neck * 1.3, 1)],
        "trumpet": [(foot, 0), (foot * 0.8, 0.1), (neck * 1.1, 0.4), (lip, 0.75), (lip + 0.25, 1)],
        "jar": [(foot + 0.1, 0), (0.6, 0.25), (dice.uniform(0.6, 0.8), 0.6), (0.5, 0.88), (dice.uniform(0.42, 0.5), 1)],
    }
    control = shapes[dice.choose(("baluster", "baluster", "bottle", "trumpet", "jar"))]
    return spline([(radius, z * height) for radius, z in control], 26)


def _add_handles(dice: Dice, model: Model, outside: np.ndarray, surface: Material) -> None:
    height = float(outside[-1, 1])
    low, high = height * dice.uniform(0.5, 0.62), height * dice.uniform(0.82, 0.95)
    radius = np.interp((low, high), outside[:, 1], outside[:, 0])
    reach = float(radius.max()) + dice.uniform(0.12, 0.3)
    path = [
        (radius[1] - 0.01, 0, high),
        (reach * 0.9, 0, high + 0.06),
        (reach, 0, (low + high) / 2),
        (radius[0] - 0.02, 0, low),
    ]
    part, turn = tube(spline(path, 18), dice.uniform(0.035, 0.06), 10), dice.uniform(-0.5, 0.5)
    for side in (0.0, math.pi):
        model.add(part, surface, rotate=rotation("z", turn + side))


def _add_bands(dice: Dice, model: Model, outside: np.ndarray, color: str | None, material: str) -> str:
    """Rings of another colour or of gold laid around the belly; says what they are."""
    word = dice.choose([w for w in ("golden", "white", "black", "blue", "red") if w not in (color, material)])
    surface = gold(dice) if word == "golden" else ceramic(dice, word)
    height = float(outside[-1, 1])
    for k in range(dice.integer(2, 4)):
        middle, half = height * (0.2 + 0.17 * k), height * dice.uniform(0.02, 0.045)
        levels = np.linspace(middle - half, middle + half, 5)
        model.add(lathe([(np.interp(z, outside[:, 1], outside[:, 0]) + 0.008, z) for z in levels], 36), surface)
    return f"{word} bands"


def _add_flowers(dice: Dice, model: Model, mouth: float, height: float) -> str:
    color = dice.choose(FLOWERS)
    petals, green, heart = petal_skin(dice, color), leaf(dice), plain(dice, (0.8, 0.55, 0.1), 0.8)
    count = dice.integer(3, 6)
    for k in range(count):
        angle = 2 * math.pi * k / count + dice.uniform(-0.3, 0.3)
        spread = mouth + dice.uniform(0.0, 0.4)
        across = np.array([math.cos(angle), math.sin(angle), 0])
        top = across * spread + (0, 0, height + dice.uniform(0.35, 0.85))
        path = [(0, 0, height * 0.8), across * mouth * 0.6 + (0, 0, height), top]
        model.add(tube(spline(path, 8), 0.025, 6), green)
        tilt = rotation("z", angle) @ rotation("y", dice.uniform(0.2, 1.0))
        _add_head(dice, model, top, tilt, petals, heart)
        if dice.chance(0.7):
            turn = rotation("z", angle + dice.uniform(-1, 1)) @ rotation("y", -dice.uniform(0.3, 0.9))
            model.add(petal(dice, 0.45, 0.1, -0.8), green, rotate=turn, move=across * mouth * 0.5 + (0, 0, height))
    return f"{color} flowers"


def _add_head(dice: Dice, model: Model, top: np.ndarray, tilt: np.ndarray, petals: Material, heart: Material) -> None:
    """One open flower, its face along the tilted z axis."""
    length, count = dice.uniform(0.2, 0.32), 9
    for i in range(count):
        turn = tilt @ rotation("z", 2 * math.pi * i / count) @ rotation("y", -0.3)
        model.add(petal(dice, length, length * 0.36, 0.25), petals, rotate=turn, move=top)
    model.add(sphere(8, 6), heart, scale=(0.075, 0.075, 0.05), rotate=tilt, move=top)
