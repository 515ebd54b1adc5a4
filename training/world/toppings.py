"""What lies on a cake. Each puts its pieces on the frame's z = 0 within `radius` and returns its words."""

from __future__ import annotations

import math

import numpy as np

from training.world.blossoms import rose
from training.world.colors import darker, mix, vary
from training.world.dice import Dice
from training.world.frame import Frame
from training.world.materials import Material, custom, frosting, leaf, plain
from training.world.model import Model
from training.world.parts import Part, lathe, petal, rotation, sphere, tube

CREAM = (0.93, 0.90, 0.83)
UP = np.array([0.0, 0.0, 1.0])


def around(count: int, radius: float, start: float = 0.0) -> list[np.ndarray]:
    """`count` places [3] on a circle."""
    turns = start + np.arange(count) * 2 * np.pi / count
    return [radius * np.array([math.cos(turn), math.sin(turn), 0]) for turn in turns]


def dollop(radius: float) -> Part:
    """A swirl of cream from a piping bag: a ribbed cone, twisted."""
    profile = [(0.85, 0.0), (1.0, 0.2), (0.85, 0.5), (0.55, 0.85), (0.25, 1.15), (0.001, 1.4)]
    vertices, faces = lathe(profile, 18, (6, 0.12))
    twist = 0.9 * vertices[:, 2]
    x, y = vertices[:, 0].copy(), vertices[:, 1].copy()
    vertices[:, 0] = x * np.cos(twist) - y * np.sin(twist)
    vertices[:, 1] = x * np.sin(twist) + y * np.cos(twist)
    return vertices * radius, faces


def candles(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    count, height = dice.integer(3, 9), dice.uniform(0.25, 0.45)
    wax = frosting(dice, dice.choose(("white", "pink", "blue", "yellow", "red", "green")))
    flame = plain(dice, (0.97, 0.70, 0.16), 0.6, fine=0.01)
    drop = lathe([(0.001, 0), (0.032, 0.04), (0.026, 0.08), (0.001, 0.15)], 10)
    for place in around(count, radius * dice.uniform(0.5, 0.8), dice.uniform(0, 6.28)):
        frame.add(model, tube([(0, 0, -0.02), (0, 0, height)], 0.034, 10), wax, move=place)
        frame.add(model, drop, flame, move=place + height * UP * 1.05)
    return "candles"


def cherries(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    size = dice.uniform(0.075, 0.105)
    red, stalk = plain(dice, vary(dice, (0.60, 0.03, 0.05), 0.03), 0.12, coat=0.8), leaf(dice, (0.34, 0.36, 0.12))
    cream = frosting(dice, CREAM)
    for place in _rim_and_middle(dice, radius, 1.5 * size):
        frame.add(model, dollop(1.15 * size), cream, move=place)
        top = place + 1.7 * size * UP
        frame.add(model, sphere(12, 9), red, move=top, scale=size)
        bow = top + np.array([(0, 0, 0.8 * size), (0.2 * size, 0, 2 * size), (0.8 * size, 0.3 * size, 3 * size)])
        frame.add(model, tube(bow, 0.011, 5), stalk)
    return "cherries"


def strawberries(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    size = dice.uniform(0.1, 0.14)
    red = custom(dice, "voronoi", (0.86, 0.62, 0.30), vary(dice, (0.75, 0.06, 0.07), 0.03), scale=22, ramp=(0.05, 0.22),
                 roughness=0.25, bump=0.2, coat=0.4)  # fmt: skip
    green = leaf(dice)
    berry = lathe([(0.001, 1.45), (0.28, 1.32), (0.66, 0.8), (0.85, 0.32), (0.7, 0.06), (0.001, 0)], 14)
    for place in _rim_and_middle(dice, radius, 1.3 * size):
        turn = rotation("z", dice.uniform(0, 6.28)) @ rotation("x", dice.uniform(-0.3, 0.3))
        frame.add(model, berry, red, move=place, scale=size, rotate=turn)
        for step in range(5 if dice.chance(0.3) else 0):
            spread = turn @ rotation("z", step * 1.257)
            frame.add(
                model, petal(dice, 0.8 * size, 0.25 * size, -0.5), green, rotate=spread, move=place + 1.4 * size * UP
            )
    return "strawberries"


def cream(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    size, skin = dice.uniform(0.09, 0.14), frosting(dice, CREAM)
    for place in _rim_and_middle(dice, radius, 1.1 * size):
        frame.add(model, dollop(size), skin, move=place)
    return "whipped cream"


def roses(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    color, size = dice.choose(("pink", "red", "white", "yellow", "purple")), dice.uniform(0.3, 0.4)
    for place in around(3, 0.52 * radius, dice.uniform(0, 6.28)):
        lean = rotation("z", math.atan2(place[1], place[0])) @ rotation("y", 0.35)
        rose(dice, frame.inner(place + np.array([0, 0, 0.03]), lean), model, color, size)
    return f"{color} roses"


def sprinkles(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    skins = [plain(dice, vary(dice, word, 0.03), 0.35) for word in ("red", "yellow", "blue", "green", "pink")]
    rod = sphere(6, 5)
    for _ in range(dice.integer(50, 90)):
        way, out = dice.uniform(0, 6.28), 0.9 * radius * math.sqrt(dice.uniform(0, 1))
        place = (out * math.cos(way), out * math.sin(way), 0.012)
        turn = rotation("z", dice.uniform(0, 6.28))
        frame.add(model, rod, dice.choose(skins), move=place, rotate=turn, scale=(0.06, 0.02, 0.02))
    return "sprinkles"


def _rim_and_middle(dice: Dice, radius: float, size: float) -> list[np.ndarray]:
    """Places around the rim as close as `size` allows, and often one in the middle."""
    most = int(math.pi * (radius - size) / size)
    places = around(dice.integer(max(4, most // 2), max(5, most)), radius - size, dice.uniform(0, 6.28))
    return [*places, np.zeros(3)] if dice.chance(0.5) else places


def drip(dice: Dice, frame: Frame, model: Model, skin: Material, radius: float, depth: float) -> None:
    """Icing that covers the top (z = 0) and runs down the sides in tongues."""
    turns = np.arange(97) * 2 * np.pi / 96
    tongues = sum(dice.uniform(0.3, 1) * np.sin(k * turns + dice.uniform(0, 6.28)) for k in (5, 9, 13, 17))
    length = depth * (0.35 + 0.65 * np.clip(0.5 + 0.35 * np.asarray(tongues), 0, 1) ** 2)
    length[-1] = length[0]
    rows = [(np.full(97, out * radius), np.full(97, up)) for out, up in ((0.01, 0.03), (0.5, 0.03), (0.93, 0.028))]
    rows += [(np.full(97, 1.025 * radius), -share * length) for share in (0.0, 0.5, 0.92)]
    rows.append((np.full(97, 0.99 * radius), -length))
    grid = np.stack([np.stack([out * np.cos(turns), out * np.sin(turns), up], 1) for out, up in rows])
    corner = [row * 97 + k for row in range(len(rows) - 1) for k in range(96)]
    frame.add(model, (grid.reshape(-1, 3), [(at, at + 97, at + 98, at + 1) for at in corner]), skin)


def icing_tone(dice: Dice, color: str) -> np.ndarray:
    """[3] the colour as sugar takes it: brown is chocolate, strong colours are paler."""
    if color == "brown":
        return vary(dice, (0.24, 0.12, 0.06), 0.03)
    pale = {"white": 0.0, "pink": 0.1, "yellow": 0.2, "red": 0.0}.get(color, 0.25)
    return vary(dice, mix(color, darker(CREAM, 1.0), pale), 0.03)
