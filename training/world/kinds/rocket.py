"""Rockets: a body of revolution with a nose, fins, portholes and a nozzle, now and then boosters or a flame."""

from __future__ import annotations

import numpy as np

from training.world import materials
from training.world.colors import darker, vary
from training.world.dice import Dice
from training.world.materials import Material
from training.world.model import Model
from training.world.parts import lathe, rotation, sphere, spline, torus
from training.world.skins import add_split, centres, slab
from training.world.thing import Thing, article

PAINTS = ("red", "blue", "white", "green", "yellow", "orange", "black", "purple", "teal", "pink", "grey", "turquoise")
TRIMS = ("red", "blue", "white", "yellow", "orange", "black", "green")
METALS = {"silver": materials.silver, "golden": materials.gold, "copper": materials.copper}


def outline(dice: Dice, height: float, radius: float) -> np.ndarray:
    """The half-profile (radius, z) [N, 2] of the body, from its foot to its tip: a cigar or a straight pipe."""
    if dice.chance(0.6):
        waist = dice.uniform(0.5, 0.8)
        share = dice.uniform(0.35, 0.5)
        control = [(radius * waist, 0), (radius, height * share), (radius * 0.75, height * 0.75), (0.012, height)]
        return spline(control, 40)
    shoulder = height * dice.uniform(0.62, 0.78)
    climb = np.linspace(0, 1, 14)
    nose = np.stack([radius * (1 - climb ** dice.uniform(1.1, 2.2)), shoulder + (height - shoulder) * climb], axis=1)
    pipe = np.stack([np.full(20, radius), np.linspace(0, shoulder, 20, endpoint=False)], axis=1)
    return np.maximum(np.concatenate([pipe, nose]), [0.012, 0])


def radius_at(profile: np.ndarray, z: float) -> float:
    return float(np.interp(z, profile[:, 1], profile[:, 0]))


def add_body(model: Model, profile: np.ndarray, paints: tuple[Material, Material, Material], bands: int) -> None:
    """The skin in three paints: the body, the nose above 3/4 of the height, and bands below it."""
    top = profile[-1, 1]
    skin = lathe([(0.001, 0), *profile], 32)
    height = centres(skin)[:, 2]
    stripe = 0.75 * top / (2 * bands + 1)
    banded = (height // stripe) % 2 == 1 if bands else np.zeros(len(height), bool)
    add_split(model, skin, np.where(height > 0.75 * top, 1, np.where(banded, 2, 0)), paints)


def add_fins(model: Model, dice: Dice, profile: np.ndarray, paint: Material) -> None:
    """Three to five swept fins around the foot; the first looks backwards, which leaves the front to the window."""
    count = dice.integer(3, 5)
    height = profile[-1, 1] * dice.uniform(0.22, 0.42)
    reach = profile[:, 0].max() * dice.uniform(0.7, 1.5)
    droop = dice.uniform(0, 0.3)
    u = np.linspace(0, 1, 9)
    low = np.array([radius_at(profile, z) * 0.9 for z in u * height])
    zero = np.zeros(9)
    near = np.stack([low, zero, u * height], axis=1)
    out = low + reach * (1 - u ** dice.uniform(1.2, 2.6)) * np.minimum(1, 0.75 + u)
    far = np.stack([out, zero, u * height - droop * (1 - u) ** 2], axis=1)
    fin = slab(near, far, dice.uniform(0.05, 0.1), (0, 1, 0))
    for i in range(count):
        model.add(fin, paint, smooth=False, rotate=rotation("z", np.pi / 2 + 2 * np.pi * i / count))


def add_windows(model: Model, dice: Dice, profile: np.ndarray, rim: Material) -> None:
    """One to three round portholes in a column, on the front and as often on the back."""
    glass = materials.dark_glass(dice)
    size = profile[:, 0].max() * dice.uniform(0.25, 0.42)
    count = dice.integer(1, 3)
    for turn in (0.0, np.pi) if dice.chance(0.5) else (0.0,):
        for i in range(count):
            z = profile[-1, 1] * 0.66 - 2.7 * size * i
            slope = (radius_at(profile, z + 0.1) - radius_at(profile, z - 0.1)) / 0.2
            place = rotation("z", turn)
            tilt = place @ rotation("x", np.pi / 2 + np.arctan(slope))
            at = place @ np.array([0, -radius_at(profile, z), z])
            model.add(torus(size, size * 0.22, 24, 8), rim, rotate=tilt, move=at)
            model.add(sphere(16, 8), glass, rotate=tilt, scale=(size, size, size * 0.25), move=at)


def add_engine(model: Model, dice: Dice, profile: np.ndarray, flame: bool) -> None:
    steel = materials.painted_metal(dice, (0.2, 0.2, 0.22))
    r = profile[0, 0]
    model.add(lathe([(r * 0.45, 0.02), (r * 0.5, -0.06), (r * 0.85, -0.26), (r * 0.75, -0.26), (r * 0.4, -0.05)], 24),
              steel)  # fmt: skip
    if not flame:
        return
    for color, width, length in (((0.95, 0.42, 0.06), 0.75, 0.75), ((0.98, 0.82, 0.25), 0.45, 0.9)):
        tongue = [(r * width * 0.7, -0.2), (r * width, -0.36), (r * width * 0.6, -0.2 - length * 0.6),
                  (0.01, -0.2 - length)]  # fmt: skip
        model.add(lathe(spline(tongue, 14), 16, (6, 0.12)), materials.plain(dice, color))


def add_boosters(model: Model, dice: Dice, profile: np.ndarray, body: Material, nose: Material) -> None:
    radius = profile[:, 0].max() * dice.uniform(0.35, 0.5)
    height = profile[-1, 1] * dice.uniform(0.35, 0.5)
    for side in (-1, 1):
        x = side * (radius_at(profile, height * 0.4) + radius * 0.75)
        model.add(lathe([(radius * 0.8, -0.1), (radius, 0), (radius, height)], 20), body, move=(x, 0, 0))
        cone = spline([(radius, height), (radius * 0.7, height * 1.15), (0.01, height * 1.35)], 10)
        model.add(lathe(cone, 20), nose, move=(x, 0, 0))


def choose_paint(dice: Dice) -> tuple[Material, str | None, str | None, str]:
    """(material, colour word, material word, the words in the phrase)."""
    roll = dice.uniform(0, 1)
    if roll < 0.18:
        metal = dice.choose(tuple(METALS))
        return METALS[metal](dice), None, metal, metal
    color = dice.choose(PAINTS)
    if roll < 0.30:
        return materials.wood(dice, None), None, "wooden", "wooden toy"
    if roll < 0.42:
        return materials.plastic(dice, color), color, "plastic", f"{color} plastic toy"
    return materials.painted_metal(dice, color), color, None, color


def make(dice: Dice) -> Thing:
    model = Model()
    height = dice.uniform(2.0, 3.2)
    profile = outline(dice, height, dice.uniform(0.32, 0.62))
    body, color, material, words = choose_paint(dice)
    accent = dice.choose([name for name in TRIMS if name != color])
    trim = materials.plastic(dice, accent) if material == "plastic" else materials.painted_metal(dice, accent)
    bands = dice.integer(1, 3) if dice.chance(0.35) and color != accent else 0
    flame = dice.chance(0.25)

    add_body(model, profile, (body, trim if dice.chance(0.75) else body, trim), bands)
    add_fins(model, dice, profile, trim)
    rim = materials.silver(dice) if dice.chance(0.6) else materials.plain(dice, darker(vary(dice, accent), 0.6))
    add_windows(model, dice, profile, rim)
    add_engine(model, dice, profile, flame)
    if dice.chance(0.2):
        add_boosters(model, dice, profile, body, trim)
    detail = f" with {accent} fins" + (f" and {accent} bands" if bands else "") + (" and flames" if flame else "")
    return Thing("rocket", article(f"{words} rocket{detail}"), model, color, material,
                 ("plain", "none", "none", "stone", "table") if not flame else ("none", "none", "plain"))  # fmt: skip
