"""Tables: with four legs, on a pedestal, on trestles, on solid sides, low ones and small ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.world.dice import Dice
from training.world.furniture import LEG_STYLES, cover, curve, frame_material, leg, plank, rod
from training.world.materials import Material, Named, named_material
from training.world.model import Model
from training.world.parts import lathe, loft, ring_angles, rounded_box, sphere
from training.world.thing import Thing, article

GROUNDS = ("floor", "floor", "plain", "plain", "none", "marble", "grass")
_TOPS = ("wooden",) * 7 + ("marble", "marble", "glass", "plastic", "stone", "wicker", "rusty iron", "copper", "golden")
_FEET = ("wooden", "wooden", "golden", "silver", "copper", "rusty iron")


@dataclass(frozen=True)
class Top:
    """The board: half its length and depth, the height of its upper side, its thickness; round or not."""

    x: float
    y: float
    height: float
    thick: float
    round: bool

    def inset(self, margin: float) -> tuple[float, float]:
        """Half lengths of the rectangle on which legs stand."""
        shrink = 0.66 if self.round else 1.0
        return self.x * shrink - margin, self.y * shrink - margin


def make(dice: Dice) -> Thing:
    named = frame_material(dice, _TOPS)
    round_top = dice.chance(0.4)
    top, words = _draw_top(dice, round_top)
    legs = named
    if (named.material in ("glass", "marble", "wicker") and dice.chance(0.7)) or dice.chance(0.15):
        legs = frame_material(dice, _FEET)
    model = Model()
    _board(dice, model, top, named)
    options = [_four_legs] * 3 + (
        [_pedestal] * 3 + [_tripod] if round_top else [_four_legs, _trestle, _sides, _pedestal]
    )
    dice.choose(options)(dice, model, top, legs)
    detail = "" if legs.words == named.words else f" with {legs.words} legs"
    if not detail:
        detail = _extra(dice, model, top, named)
    return Thing(
        "table", article(f"{words} {named.words} table{detail}".strip()), model, named.color, named.material, GROUNDS
    )


def _draw_top(dice: Dice, round_top: bool) -> tuple[Top, str]:
    """The board and the words for its shape."""
    low = dice.chance(0.25)
    height = dice.uniform(0.4, 0.6) if low else dice.uniform(0.8, 1.35)
    thick = dice.uniform(0.06, 0.16)
    x = dice.uniform(0.55, 1.0)
    if round_top:
        stretch = dice.choose([1.0, 1.0, 1.4])
        words = "low round" if low else "oval" if stretch > 1 else "round"
        return Top(x * stretch, x, height, thick, True), words
    x = dice.uniform(0.6, 1.4)
    y = dice.uniform(0.5, 0.8) if x > 0.8 else x
    long = x > 1.9 * y
    return Top(x, y, height, thick, False), "low" if low else "long" if long else ""


def _board(dice: Dice, model: Model, top: Top, named: Named) -> None:
    if top.round:
        half = top.thick / 2
        lip = min(half, 0.03)
        profile = [(0.01, -half), (1 - lip, -half), (1, lip - half), (1, half - lip), (1 - lip, half), (0.01, half)]
        model.add(lathe(profile, 48), named.surface, False, scale=(top.x, top.y, 1), move=(0, 0, top.height - half))
        return
    size = (2 * top.x, 2 * top.y, top.thick)
    model.add(rounded_box(0.02, size), named.surface, False, move=(0, 0, top.height - top.thick / 2))
    if dice.chance(0.5):  # a frame under the board
        x, y = top.inset(0.1)
        deep = dice.uniform(0.1, 0.18)
        size = (2 * x, 2 * y, deep)
        model.add(rounded_box(0.01, size), named.surface, False, move=(0, 0, top.height - top.thick - deep / 2))


def _four_legs(dice: Dice, model: Model, top: Top, legs: Named) -> None:
    style = dice.choose(LEG_STYLES)
    thick = dice.uniform(0.09, 0.2)
    x, y = top.inset(thick * 0.7)
    splay = dice.choose([0, 0, 0.08, 0.2])
    for a in (-1, 1):
        for b in (-1, 1):
            start, end = (a * x, b * y, top.height - top.thick), (a * (x + splay), b * (y + splay), 0)
            part, smooth = leg(style, start, end, thick)
            model.add(part, legs.surface, smooth)
    if dice.chance(0.25):
        shelf = (2 * x, 2 * y, 0.05)
        model.add(rounded_box(0.01, shelf), legs.surface, False, move=(0, 0, top.height * dice.uniform(0.2, 0.35)))


def _pedestal(dice: Dice, model: Model, top: Top, legs: Named) -> None:
    """One column, straight or turned, on a disc or on curved feet."""
    reach = min(top.x, top.y) * dice.uniform(0.5, 0.75)
    thick = dice.uniform(0.06, 0.16)
    under = top.height - top.thick
    steps = np.linspace(0, 1, 25)
    turned = 1 + dice.choose([0, 0.35]) * np.sin(steps * math.pi * dice.integer(2, 5)) ** 2
    column = np.column_stack([thick * turned + 0.25 * reach * steps**12, 0.04 + (under - 0.04) * steps])
    model.add(lathe(column, 24), legs.surface)
    if dice.chance(0.5):
        disc = [(0.01, 0), (reach, 0), (reach, 0.03), (reach * 0.4, 0.08), (thick, 0.14)]
        model.add(lathe(disc, 32), legs.surface)
        return
    for angle in ring_angles(dice.integer(3, 4)) + math.pi / 4:
        out = np.array([math.cos(angle), math.sin(angle), 0])
        path = curve([(0, 0, under * 0.35), out * reach * 0.4 + (0, 0, under * 0.3), out * reach + (0, 0, 0.04)], 10)
        model.add(rod(path, np.linspace(thick * 0.8, 0.05, 10), 10), legs.surface)


def _tripod(dice: Dice, model: Model, top: Top, legs: Named) -> None:
    reach = min(top.x, top.y) * dice.uniform(0.6, 0.9)
    crossed = dice.chance(0.5)  # the legs lean past one another
    for angle in ring_angles(3) + math.pi / 6:
        out = np.array([math.cos(angle), math.sin(angle), 0])
        start = out * reach * (-0.6 if crossed else 0.5) + (0, 0, top.height - top.thick)
        model.add(leg("round", start, out * reach, 0.13)[0], legs.surface)


def _trestle(dice: Dice, model: Model, top: Top, legs: Named) -> None:
    """Crossed legs at both ends and a beam between."""
    x, y = top.inset(0.12)
    under = top.height - top.thick
    for side in (-1, 1):
        for slant in (-1, 1):
            place = side * x + slant * 0.02
            path = [(place, slant * y, 0), (place, -slant * y, under)]
            model.add(plank(path, 0.14, 0.09, (1, 0, 0)), legs.surface, False)
    model.add(plank([(-x, 0, under / 2), (x, 0, under / 2)], 0.1, 0.1, (0, 0, 1)), legs.surface, False)


def _sides(dice: Dice, model: Model, top: Top, legs: Named) -> None:
    """Two solid boards for legs."""
    thick = dice.uniform(0.06, 0.16)
    under = top.height - top.thick
    x, y = top.inset(dice.choose([thick / 2, 0.25]))
    for side in (-1, 1):
        size = (thick, 2 * y, under)
        model.add(rounded_box(0.01, size), legs.surface, False, move=(side * x, 0, under / 2))
    if dice.chance(0.5):
        model.add(plank([(-x, 0, under * 0.4), (x, 0, under * 0.4)], 0.25, 0.05), legs.surface, False)


def _extra(dice: Dice, model: Model, top: Top, named: Named) -> str:
    """A cloth or drawers, now and then; gives the words for it."""
    if dice.chance(0.22):
        return _cloth(dice, model, top)
    if named.material == "wooden" and not top.round and top.height > 0.7 and dice.chance(0.5):
        return _drawers(dice, model, top, named.surface)
    return ""


def _cloth(dice: Dice, model: Model, top: Top) -> str:
    """A cloth over the edge, in folds that grow downwards."""
    cloth = cover(dice, ("fabric",))
    drop = min(dice.uniform(0.2, 0.6), top.height * 0.7)
    angles = ring_angles(96)
    power = 2.0 if top.round else 14.0
    ways = np.stack([np.cos(angles), np.sin(angles)], 1)
    ways /= (np.abs(ways) ** power).sum(1, keepdims=True) ** (1 / power)
    folds = np.cos(angles * dice.integer(9, 14) + dice.uniform(0, 6))
    rings = []
    for share in (0.02, 0.5, 1.0):
        rings.append(np.column_stack([ways * share * (top.x + 0.02, top.y + 0.02), np.full(96, top.height + 0.015)]))
    for t in (0.1, 0.4, 0.7, 1.0):
        out = ways * (top.x + 0.035, top.y + 0.035) * (1 + t * 0.05 * (1 + folds))[:, None]
        rings.append(np.column_stack([out, np.full(96, top.height + 0.01 - drop * t)]))
    model.add(loft(rings[::-1], caps=False), cloth.surface)
    return f" with {article(cloth.color or '')} tablecloth"


def _drawers(dice: Dice, model: Model, top: Top, wood: Material) -> str:
    knob = named_material(dice, ("golden", "silver", "copper")).surface
    x, y = top.inset(0.12)
    deep = dice.uniform(0.24, 0.34)
    z = top.height - top.thick - deep / 2
    model.add(rounded_box(0.01, (2 * x, 2 * y, deep)), wood, False, move=(0, 0, z))
    count = dice.integer(1, 3)
    for k in range(count):
        place = (k + 0.5) / count * 2 * x - x
        size = (2 * x / count - 0.06, 0.06, deep - 0.06)
        model.add(rounded_box(0.01, size), wood, False, move=(place, -y, z))
        model.add(sphere(12, 8), knob, move=(place, -y - 0.06, z), scale=0.05)
    return " with a drawer" if count == 1 else " with drawers"
