"""Toadstools: a cap with gills under it, on a stem; often a family of two or three, often with white spots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.world.colors import darker, mix, vary
from training.world.dice import Dice
from training.world.foliage import sheet
from training.world.frame import Frame
from training.world.materials import COLORS_OF, MATERIAL_WORDS, Material, custom, plain
from training.world.model import Model
from training.world.parts import lathe, rotation, sphere, spline, tube
from training.world.thing import Thing, article

OFTEN, RARE = ("orange", "white", "beige", "yellow", "purple"), ("pink", "blue", "grey", "green")
COLORS = ("red",) * 6 + ("brown",) * 4 + OFTEN * 2 + RARE
FIGURINES = ("wooden", "ceramic", "ceramic", "golden", "stone", "glass", "marble", "copper")


@dataclass(frozen=True)
class Skins:
    cap: Material
    stem: Material
    gills: Material
    spots: Material | None


@dataclass(frozen=True)
class Cap:
    """A cap's outline [N, 2] as (radius, z) from the rim to the top, the rim at z = 0."""

    outline: np.ndarray
    radius: float
    height: float


def make(dice: Dice) -> Thing:
    model = Model()
    if dice.chance(0.08):
        words, color, material, skins = _figurine(dice)
    else:
        words, color, material, skins = _living(dice)
    _mushroom(dice, Frame.at(), model, skins, 1.0, dice.choose(tuple(SHAPES)))
    for _ in range(0 if dice.chance(0.65) else dice.integer(1, 2)):
        away = dice.choose((-1, 1)) * dice.uniform(0.45, 0.75)
        place = Frame.at((away, dice.uniform(-0.5, 0.3), 0), rotation("y", 0.25 * away))
        _mushroom(dice, place, model, skins, dice.uniform(0.35, 0.65), dice.choose(tuple(SHAPES)))
    model.warp(dice, 0.025)
    details = " with white spots" if skins.spots else ""
    grounds = ("moss", "soil", "grass", "plain", "plain", "none")
    return Thing("mushroom", article(f"{words} mushroom") + details, model, color, material, grounds)


def _living(dice: Dice):
    color = dice.choose(COLORS)
    tone = vary(dice, color, 0.04)
    cap = custom(
        dice, "noise", tone, darker(tone, dice.uniform(0.7, 0.9)), scale=dice.uniform(2, 5), bump=0.12,
        roughness=dice.uniform(0.25, 0.5), coat=dice.uniform(0, 0.4), fine=0.05,
    )  # fmt: skip
    pale = vary(dice, (0.87, 0.82, 0.70), 0.04)
    stem = custom(dice, "noise", pale, darker(pale, 0.82), scale=4, stretch=(3, 3, 0.6), roughness=0.8, bump=0.2)
    gills = plain(dice, mix(pale, (0.70, 0.55, 0.40), dice.uniform(0, 0.7)), 0.9)
    spotted = color not in ("white", "beige", "grey") and dice.chance(0.7 if color == "red" else 0.3)
    return color, color, None, Skins(cap, stem, gills, plain(dice, (0.92, 0.90, 0.82), 0.85) if spotted else None)


def _figurine(dice: Dice):
    """A mushroom that somebody made, all of one material."""
    material = dice.choose(FIGURINES)
    color = dice.choose(COLORS_OF[material]) if material in COLORS_OF else None
    surface = MATERIAL_WORDS[material](dice, color)
    words = f"{color} {material}" if color else material
    return words, color, material, Skins(surface, surface, surface, None)


def _mushroom(dice: Dice, frame: Frame, model: Model, skins: Skins, size: float, shape: str) -> None:
    height, radius = size * dice.uniform(0.62, 1.3), size * dice.uniform(0.5, 0.92)
    thick = radius * dice.uniform(0.17, 0.4)
    bend = spline([(0, 0, 0), (dice.uniform(-0.05, 0.05), dice.uniform(-0.05, 0.05), 0.5 * height), (0, 0, height)], 9)
    bulb = dice.uniform(1.1, 1.9)
    swell = np.interp(np.linspace(0, 1, 9), [0, 0.12, 0.35, 0.8, 1], [0.8 * bulb, bulb, 1.05, 0.85, 0.95])
    frame.add(model, tube(bend, thick * swell, 18), skins.stem)
    if height > 0.7 * size and dice.chance(0.45):
        _skirt(dice, frame, model, skins.stem, thick, height * dice.uniform(0.62, 0.8))
    cap = SHAPES[shape](dice, radius)
    tilt = rotation("x", dice.uniform(-0.15, 0.15)) @ rotation("y", dice.uniform(-0.15, 0.15))
    head = frame.inner((0, 0, height - 0.12 * cap.height), tilt)
    _add_cap(head, model, skins, cap, 0.8 * thick)
    if skins.spots:
        _add_spots(dice, head, model, skins.spots, cap)


def _skirt(dice: Dice, frame: Frame, model: Model, skin: Material, thick: float, height: float) -> None:
    """The ring that hangs around a stem."""
    hang, flare = thick * dice.uniform(0.4, 0.8), dice.uniform(1.4, 1.8)
    hem = [(thick * flare, height - hang), (thick * 1.35, height - 0.5 * hang), (thick * 0.85, height)]
    frame.add(model, lathe(hem, 40, (7, 0.04)), skin)


def _add_cap(frame: Frame, model: Model, skins: Skins, cap: Cap, hole: float) -> None:
    """The skin with its rolled rim, the hollow under it, and the gills that hang there."""
    radius, roof = cap.radius, 0.2 * cap.height + 0.03 * cap.radius
    rim = [(0.93 * radius, 0.015 * radius), (0.98 * radius, -0.03 * radius)]
    frame.add(model, lathe(np.concatenate([rim, cap.outline]), 36), skins.cap)
    hollow = [(hole, roof), (0.6 * radius, 0.75 * roof), (0.94 * radius, 0.01 * radius)]
    frame.add(model, lathe(hollow, 36), skins.gills)
    out = np.array([hole, 0.5 * radius, 0.93 * radius])
    top = np.array([roof, 0.8 * roof, 0.02 * radius])
    depth = radius * np.array([0.1, 0.13, 0.01])
    for angle in np.linspace(0, 2 * math.pi, 40, endpoint=False):
        across = np.array([math.cos(angle), math.sin(angle)]) * out[:, None]
        edges = [np.column_stack([across, top]), np.column_stack([across, top - depth])]
        frame.add(model, sheet(np.stack(edges)), skins.gills, smooth=False)


def _add_spots(dice: Dice, frame: Frame, model: Model, skin: Material, cap: Cap) -> None:
    """Warts that lie flat on the cap, spread evenly, smaller towards the rim."""
    count, size = dice.integer(9, 24), cap.radius * dice.uniform(0.09, 0.17)
    way = dice.uniform(0, 6.28)
    for step in range(count):
        share = 1 - math.sqrt((step + 0.3) / count) * 0.93  # 1 at the top, towards 0 at the rim
        point, slope = _on_outline(cap.outline, share)
        angle = way + 2.4 * step + dice.uniform(-0.2, 0.2)
        turn = rotation("z", angle) @ rotation("y", slope)
        width = size * dice.uniform(0.6, 1.25) * (0.7 + 0.3 * share)
        flat = (width * dice.uniform(0.75, 1.25), width, 0.4 * width)
        place = rotation("z", angle) @ np.array([point[0], 0, point[1]])
        frame.add(model, sphere(9, 6), skin, move=place, rotate=turn, scale=flat)


def _on_outline(outline: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """The point (radius, z) at `share` of the way along, and how far the surface's normal leans from upright."""
    steps = np.linalg.norm(np.diff(outline, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)]) / steps.sum()
    low, high = max(share - 0.04, 0), min(share + 0.04, 1)
    point, before, after = (
        np.array([np.interp(at, along, outline[:, axis]) for axis in range(2)]) for at in (share, low, high)
    )
    tangent = after - before
    return point, math.atan2(tangent[1], -tangent[0])


def _dome(dice: Dice, radius: float) -> Cap:
    """Half a ball, flatter or higher."""
    return _rounded(radius, radius * dice.uniform(0.5, 1.0), dice.uniform(0.85, 1.05))


def _flat(dice: Dice, radius: float) -> Cap:
    """An old fly agaric: a plate, slightly raised."""
    return _rounded(radius, radius * dice.uniform(0.25, 0.42), dice.uniform(0.9, 1.2))


def _rounded(radius: float, height: float, power: float) -> Cap:
    angle = np.linspace(0, math.pi / 2, 12)
    return Cap(np.stack([radius * np.cos(angle), height * np.sin(angle) ** power], 1), radius, height)


def _bell(dice: Dice, radius: float) -> Cap:
    """A witch's hat with a blunt tip."""
    radius, height, waist = 0.8 * radius, 0.8 * radius * dice.uniform(0.9, 1.4), dice.uniform(0.5, 0.75)
    control = [(1, 0), (0.9, 0.2), (waist, 0.58), (0.26, 0.9), (0, 1)]
    return Cap(spline(control, 14) * (radius, height), radius, height)


def _button(dice: Dice, radius: float) -> Cap:
    """A young one: a ball whose rim turns in."""
    radius, height = 0.75 * radius, radius * dice.uniform(0.85, 1.1)
    control = [(0.86, 0), (1.0, 0.2), (0.95, 0.5), (0.6, 0.88), (0, 1)]
    outline = spline(control, 14) * (radius, height)
    return Cap(outline, 0.86 * radius, height)


SHAPES = {"dome": _dome, "round": _dome, "flat": _flat, "bell": _bell, "button": _button}
