"""Lighthouses: a tapering tower, plain, banded or with a winding stripe, a gallery and a lantern on top."""

from __future__ import annotations

import numpy as np

from training.world import materials
from training.world.colors import darker, vary
from training.world.dice import Dice
from training.world.kinds import house
from training.world.materials import Material, custom
from training.world.model import Model
from training.world.parts import box, extrude, lathe, rotation, sphere, torus, tube
from training.world.skins import add_split, slab
from training.world.thing import Thing, article

STRIPES = ("red", "red", "blue", "black", "green", "orange", "yellow", "teal")
ROWS = 36


def limewash(dice: Dice, name: str) -> Material:
    """Paint that weather has worn."""
    color = vary(dice, name, 0.03)
    return custom(dice, "noise", color, darker(color, 0.78), scale=5, roughness=0.6, bump=0.2, fine=0.1)


class Tower:
    """Radius at each height: straight or flaring towards the foot."""

    def __init__(self, dice: Dice):
        self.height = dice.uniform(1.6, 3.0)
        self.foot, self.top = dice.uniform(0.40, 0.62), dice.uniform(0.22, 0.34)
        self.flare = dice.choose((1.0, 1.0, dice.uniform(1.4, 2.2)))
        self.around = 8 if dice.chance(0.2) else 32

    def radius(self, z: float | np.ndarray) -> np.ndarray:
        return self.top + (self.foot - self.top) * (1 - np.asarray(z, float) / self.height) ** self.flare


def add_tower(model: Model, dice: Dice, tower: Tower, coats: tuple[Material, Material], pattern: str) -> None:
    """The shaft in the first coat, its bands or winding stripe in the second."""
    z = np.linspace(0, tower.height, ROWS + 1)
    around = tower.around
    vertices, faces = lathe(np.stack([tower.radius(z), z], axis=1), around)
    rows, columns = np.repeat(np.arange(ROWS), around), np.tile(np.arange(around), ROWS)
    labels = np.zeros(ROWS * around, int)
    if pattern == "bands":
        bands = dice.choose((3, 4, 6)) if tower.height > 2 else dice.choose((3, 4))
        labels = (rows // (ROWS // (2 * bands) or 1) + 1) % 2
    elif pattern == "winding":
        # The rings are turned against each other so that columns of faces climb around the tower.
        twist = dice.choose((-1, 1)) * dice.uniform(0.6, 1.5) * 2 * np.pi * np.repeat(z, around) / tower.height
        x, y = vertices[:, 0].copy(), vertices[:, 1].copy()
        vertices[:, 0], vertices[:, 1] = x * np.cos(twist) - y * np.sin(twist), x * np.sin(twist) + y * np.cos(twist)
        labels = (columns // max(around // 4, 1)) % 2
    add_split(model, (vertices, faces), labels, coats, smooth=around > 8)


def add_gallery(model: Model, tower: Tower, iron: Material) -> None:
    """A walk around the top with a railing."""
    r, z = tower.top, tower.height
    floor = [(0.9 * r, z - 0.08), (1.5 * r, z + 0.02), (1.5 * r, z + 0.08), (0.01, z + 0.08)]
    model.add(lathe(floor, 28), iron, smooth=False)
    for k in range(12):
        way = np.array([np.cos(k * np.pi / 6), np.sin(k * np.pi / 6), 0]) * 1.42 * r
        model.add(tube(way + np.array([(0, 0, z + 0.07), (0, 0, z + 0.28)]), 0.014, 5), iron)
    for height in (0.18, 0.28):
        model.add(torus(1.42 * r, 0.014, 28, 6), iron, move=(0, 0, z + height))


def add_lantern(model: Model, dice: Dice, tower: Tower, roof: Material, iron: Material) -> None:
    """A glazed room with a lamp's yellow light and a cap: pointed or a dome."""
    r, z = tower.top, tower.height + 0.08
    high = dice.uniform(0.32, 0.5)
    light = materials.glaze(dice, (0.92, 0.82, 0.45))
    model.add(lathe([(0.74 * r, z), (0.74 * r, z + high)], 16), light, smooth=False)
    for k in range(8):
        way = np.array([np.cos(k * np.pi / 4), np.sin(k * np.pi / 4), 0]) * 0.76 * r
        model.add(tube(way + np.array([(0, 0, z), (0, 0, z + high)]), 0.018, 5), iron)
    model.add(torus(0.76 * r, 0.018, 24, 6), iron, move=(0, 0, z + 0.45 * high))
    top = z + high
    if dice.chance(0.5):
        cap = [(0.01, top), (0.98 * r, top), (0.6 * r, top + 0.5 * r), (0.03, top + 1.1 * r)]
    else:
        bow = np.linspace(0, 1.5, 8)
        cap = [(0.01, top), (0.98 * r, top), *np.stack([0.92 * r * np.cos(bow), top + 0.04 + 0.8 * r * np.sin(bow)], 1)]
    model.add(lathe(cap, 24), roof)
    tip = float(cap[-1][1])
    model.add(tube([(0, 0, tip - 0.05), (0, 0, tip + 0.2)], 0.015, 6), iron)
    model.add(sphere(10, 7), iron, scale=0.045, move=(0, 0, tip + 0.04))


def add_openings(model: Model, dice: Dice, tower: Tower, iron: Material) -> None:
    """A door at the front, windows up the front and the back."""
    glass = materials.dark_glass(dice)
    door = materials.wood(dice, dice.choose((None, (0.45, 0.12, 0.08), (0.12, 0.25, 0.35))))
    foot = float(tower.radius(0.2))
    model.add(box(), iron, smooth=False, scale=(0.3, 0.12, 0.48), move=(0, -0.97 * foot, 0.24))
    model.add(box(), door, smooth=False, scale=(0.22, 0.15, 0.42), move=(0, -0.97 * foot, 0.21))
    count = dice.integer(2, 4)
    for k in range(count):
        z = tower.height * (0.32 + 0.56 * k / count)
        for turn in (0, np.pi) if k % 2 == 0 else (0, 2 * np.pi / 3, -2 * np.pi / 3):
            place = rotation("z", turn)
            at = place @ np.array([0, -float(tower.radius(z)), z])
            model.add(box(), iron, smooth=False, rotate=place, scale=(0.16, 0.08, 0.24), move=at)
            model.add(box(), glass, smooth=False, rotate=place, scale=(0.11, 0.1, 0.19), move=at)


def add_cottage(model: Model, dice: Dice, tower: Tower, wall: Material, roof: Material) -> None:
    """The keeper's house, against one side."""
    side = dice.choose((-1, 1))
    deep, high, rise = dice.uniform(0.55, 0.75), dice.uniform(0.42, 0.6), dice.uniform(0.25, 0.4)
    long = dice.uniform(0.7, 1.1)
    middle = np.array([side * (0.75 * tower.foot + long / 2), 0, 0])
    half = deep / 2
    outline = [(-half, 0), (half, 0), (half, high), (0, high + rise), (-half, high)]
    model.add(extrude(outline, long), wall, smooth=False, rotate=rotation("z", np.pi / 2), move=middle)
    ends = np.array([-long / 2 - 0.06, long / 2 + 0.06])
    for way in (-1, 1):
        ridge = np.stack([ends, 0 * ends, 0 * ends + high + rise + 0.03], axis=1)
        eave = np.stack([ends, 0 * ends + way * (half + 0.08), 0 * ends + high - 0.08 * rise / half + 0.03], axis=1)
        model.add(slab(ridge, eave, 0.07, (0, way * rise, half)), roof, smooth=False, move=middle)
    white = materials.plain(dice, (0.9, 0.88, 0.84))
    coats = house.Coats(wall, roof, white, materials.dark_glass(dice), white, None)
    for turn in (0, np.pi):
        for x in (-0.25, 0.25):
            place = rotation("z", turn)
            middle_before = place.T @ middle
            house.add_window(model, coats, (0.16, 0.2), (middle_before[0] + x * long, -half, 0.55 * high), place)


def add_rock(model: Model, dice: Dice, tower: Tower) -> None:
    rock = materials.stone(dice)
    for _ in range(dice.integer(3, 6)):
        at = np.append(dice.vector(-0.55, 0.55)[:2] * tower.foot * 1.6, -0.14)
        size = np.array([dice.uniform(0.5, 0.9), dice.uniform(0.5, 0.9), dice.uniform(0.2, 0.32)])
        model.add(sphere(9, 6), rock, smooth=False, rotate=rotation("z", dice.uniform(0, 6.28)), scale=size, move=at)


def make(dice: Dice) -> Thing:
    model = Model()
    tower = Tower(dice)
    pattern = dice.choose(("bands", "bands", "bands", "winding", "plain", "plain"))
    iron = materials.plain(dice, (0.12, 0.12, 0.13), 0.4)
    stripe = dice.choose(STRIPES)
    white = limewash(dice, "white")
    if pattern == "plain":
        coat, color, material, words = plain_tower(dice)
        coats = (coat, coat)
        roof = limewash(dice, stripe)
    else:
        roof = limewash(dice, stripe) if dice.chance(0.7) else iron
        coats = (white, limewash(dice, stripe))
        color, material, words = stripe, None, f"{stripe} and white striped"
    add_tower(model, dice, tower, coats, pattern)
    add_gallery(model, tower, iron)
    add_lantern(model, dice, tower, roof, iron)
    add_openings(model, dice, tower, iron)
    detail = f" with {article(stripe)} roof" if pattern == "plain" else ""
    if dice.chance(0.3):
        add_cottage(model, dice, tower, white, roof)
        detail += " and a cottage" if detail else " with a cottage"
    if dice.chance(0.5):
        add_rock(model, dice, tower)
    grounds = ("grass", "stone", "sand", "plain", "none")
    return Thing("lighthouse", article(f"{words} lighthouse{detail}"), model, color, material, grounds)


def plain_tower(dice: Dice) -> tuple[Material, str | None, str | None, str]:
    kind = dice.choose(("paint", "paint", "stone", "brick"))
    if kind == "stone":
        return materials.rubble(dice), None, "stone", "stone"
    if kind == "brick":
        return materials.brick(dice), None, "brick", "brick"
    color = dice.choose(("white", "white", "yellow", "red", "blue"))
    return limewash(dice, color), color, None, color
