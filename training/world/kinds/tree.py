"""Oaks, birches, cherry and fruit trees, pines and palms, and trees without leaves."""

from __future__ import annotations

import math

import numpy as np

from training.world.colors import RGB, darker, vary
from training.world.dice import Dice
from training.world.foliage import leafy_mass, sheet
from training.world.frame import Frame
from training.world.materials import Material, bark, custom, leaf, moss, plain
from training.world.model import Model
from training.world.parts import rotation, sphere, spline, tube
from training.world.thing import Thing, article

LEAF_COLORS: dict[str, tuple[RGB, ...]] = {
    "green": ((0.20, 0.40, 0.10), (0.28, 0.46, 0.12), (0.13, 0.31, 0.09)),
    "orange": ((0.82, 0.42, 0.08),),
    "yellow": ((0.87, 0.69, 0.12),),
    "red": ((0.64, 0.13, 0.07),),
    "pink": ((0.90, 0.58, 0.68),),
    "white": ((0.90, 0.88, 0.86),),
}
FRUITS: dict[str, RGB] = {"red apples": (0.68, 0.07, 0.05), "oranges": (0.92, 0.48, 0.05), "lemons": (0.92, 0.80, 0.15)}
NEEDLES = ((0.10, 0.28, 0.12), (0.13, 0.33, 0.20), (0.18, 0.34, 0.12), (0.16, 0.32, 0.28))


def make(dice: Dice) -> Thing:
    model = Model()
    words, color = dice.choose(SORTS)(dice, model)
    grounds = ("grass", "grass", "grass", "snow", "plain", "none")
    return Thing("tree", article(words), model, color, None, grounds)


def _oak(dice: Dice, model: Model) -> tuple[str, str]:
    color = dice.choose(("green",) * 5 + ("orange", "yellow", "red"))
    tips = _trunk(dice, model, bark(dice), dice.uniform(0.12, 0.22), dice.uniform(0.9, 1.6))
    _crown(dice, model, tips, color, dice.uniform(0.42, 0.62), 1.0)
    return f"{color} {dice.choose(('tree', 'oak tree', 'oak tree'))}", color


def _fruit_tree(dice: Dice, model: Model) -> tuple[str, str]:
    fruit = dice.choose(tuple(FRUITS))
    tips = _trunk(dice, model, bark(dice), dice.uniform(0.1, 0.16), dice.uniform(0.8, 1.2))
    balls = _crown(dice, model, tips, "green", dice.uniform(0.42, 0.56), 0.95)
    skin = plain(dice, vary(dice, FRUITS[fruit], 0.03), 0.3, coat=0.3)
    for _ in range(dice.integer(22, 40)):
        center, radii = dice.choose(balls)
        outward = dice.normal(size=3)
        place = center + 1.04 * radii * outward / np.linalg.norm(outward)
        model.add(sphere(10, 7), skin, move=place, scale=dice.uniform(0.06, 0.085))
    return f"green tree with {fruit}", "green"


def _cherry(dice: Dice, model: Model) -> tuple[str, str]:
    color = dice.choose(("pink", "pink", "pink", "white"))
    tips = _trunk(dice, model, bark(dice, (0.26, 0.17, 0.14)), dice.uniform(0.09, 0.15), dice.uniform(0.6, 1.0))
    _crown(dice, model, tips, color, dice.uniform(0.4, 0.55), 0.75)
    return f"{color} cherry tree", color


def _birch(dice: Dice, model: Model) -> tuple[str, str]:
    color = dice.choose(("green", "green", "yellow", "orange"))
    white = custom(
        dice, "wave", (0.86, 0.84, 0.80), (0.12, 0.11, 0.10), scale=3, stretch=(0.3, 0.3, 1.3), distortion=1.5,
        roughness=0.8, bump=0.2, ramp=(0.75, 0.95),
    )  # fmt: skip
    tips = _trunk(dice, model, white, dice.uniform(0.06, 0.1), dice.uniform(1.2, 1.8))
    _crown(dice, model, tips, color, dice.uniform(0.32, 0.42), 1.5)
    return f"{color} birch tree", color


def _trunk(dice: Dice, model: Model, skin: Material, thick: float, height: float) -> list[np.ndarray]:
    """A trunk with roots and boughs; returns the boughs' ends, the trunk's own above them."""
    sway = dice.normal(0.06, (3, 2))
    path = spline([(0, 0, 0), (*sway[0], 0.35 * height), (*sway[1], 0.7 * height), (*sway[2], height)], 12)
    share = np.linspace(0, 1, 12)
    model.add(tube(path, thick * (1 - 0.45 * share + 0.8 * np.exp(-share / 0.06)), 12, ribs=(5, 0.08)), skin)
    tips = [path[-1] + np.array([0, 0, 0.45])]
    model.add(tube(np.linspace(path[-1] - [0, 0, 0.05], tips[0], 5), thick * np.linspace(0.55, 0.15, 5), 7), skin)
    way = dice.uniform(0, 6.28)
    for _ in range(dice.integer(4, 6)):
        way += 2.4 + dice.uniform(-0.4, 0.4)
        reach, climb = dice.uniform(0.35, 0.6), dice.uniform(0.15, 0.5)
        start = path[dice.integer(8, 11)]
        end = start + np.array([reach * math.cos(way), reach * math.sin(way), climb])
        bough = spline([start, (start + end) / 2 - [0, 0, 0.06], end], 7)
        model.add(tube(bough, thick * np.linspace(0.5, 0.12, 7), 6), skin)
        tips.append(end)
    return tips


def _crown(dice: Dice, model: Model, tips: list[np.ndarray], color: str, size: float, tall: float):
    """Leafy masses around the boughs' ends; returns their centres and radii."""
    tone = vary(dice, dice.choose(LEAF_COLORS[color]), 0.03)
    skins = leaf(dice, tone), moss(dice, darker(tone, 0.7 if color == "green" else 0.8))
    leaf_size, balls = dice.uniform(0.1, 0.17), []
    for step, tip in enumerate(tips):
        radii = size * dice.uniform(0.85, 1.2) * (1.15 if step == 0 else 1.0) * np.array([1, 1, 0.85 * tall])
        leafy_mass(dice, Frame.at(tip), model, skins, radii, leaf_size)
        balls.append((tip, radii))
    return balls


def _bare(dice: Dice, model: Model) -> tuple[str, None]:
    """Branches that fork three times."""
    skin = bark(dice)

    def grow(start: np.ndarray, turn: np.ndarray, length: float, thick: float, forks: int) -> None:
        bow = dice.normal(0.06, 2)
        line = spline([(0, 0, 0), (*(bow * length), 0.5 * length), (0, 0, length)], 6) @ turn.T + start
        model.add(tube(line, thick * np.linspace(1, 0.6, 6), 3 + 2 * forks), skin)
        way = dice.uniform(0, 6.28)
        for fork in range(3 if forks else 0):
            spread = rotation("z", way + 2.1 * fork) @ rotation("x", dice.uniform(0.3, 0.75))
            root = line[-1] if fork == 0 else line[dice.integer(3, 5)]
            grow(root, turn @ spread, length * dice.uniform(0.6, 0.8), 0.58 * thick, forks - 1)

    thick = dice.uniform(0.1, 0.18)
    grow(np.zeros(3), np.eye(3), dice.uniform(0.7, 1.1), thick, 4)
    model.add(tube([(0, 0, -0.05), (0, 0, 0.05), (0, 0, 0.25)], [1.9 * thick, 1.5 * thick, thick], 12), skin)
    return "bare tree", None


def _pine(dice: Dice, model: Model) -> tuple[str, str | None]:
    """Tiers of drooping boughs that shorten towards the top; now and then dressed for Christmas or under snow."""
    tone, height = vary(dice, dice.choose(NEEDLES), 0.02), dice.uniform(1.8, 3.0)
    model.add(tube([(0, 0, 0), (0, 0, 0.4 * height), (0, 0, height)], [0.14, 0.1, 0.02], 10), bark(dice))
    dress = dice.choose(("", "", "", "snow", "baubles"))
    layers = [(leaf(dice, darker(tone, 0.6)), 0.9), (leaf(dice, tone), 1.0)]  # skin, breadth: from below upwards
    if dress == "snow":
        layers.append((plain(dice, (0.92, 0.93, 0.95), 0.8), 0.85))
    tiers, foot, broad = dice.integer(7, 11), dice.uniform(0.08, 0.25), dice.uniform(0.6, 0.95)
    deep, hang = 1.5 * height * (1 - foot) / tiers, dice.uniform(0.3, 0.6)
    for tier in range(tiers):
        share = tier / (tiers - 0.5)
        radius = broad * (1 - share) * dice.uniform(0.92, 1.08) + 0.06
        top = height * (foot + (1 - foot) * share) + deep
        for step, (skin, breadth) in enumerate(layers):
            skirt = _tier(dice, radius * breadth, deep, hang)
            model.add(skirt, skin, smooth=False, move=(0, 0, top + 0.03 * step))
    if dress == "baubles":
        _baubles(dice, model, height, foot, broad)
    color = "green" if dice.chance(0.5) and dress != "snow" else None
    ending = {"": "", "snow": " with snow", "baubles": " with colourful ornaments"}[dress]
    return (f"{color} " if color else "") + "pine tree" + ending, color


def _tier(dice: Dice, radius: float, deep: float, hang: float):
    """A skirt of boughs [3 rings]: its hem goes in and out, its top meets the trunk."""
    count = 2 * dice.integer(11, 15)
    angles = np.arange(count + 1) * 2 * np.pi / count + dice.uniform(0, 6.28)
    comb = np.where(np.arange(count + 1) % 2, 0.62, 1.0) * dice.generator.uniform(0.85, 1.12, count + 1)
    comb[-1] = comb[0]
    rings = []
    for reach, drop in ((0.04, 0.0), (0.45, 0.45), (1.0, 1.0)):
        out = radius * (reach * (comb if reach > 0.1 else 1) + np.zeros(count + 1))
        fall = -deep * (0.6 * drop + hang * drop * comb)
        rings.append(np.stack([out * np.cos(angles), out * np.sin(angles), fall + np.zeros(count + 1)], 1))
    return sheet(np.stack(rings))


def _baubles(dice: Dice, model: Model, height: float, foot: float, broad: float) -> None:
    skins = [plain(dice, vary(dice, word, 0.02), 0.12, coat=0.8) for word in ("red", "yellow", "blue", "pink")]
    for step in range(dice.integer(24, 36)):
        share, way = dice.uniform(0, 0.92), 2.4 * step
        out = broad * (1 - share) * 0.95 + 0.05
        place = (out * math.cos(way), out * math.sin(way), height * (foot + (1 - foot) * share) + 0.04)
        model.add(sphere(10, 7), dice.choose(skins), move=place, scale=dice.uniform(0.05, 0.075))
    points = [
        (0.16 if k % 2 == 0 else 0.07) * np.array([math.sin(k * 0.628), 0, math.cos(k * 0.628)]) for k in range(10)
    ]
    star = np.array([*points, (0, -0.05, 0), (0, 0.05, 0)])
    faces = [(10, k, (k + 1) % 10) for k in range(10)] + [(11, (k + 1) % 10, k) for k in range(10)]
    gold = plain(dice, (0.95, 0.72, 0.25), 0.25, metallic=0.8)
    model.add((star, faces), gold, smooth=False, move=(0, 0, height * (1 + 0.15 * (1 - foot)) + 0.05))


def _palm(dice: Dice, model: Model) -> tuple[str, str | None]:
    """A ringed trunk that leans, and a head of feathered fronds."""
    height, lean = dice.uniform(1.2, 2.2), dice.uniform(-0.5, 0.5)
    path = spline([(0, 0, 0), (0.15 * lean, 0, 0.35 * height), (0.5 * lean, 0, 0.7 * height), (lean, 0, height)], 30)
    thick = dice.uniform(0.07, 0.12)
    rings = np.where(np.arange(30) % 2, 1.0, 0.84) * np.interp(np.arange(30), [0, 3, 29], [1.7, 1.15, 0.75])
    model.add(tube(path, thick * rings, 12), bark(dice, (0.45, 0.34, 0.24)))
    head, green = Frame.at(path[-1]), leaf(dice, vary(dice, (0.22, 0.45, 0.13), 0.04))
    count = dice.integer(9, 14)
    for step in range(count):
        turn = rotation("z", 2 * math.pi * step / count + dice.uniform(-0.2, 0.2))
        _frond(dice, head, model, green, turn, dice.uniform(0.75, 1.05), dice.uniform(-0.1, 0.9))
    nuts = dice.chance(0.6)
    skin = custom(dice, "noise", (0.38, 0.24, 0.12), roughness=0.8)
    for step in range(dice.integer(3, 5) if nuts else 0):
        way = 2 * math.pi * step / 4 + 0.4
        head.add(model, sphere(10, 8), skin, move=(0.13 * math.cos(way), 0.13 * math.sin(way), -0.12), scale=0.095)
    color = "green" if dice.chance(0.4) else None
    return (f"{color} " if color else "") + "palm tree" + (" with coconuts" if nuts else ""), color


def _frond(
    dice: Dice, frame: Frame, model: Model, skin: Material, turn: np.ndarray, length: float, rise: float
) -> None:
    """A rib that arches out along x and hangs, with a comb of leaflets on both sides."""
    steps = 12
    angle = rise - np.linspace(0, 1, steps) * dice.uniform(1.5, 2.2)
    rib = np.cumsum(np.stack([np.cos(angle), 0 * angle, np.sin(angle)], 1), 0) * length / steps
    frame.add(model, tube(rib, np.linspace(0.02, 0.006, steps), 5), skin, rotate=turn)
    corners, faces = [], []
    for at in np.linspace(1, steps - 1.01, 17):
        point = rib[int(at)] + (at % 1) * (rib[int(at) + 1] - rib[int(at)])
        along = (rib[int(at) + 1] - rib[int(at)]) / np.linalg.norm(rib[int(at) + 1] - rib[int(at)])
        reach = length * 0.3 * math.sin(math.pi * (0.12 + 0.8 * at / steps)) ** 0.7
        for side in (-1, 1):
            tip = point + reach * (0.85 * side * np.array([0, 1, 0]) + 0.5 * along - np.array([0, 0, 0.35]))
            faces.append((len(corners), len(corners) + 1, len(corners) + 2))
            corners += [point - 0.028 * along, point + 0.028 * along + np.array([0, 0, 0.005]), tip]
    frame.add(model, (np.array(corners), faces), skin, rotate=turn, smooth=False)


def _topiary(dice: Dice, model: Model) -> tuple[str, str]:
    """A ball on a stick, as a child draws a tree."""
    height, radius = dice.uniform(0.5, 1.2), dice.uniform(0.4, 0.75)
    thick = dice.uniform(0.06, 0.13)
    model.add(
        tube([(0, 0, 0), (0, 0, 0.2), (0, 0, height), (0, 0, height + radius)], [1.4 * thick, thick, thick, 0.03], 10),
        bark(dice),
    )
    tone = vary(dice, dice.choose(LEAF_COLORS["green"]), 0.03)
    skins, top = (leaf(dice, tone), moss(dice, darker(tone, 0.7))), Frame.at((0, 0, height + 0.85 * radius))
    radii = radius * np.array([1, 1, dice.uniform(0.85, 1.3)])
    leafy_mass(dice, top, model, skins, radii, dice.uniform(0.07, 0.12))
    return "green round tree", "green"


SORTS = (_oak, _oak, _oak, _pine, _pine, _birch, _palm, _cherry, _fruit_tree, _topiary, _bare)
