"""Cakes: whole, cut or a slice, frosted, in one or more tiers, with things on top."""

from __future__ import annotations

import math

import numpy as np

from training.world.colors import vary
from training.world.dice import Dice
from training.world.foliage import sheet
from training.world.frame import Frame
from training.world.materials import Material, ceramic, dough, frosting
from training.world.model import Model
from training.world.parts import lathe, rotation, sphere
from training.world.thing import Thing, article
from training.world.toppings import (
    CREAM,
    around,
    candles,
    cherries,
    cream,
    dollop,
    drip,
    icing_tone,
    roses,
    sprinkles,
    strawberries,
)

COLORS = (
    "pink",
    "pink",
    "white",
    "white",
    "brown",
    "brown",
    "brown",
    "yellow",
    "blue",
    "green",
    "purple",
    "red",
    "orange",
)
TOPPINGS = (candles, candles, cherries, cherries, strawberries, strawberries, cream, sprinkles)


def make(dice: Dice) -> Thing:
    model, color = Model(), dice.choose(COLORS)
    icing = frosting(dice, icing_tone(dice, color))
    words = "chocolate cake" if color == "brown" and dice.chance(0.7) else f"{color} cake"
    phrase = dice.choose(SORTS)(dice, model, words, icing)
    grounds = ("table", "table", "marble", "plain", "plain", "none")
    return Thing("cake", phrase, model, color if words.startswith(color) else None, None, grounds)


def _whole(dice: Dice, model: Model, words: str, icing: Material) -> str:
    radius, height = dice.uniform(0.7, 1.0), dice.uniform(0.4, 0.95)
    model.add(_round(radius, height), icing)
    top, details = Frame.at((0, 0, height)), []
    if dice.chance(0.4):
        run = dice.choose(tuple(word for word in ("white", "brown", "pink") if not words.startswith(word)))
        if not (run == "brown" and words.startswith("chocolate")):
            drip(
                dice,
                top,
                model,
                frosting(dice, icing_tone(dice, run)),
                1.005 * radius,
                height * dice.uniform(0.4, 0.75),
            )
            details.append(f"{'chocolate' if run == 'brown' else run} icing")
            top = top.inner((0, 0, 0.03))
    if not details or dice.chance(0.8):
        details.append(dice.choose(TOPPINGS)(dice, top, model, 0.95 * radius))
    if dice.chance(0.4):
        _beads(dice, model, radius, 0.0)
    return article(words) + _with(details) + _served(dice, model, radius)


def _tiered(dice: Dice, model: Model, words: str, icing: Material) -> str:
    """A wedding cake: two or three rounds on each other."""
    radius, foot = dice.uniform(0.7, 0.9), 0.0
    for _ in range(dice.integer(2, 3)):
        height = dice.uniform(0.38, 0.55)
        model.add(_round(radius, height), icing, move=(0, 0, foot))
        _beads(dice, model, radius, foot)
        foot, last, radius = foot + height, radius, radius * dice.uniform(0.62, 0.74)
    topping = dice.choose((roses, roses, candles, cherries, strawberries))
    details = [topping(dice, Frame.at((0, 0, foot)), model, 0.95 * last)]
    words = words.replace("cake", "wedding cake" if topping is roses else "tiered cake")
    return article(words) + _with(details) + _served(dice, model, 0.9)


def _cut(dice: Dice, model: Model, words: str, icing: Material) -> str:
    """One piece is gone, towards the front, and shows the layers."""
    radius, height, gap = dice.uniform(0.8, 1.0), dice.uniform(0.5, 0.8), dice.uniform(0.6, 1.2)
    start = -math.pi / 2 + dice.uniform(-0.5, 0.5) + gap / 2
    _sector(dice, model, words, icing, (radius, height), (start, 2 * math.pi - gap))
    details = ["a missing slice"]
    if dice.chance(0.6):
        skin = frosting(dice, CREAM)
        for way in np.arange(start + 0.2, start + 2 * math.pi - gap - 0.1, 0.5):
            place = (0.82 * radius * math.cos(way), 0.82 * radius * math.sin(way), height)
            model.add(dollop(0.11), skin, move=place)
        details.append("whipped cream")
    return article(words) + _with(details) + _served(dice, model, radius)


def _slice(dice: Dice, model: Model, words: str, icing: Material) -> str:
    arc, height = dice.uniform(0.55, 0.85), dice.uniform(0.5, 0.75)
    start = math.pi / 2 + dice.uniform(-1.2, 1.2) - arc / 2
    _sector(dice, model, words, icing, (1.2, height), (start, arc))
    middle, details = start + arc / 2, []
    if dice.chance(0.6):
        topping = dice.choose((cherries, strawberries))
        place = (0.8 * math.cos(middle), 0.8 * math.sin(middle), height)
        details.append(topping(dice, Frame.at(place), model, 0.24))
    phrase = f"a slice of {words}{_with(details)}"
    if dice.chance(0.5):
        phrase += _plate(dice, Frame.at((0.65 * math.cos(middle), 0.65 * math.sin(middle), 0)), model, 0.9)
    return phrase


def _with(details: list[str]) -> str:
    return " with " + " and ".join(details) if details else ""


def _round(radius: float, height: float):
    """A frosted round with soft edges."""
    soft = 0.07
    bow = np.linspace(0, math.pi / 2, 5)
    edge = np.stack([radius - soft + soft * np.cos(bow), height - soft + soft * np.sin(bow)], 1)
    return lathe(np.concatenate([[(0.001, 0), (radius, 0), (radius, 0.5 * height)], edge, [(0.001, height)]]), 48)


def _beads(dice: Dice, model: Model, radius: float, foot: float) -> None:
    """A string of cream around the foot."""
    size, skin = dice.uniform(0.05, 0.08), frosting(dice, CREAM)
    for x, y, _ in around(int(math.pi * radius / size), radius):
        model.add(sphere(9, 6), skin, move=(x, y, foot + 0.7 * size), scale=size)


def _sector(
    dice: Dice, model: Model, words: str, icing: Material, size: tuple[float, float], span: tuple[float, float]
) -> None:
    """Part of a round of size (radius, height) over span (start, arc), its cut faces striped by layers."""
    (radius, height), (start, arc) = size, span
    turns = np.linspace(start, start + arc, max(8, int(arc * 9)))
    outline = [(0.0, 0.0), (radius, 0), (radius, height - 0.05), (radius - 0.05, height), (0.0, height)]
    rows = [np.stack([r * np.cos(turns), r * np.sin(turns), np.full_like(turns, z)], 1) for r, z in outline]
    for low, high in ((0, 1), (1, 2), (2, 3), (3, 4)):
        model.add(sheet(np.stack([rows[low], rows[high]])), icing)
    sponge = dough(dice, (0.30, 0.16, 0.08) if words.startswith("chocolate") else vary(dice, (0.86, 0.68, 0.40), 0.04))
    filling = frosting(dice, dice.choose((CREAM, CREAM, (0.75, 0.15, 0.18))))
    layers, coat = dice.integer(2, 4), 0.045
    levels = np.linspace(0, height - coat, layers + 1)
    for way in (start, start + arc):
        bands = [(0.0, height, 0.0, icing)]
        bands += [(low, low + 0.78 * levels[1], 0.004, sponge) for low in levels[:-1]]
        bands += [(low + 0.78 * levels[1], low + levels[1], 0.002, filling) for low in levels[:-2]]
        outward = rotation("z", way + (-math.pi / 2 if way == start else math.pi / 2))[:, 0]
        for low, high, lift, skin in bands:
            reach = radius - (coat if skin is not icing else 0.025)
            corners = [(0, low), (reach, low), (reach, high), (0, high)]
            quad = np.array([(r * math.cos(way), r * math.sin(way), z) for r, z in corners]) + lift * outward
            model.add((quad, [(0, 1, 2, 3)]), skin, smooth=False)


def _served(dice: Dice, model: Model, radius: float) -> str:
    """Words for what it stands on, if anything."""
    return _plate(dice, Frame.at(), model, radius) if dice.chance(0.55) else ""


def _plate(dice: Dice, frame: Frame, model: Model, radius: float) -> str:
    color = dice.choose(("white", "white", "blue", "pink", "yellow", "black"))
    wide, skin = radius * dice.uniform(1.2, 1.4), ceramic(dice, color)
    if dice.chance(0.5):
        flat = [(0.001, -0.06), (0.6 * wide, -0.06), (wide, 0.03), (0.98 * wide, 0.05), (0.7 * wide, 0), (0.001, 0)]
        frame.add(model, lathe(flat, 40), skin)
        return f" on a {color} plate"
    low = -dice.uniform(0.35, 0.6)
    foot = [(0.001, low), (0.5 * wide, low), (0.45 * wide, low + 0.05), (0.1 * wide, low + 0.12), (0.09 * wide, -0.1)]
    frame.add(model, lathe([*foot, (0.3 * wide, -0.06), (wide, -0.04), (wide, 0.0), (0.001, 0.0)], 40), skin)
    return f" on a {color} cake stand"


SORTS = (_whole, _whole, _whole, _whole, _tiered, _cut, _slice)
