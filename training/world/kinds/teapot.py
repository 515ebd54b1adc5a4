"""Teapots and kettles: a round body, a spout to one side, a handle to the other or above."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from training.world.dice import Dice
from training.world.furniture import curve, rod
from training.world.materials import COLORS_OF, Material, Named, ceramic, named_material
from training.world.model import Model
from training.world.parts import lathe, ring_angles, rotation, sphere, spline
from training.world.thing import Thing, article

GROUNDS = ("table", "table", "table", "plain", "none", "marble")
_MATERIALS = ("ceramic",) * 5 + ("clay", "clay", "silver", "copper", "golden", "glass", "marble", "rusty iron")


class Body:
    """The outline [(radius, z), …] of the pot without its lid, and what hangs on it."""

    def __init__(self, dice: Dice):
        self.height, wide = dice.uniform(0.7, 1.3), dice.uniform(0.55, 0.75)
        self.mouth = dice.uniform(0.28, 0.42)
        low, high = dice.uniform(0.6, 1.0), dice.uniform(0.65, 1.0)
        widths = [dice.uniform(0.4, 0.6), wide * low, wide, wide * high, self.mouth]
        places = [0.05, 0.28, dice.uniform(0.42, 0.58), 0.75, 1.0]
        self.outline = spline(np.column_stack([widths, np.array(places) * self.height]), 30)
        self.foot = widths[0]

    def radius(self, share: float) -> float:
        """How wide the pot is at that share of its height."""
        return float(np.interp(share * self.height, self.outline[:, 1], self.outline[:, 0]))


def make(dice: Dice) -> Thing:
    named = named_material(dice, _MATERIALS)
    body = Body(dice)
    model = Model()
    ribs = (dice.integer(8, 14), 0.03) if dice.chance(0.2) else None
    foot = [(0.01, 0), (body.foot, 0), (body.foot * 0.92, 0.04)]
    model.add(lathe([*foot, *body.outline, (0.01, body.height)], 56, ribs), named.surface)
    side = dice.choose([-1, 1])
    _spout(dice, model, body, named.surface, side)
    kettle = dice.chance(0.25)
    grip = named_material(dice, ("wooden", "rusty iron", "copper")) if kettle and dice.chance(0.6) else named
    (_bow if kettle else _handle)(dice, model, body, grip.surface, side)
    lid = _lid(dice, model, body, named)
    pattern = _pattern(dice, model, body, named) if named.material in ("ceramic", "clay") and not ribs else ""
    detail = pattern or lid or (f" with {article(grip.words)} handle" if grip.words != named.words else "")
    return Thing("teapot", article(f"{named.words} teapot{detail}"), model, named.color, named.material, GROUNDS)


def _spout(dice: Dice, model: Model, body: Body, surface: Material, side: int) -> None:
    """Curved like a swan's neck, or short and straight."""
    low = dice.uniform(0.22, 0.42)
    start, reach = body.radius(low) - 0.1, dice.uniform(0.35, 0.6)
    top = body.height * dice.uniform(0.85, 1.1)
    path = [(start, low * body.height), (start + reach * 0.55, body.height * (low + 0.12))]
    if dice.chance(0.7):
        path.append((start + reach * 0.75, body.height * 0.7))
    path.append((start + reach + 0.12, top))
    thick = np.linspace(1, 0, 20) ** 1.3 * dice.uniform(0.1, 0.17) + dice.uniform(0.05, 0.08)
    points = curve([(side * x, 0, z) for x, z in path], 20)
    model.add(rod(points, thick, 18), surface)
    tip, last = points[-1], points[-1] - points[-2]
    model.add(rod([tip - last * 0.1, tip + last * 0.03], thick[-1] * 0.72, 14), _hollow(surface))


def _hollow(surface: Material) -> Material:
    """The same surface in the dark: the inside of a spout."""
    black = (0.04, 0.035, 0.035)
    return replace(surface, texture="noise", color=black, second=black, third=None, metallic=0)


def _handle(dice: Dice, model: Model, body: Body, surface: Material, side: int) -> None:
    """An ear opposite the spout, round or angular."""
    high, low, reach = dice.uniform(0.75, 0.9), dice.uniform(0.2, 0.38), dice.uniform(0.3, 0.5)
    top, foot = body.radius(high) - 0.05, body.radius(low) - 0.05
    far = max(top, foot) + reach
    square = dice.uniform(0.6, 0.95)
    path = [
        (top, high), (far * square, high + dice.uniform(0.0, 0.15)), (far, (high + low) / 2 + 0.1),
        (far * square, low + 0.08), (foot, low),
    ]  # fmt: skip
    points = curve([(-side * x, 0, share * body.height) for x, share in path], 28)
    model.add(rod(points, dice.uniform(0.05, 0.085), 12), surface)


def _bow(dice: Dice, model: Model, body: Body, surface: Material, _side: int) -> None:
    """A bow over the lid, from side to side."""
    share = 0.85
    reach, rise = body.radius(share) - 0.02, dice.uniform(0.55, 0.85)
    angles = np.linspace(0, math.pi, 25)
    power = dice.uniform(0.5, 1)
    low = share * body.height
    path = [(reach * math.cos(a), 0, low + rise * abs(math.sin(a)) ** power) for a in angles]
    model.add(rod(path, dice.uniform(0.035, 0.06), 12), surface)
    for end in (-1, 1):
        model.add(sphere(12, 8), surface, move=(end * reach, 0, low), scale=0.085)


def _lid(dice: Dice, model: Model, body: Body, named: Named) -> str:
    """A dome with a knob, at times of another colour; gives the words for it."""
    surface, words = named.surface, ""
    if named.material == "ceramic" and dice.chance(0.25):
        color = dice.choose([color for color in COLORS_OF["ceramic"] if color != named.color])
        surface, words = ceramic(dice, color), f" with {article(color)} lid"
    edge, dome = body.mouth + 0.03, dice.uniform(0.08, 0.25)
    turn = np.linspace(0, math.pi / 2, 9)
    arch = [(edge * math.cos(a) + 0.005, 0.04 + dome * math.sin(a)) for a in turn]
    place = (0, 0, body.height - 0.01)
    model.add(lathe([(edge - 0.04, 0), (edge, 0), *arch], 40), surface, move=place)
    knob = dice.uniform(0.07, 0.12)
    tall = dice.uniform(0.7, 1.5)
    top = body.height + 0.02 + dome
    model.add(lathe([(knob * 0.6, 0), (knob * 0.4, knob * 0.6)], 16), surface, move=(0, 0, top))
    model.add(sphere(18, 12), surface, move=(0, 0, top + knob * (0.3 + tall)), scale=(knob, knob, knob * tall))
    return words


def _pattern(dice: Dice, model: Model, body: Body, named: Named) -> str:
    """Dots or bands on the glaze, now and then; gives the words for it."""
    if not dice.chance(0.45):
        return ""
    inks = ("white", "red", "blue", "yellow", "green", "black", "pink")
    color = dice.choose([ink for ink in inks if ink != named.color])
    ink = ceramic(dice, color)
    if dice.chance(0.5):
        for share in (0.3, 0.62):
            ring = [(body.radius(share + t) + 0.008, (share + t) * body.height) for t in np.linspace(0, 0.1, 5)]
            model.add(lathe(ring, 56), ink)
        return f" with {color} bands"
    for row, share in enumerate((0.25, 0.48, 0.7)):
        slope = math.atan2(body.radius(share + 0.05) - body.radius(share - 0.05), 0.1 * body.height)
        for angle in ring_angles(9) + row * math.pi / 9:
            out = rotation("z", angle)
            place = out @ np.array([body.radius(share), 0, share * body.height])
            model.add(sphere(12, 6), ink, rotate=out @ rotation("y", slope), move=place, scale=(0.015, 0.075, 0.075))
    return f" with {color} dots"
