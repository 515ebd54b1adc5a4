"""Guitars, upright with the strings to the front: acoustic, electric, ukuleles and basses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.world.colors import darker, mix, vary
from training.world.dice import Dice
from training.world.furniture import PAINTS, any_wood, painted_wood, plank, rod
from training.world.materials import Material, named_material, painted_metal, plain, wood
from training.world.model import Model
from training.world.parts import extrude, lathe, rotation, rounded_box, sphere, spline, torus
from training.world.thing import Thing, article

GROUNDS = ("floor", "floor", "plain", "plain", "none", "grass", "stone")
FRONT = rotation("x", math.pi / 2)  # lays what was turned about z towards the front


@dataclass(frozen=True)
class Neck:
    """Heights of the bridge, of the body's upper end and of the nut; half width; the strings' distance in front."""

    bridge: float
    body: float
    nut: float
    half: float
    front: float
    strings: int


def make(dice: Dice) -> Thing:
    thing = dice.choose([acoustic, acoustic, electric, electric])(dice)
    if dice.chance(0.3):
        thing.model.turn(rotation("y", dice.uniform(-0.3, 0.3)))
    # Upright ones show little to an overhead camera: many lean back as on a stand, a few lie on their backs.
    lean = dice.choose([0, dice.uniform(0.1, 0.4), dice.uniform(0.25, 0.7), dice.uniform(0.3, 0.8)])
    thing.model.turn(rotation("x", -(math.pi / 2 if dice.chance(0.12) else lean)))
    return thing


def _mirrored(right: Sequence[Sequence[float]], count: int = 26) -> np.ndarray:
    """[N, 2]: a closed outline from its right half, bottom to top."""
    half = spline(np.array(right, dtype=float), count)
    left = half[::-1] * (-1, 1)
    return np.vstack([half, left[1:-1]])


def acoustic(dice: Dice) -> Thing:
    """A hollow body with a waist and a round hole."""
    small = dice.chance(0.2)
    color = dice.choose(PAINTS) if dice.chance(0.35) else None
    pale = dice.choose([(0.74, 0.52, 0.28), (0.58, 0.34, 0.16), (0.82, 0.64, 0.40)])
    top = painted_wood(dice, color) if color else wood(dice, pale)
    side = top if color else wood(dice, darker(top.color, dice.uniform(0.4, 0.8)))
    low, waist, high = dice.uniform(0.38, 0.52), dice.uniform(0.22, 0.32), dice.uniform(0.28, 0.4)
    long, deep = dice.uniform(1.0, 1.25), dice.uniform(0.2, 0.32)
    outline = _mirrored([
        (0, 0), (low * 0.7, 0.04), (low, long * 0.25), (low * 0.85, long * 0.42), (waist, long * 0.6),
        (high * 0.95, long * 0.74), (high, long * 0.86), (high * 0.6, long * 0.98), (0, long),
    ])  # fmt: skip
    model = Model()
    model.add(extrude(outline, deep, bevel=0.025), side, False)
    inner = outline * 0.97 + (0, 0.015 * long)
    model.add(extrude(inner, 0.02), top, False, move=(0, -deep / 2, 0))
    front = -deep / 2 - 0.012
    _hole(dice, model, front, long * 0.66, waist * dice.uniform(0.48, 0.62))
    if dice.chance(0.4):
        guard = _mirrored([(0, -0.2), (0.1, -0.12), (0.09, 0.05), (0, 0.16)], 10)
        dark = plain(dice, (0.08, 0.05, 0.04), 0.15, coat=0.5)
        model.add(extrude(guard, 0.01), dark, False, rotate=rotation("y", 0.5), move=(waist * 0.7, front, long * 0.52))
    nut = long + dice.uniform(0.6, 0.95) * (0.75 if small else 1)
    neck = Neck(long * 0.33, long, nut, 0.075, front - 0.06, 4 if small else 6)
    model.add(rounded_box(0.01, (0.3, 0.05, 0.07)), any_wood(dice), False, move=(0, front - 0.02, neck.bridge))
    _neck(dice, model, neck, -deep / 2, any_wood(dice))
    words = "ukulele guitar" if small else "acoustic guitar"
    phrase = article(f"{color} {words}" if color else f"wooden {words}")
    return Thing("guitar", phrase, model, color, None if color else "wooden", GROUNDS)


def _hole(dice: Dice, model: Model, front: float, height: float, radius: float) -> None:
    """The sound hole and the rings around it."""
    place = (0, front - 0.004, height)
    disc = lathe([(0.01, 0.004), (radius, 0.004), (radius, 0)], 36)
    model.add(disc, plain(dice, (0.03, 0.02, 0.015), 0.9), False, rotate=FRONT, move=place)
    ring = plain(dice, dice.choose([(0.9, 0.84, 0.7), (0.25, 0.12, 0.06), (0.1, 0.08, 0.07)]), 0.4)
    model.add(torus(radius * 1.12, radius * 0.07, 40, 8), ring, rotate=FRONT, move=place, scale=(1, 1, 0.4))


def _neck(dice: Dice, model: Model, neck: Neck, face: float, surface: Material) -> None:
    """The neck with its board, frets, head, pegs and strings; `face` is the y of the body's front."""
    low, wide = neck.body - 0.12, neck.half
    model.add(plank([(0, face + 0.03, low), (0, face + 0.01, neck.nut)], 2 * wide, 0.1), surface, False)
    board = wood(dice, (0.16, 0.09, 0.06)) if dice.chance(0.7) else wood(dice, (0.6, 0.42, 0.24))
    start = neck.body - dice.uniform(0.1, 0.25)
    model.add(plank([(0, face - 0.035, start), (0, face - 0.045, neck.nut)], 2 * wide, 0.04), board, False)
    metal = named_material(dice, ("silver", "golden")).surface
    # Bright metal this thin would only sparkle: strings and frets are of a dull one.
    wire = plain(dice, (0.66, 0.63, 0.56), 0.5)
    scale = neck.nut - neck.bridge
    for fret in range(1, 15):
        height = neck.bridge + scale * 2 ** (-fret / 12)
        if height > start:
            model.add(rounded_box(0.003, (2 * wide, 0.012, 0.014)), wire, False, move=(0, face - 0.062, height))
    pearl = plain(dice, (0.9, 0.88, 0.8), 0.2)
    for fret in (3, 5, 7, 9):
        height = neck.bridge + scale * 2 ** (-(fret - 0.5) / 12)
        if height > start:
            place = (0, face - 0.058, height)
            model.add(sphere(8, 6), pearl, move=place, scale=(0.022, 0.006, 0.022))
    _strings(model, neck, face, wire)
    _head(dice, model, neck, face, surface, metal)


def _strings(model: Model, neck: Neck, face: float, wire: Material) -> None:
    for across in np.linspace(-1, 1, neck.strings):
        ends = [(across * 0.075, neck.front, neck.bridge), (across * neck.half * 0.75, face - 0.075, neck.nut)]
        model.add(rod(ends, 0.006, 5), wire)


def _head(dice: Dice, model: Model, neck: Neck, face: float, surface: Material, metal: Material) -> None:
    """The head, leaning back, with pegs on both sides or in a row on one."""
    long, wide = dice.uniform(0.26, 0.36), neck.half * dice.uniform(1.3, 1.7)
    one_side = dice.chance(0.4)
    outline = _head_outline(neck.half, wide, long, one_side)
    lean = rotation("x", -dice.uniform(0.05, 0.3))
    foot = np.array([0, face - 0.01, neck.nut])
    model.add(extrude(outline, 0.06, bevel=0.01), surface, False, rotate=lean, move=foot)
    sides = [-1] * neck.strings if one_side else [-1, 1] * (neck.strings // 2)
    for k, side in enumerate(sides):
        row = (k + 0.5) / neck.strings if one_side else (k // 2 + 0.5) / (neck.strings / 2)
        height = long * (0.2 + 0.65 * row)
        place = foot + lean @ np.array([side * (wide + 0.05), 0, height])
        model.add(rod([foot + lean @ np.array([side * wide * 0.8, 0, height]), place], 0.014, 6), metal)
        model.add(sphere(10, 6), metal, rotate=lean, move=place, scale=(0.04, 0.02, 0.028))
        post = foot + lean @ np.array([side * wide * 0.45, -0.04, height])
        model.add(sphere(8, 5), metal, move=post, scale=(0.016, 0.03, 0.016))


def _head_outline(half: float, wide: float, long: float, one_side: bool) -> np.ndarray:
    """[N, 2]: in x and z, from the nut upwards."""
    if one_side:
        left = [(-wide, long * 1.1), (-wide * 1.1, long * 0.8), (-wide, long * 0.15)]
        return np.array([(-half, 0), (half, 0), (wide * 0.8, long * 0.2), (wide * 0.5, long), *left])
    shoulder = [(half, 0), (wide, long * 0.2), (wide * 0.9, long * 0.9), (wide * 0.4, long)]
    return _mirrored([(0, -0.01), *shoulder, (0, long * 0.95)], 14)


_STRAT = [
    (0.0, 0.0), (0.24, 0.02), (0.4, 0.14), (0.42, 0.3), (0.32, 0.46), (0.28, 0.58), (0.34, 0.72), (0.37, 0.88),
    (0.28, 0.92), (0.17, 0.8), (0.08, 0.74), (-0.08, 0.74), (-0.16, 0.82), (-0.26, 1.0), (-0.35, 1.02), (-0.38, 0.88),
    (-0.3, 0.62), (-0.3, 0.5), (-0.4, 0.32), (-0.4, 0.14), (-0.24, 0.02),
]  # fmt: skip
_SINGLE_CUT = [
    (0.0, 0.0), (0.26, 0.03), (0.42, 0.18), (0.41, 0.34), (0.29, 0.5), (0.28, 0.6), (0.34, 0.72), (0.3, 0.8),
    (0.14, 0.7), (0.08, 0.74), (-0.08, 0.8), (-0.2, 0.86), (-0.32, 0.8), (-0.34, 0.68), (-0.27, 0.56), (-0.3, 0.48),
    (-0.41, 0.34), (-0.42, 0.18), (-0.26, 0.03),
]  # fmt: skip
_DOUBLE_HORNS = [
    (0.0, 0.0), (0.24, 0.04), (0.4, 0.2), (0.36, 0.4), (0.27, 0.52), (0.32, 0.72), (0.3, 0.92), (0.2, 0.82),
    (0.08, 0.7), (-0.08, 0.7), (-0.2, 0.82), (-0.3, 0.92), (-0.32, 0.72), (-0.27, 0.52), (-0.36, 0.4), (-0.4, 0.2),
    (-0.24, 0.04),
]  # fmt: skip
_FLYING = [
    (0.1, 0.3), (0.42, -0.05), (0.5, 0.06), (0.12, 0.86), (-0.12, 0.86), (-0.5, 0.06), (-0.42, -0.05), (-0.1, 0.3),
]  # fmt: skip


def electric(dice: Dice) -> Thing:
    """A solid, shiny body with horns, pickups and knobs."""
    bass = dice.chance(0.2)
    color, surface, material = _finish(dice)
    shape = dice.choose(["strat", "strat", "single", "horns", "flying"])
    wide, long = dice.uniform(0.9, 1.15), dice.uniform(0.9, 1.15)
    if shape == "flying":
        outline = np.array(_FLYING) * (wide, long)
    else:
        points = {"strat": _STRAT, "single": _SINGLE_CUT, "horns": _DOUBLE_HORNS}[shape]
        closed = spline(np.array([*points, points[0]]), 4 * len(points))[:-1]
        outline = closed * (wide, long)
    model = Model()
    deep = dice.uniform(0.1, 0.17)
    model.add(extrude(outline, deep, bevel=0.025), surface, False)
    front = -deep / 2
    detail = _guard(dice, model, outline, front, color) if shape in ("strat", "horns") and dice.chance(0.6) else ""
    nut = long * 0.75 + dice.uniform(0.85, 1.0) + (0.3 if bass else 0)
    neck = Neck(long * 0.22, long * 0.72, nut, 0.065, front - 0.05, 4 if bass else 6)
    _fittings(dice, model, front, long)
    _neck(dice, model, neck, front + 0.02, surface if dice.chance(0.3) else any_wood(dice))
    words = "bass guitar" if bass else "electric guitar"
    lead = f"{color} " if color else f"{material} "
    return Thing("guitar", article(f"{lead}{words}{detail}"), model, color, material, GROUNDS)


def _finish(dice: Dice) -> tuple[str | None, Material, str | None]:
    """Lacquer in a colour, bare wood, or gold."""
    kind = dice.choose(["lacquer"] * 5 + ["wooden", "golden", "silver"])
    if kind == "lacquer":
        color = dice.choose([*PAINTS, "red", "black", "white"])
        return color, painted_metal(dice, color), None
    if kind == "wooden":
        return None, any_wood(dice), "wooden"
    return None, named_material(dice, (kind,)).surface, kind


def _guard(dice: Dice, model: Model, outline: np.ndarray, front: float, color: str | None) -> str:
    """A plate under the strings in another colour."""
    plate = dice.choose([word for word in ("white", "black", "red", "beige") if word != color])
    middle = np.array([0.02, outline[:, 1].max() * 0.45])
    inner = middle + (outline - middle) * (0.66, 0.7)
    model.add(extrude(inner, 0.012), plain(dice, vary(dice, plate, 0.02), 0.25), False, move=(0, front - 0.006, 0))
    return f" with {article(plate)} plate"


def _fittings(dice: Dice, model: Model, front: float, long: float) -> None:
    """Pickups, bridge, knobs."""
    metal = named_material(dice, ("silver", "silver", "golden")).surface
    black = plain(dice, (0.04, 0.04, 0.045), 0.3)
    pick = black if dice.chance(0.6) else plain(dice, mix("white", "beige", 0.4), 0.3)
    for height in (0.34, 0.46, 0.58)[: dice.integer(2, 3)]:
        model.add(rounded_box(0.01, (0.2, 0.035, 0.06)), pick, False, move=(0, front - 0.022, height * long))
    model.add(rounded_box(0.01, (0.22, 0.05, 0.07)), metal, False, move=(0, front - 0.025, long * 0.22))
    knob = metal if dice.chance(0.5) else black
    for k in range(dice.integer(2, 4)):
        place = (0.2 + 0.05 * (k % 2), front - 0.025, long * (0.14 + 0.075 * k))
        model.add(lathe([(0.035, -0.02), (0.03, 0.03), (0.001, 0.03)], 14), knob, False, rotate=FRONT, move=place)
