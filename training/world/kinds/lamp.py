"""Lamps: on a table, on the floor, on a jointed arm, in the street, of coloured glass."""

from __future__ import annotations

import math

import numpy as np

from training.world.dice import Dice
from training.world.furniture import cover, curve, frame_material, leg, rod
from training.world.materials import Material, Named, glaze, named_material, painted_metal, plain
from training.world.model import Model
from training.world.parts import lathe, ring_angles, rotation, sphere, spline
from training.world.thing import Thing, article

GROUNDS = ("table", "table", "floor", "plain", "plain", "none", "marble")
ON_FLOOR = ("floor", "floor", "plain", "plain", "none")
IN_STREET = ("stone", "grass", "snow", "plain", "none")
UP = np.array([0, 0, 1.0])
_BODIES = (
    ("ceramic",) * 4 + ("wooden",) * 2 + ("golden", "copper", "silver", "marble", "glass", "clay", "stone", "plastic")
)
_POLES = ("golden", "silver", "copper", "wooden", "wooden", "rusty iron")
_SHADES = ("fabric",) * 5 + ("glass", "wicker", "plastic", "leather")
_ENAMEL = ("red", "green", "blue", "yellow", "orange", "white", "black", "teal", "turquoise", "pink", "grey", "purple")


def make(dice: Dice) -> Thing:
    return dice.choose([table_lamp] * 5 + [floor_lamp] * 2 + [desk_lamp] * 2 + [street_lamp, glass_lamp])(dice)


def table_lamp(dice: Dice) -> Thing:
    """A turned body under a shade."""
    named = frame_material(dice, _BODIES)
    model = Model()
    height, wide = dice.uniform(0.6, 1.2), dice.uniform(0.2, 0.45)
    dice.choose([_turned_body] * 3 + [_stacked_balls, _plain_body])(dice, model, height, wide, named.surface)
    metal = named_material(dice, ("golden", "silver", "copper")).surface
    model.add(rod([(0, 0, height - 0.02), (0, 0, height + 0.25)], 0.04, 12), metal)
    shade = cover(dice, _SHADES, named.color)
    _shade(dice, model, shade.surface, (0, 0, height + 0.06), dice.uniform(0.4, 0.75), dice.uniform(0.4, 0.8))
    return _thing(model, "table lamp", named, f" with {article(_short(shade))} shade", GROUNDS)


def _thing(model: Model, words: str, named: Named, detail: str, grounds: tuple[str, ...]) -> Thing:
    return Thing("lamp", article(f"{named.words} {words}{detail}"), model, named.color, named.material, grounds)


def _short(named: Named) -> str:
    """'white' for white cloth, as one says of a lamp shade."""
    return named.color if named.material == "fabric" and named.color else named.words


def _turned_body(dice: Dice, model: Model, height: float, wide: float, surface: Material) -> None:
    """A vase-like outline through random widths."""
    widths = [dice.uniform(0.6, 1), dice.uniform(0.3, 1), dice.uniform(0.5, 1), dice.uniform(0.3, 1), 0.2]
    outline = spline(np.column_stack([np.array(widths) * wide, np.linspace(0.07, 1, 5) * height]), 28)
    outline[:, 0] = np.maximum(outline[:, 0], 0.05)
    foot = outline[0, 0] * dice.uniform(1.0, 1.3)
    ribs = (dice.integer(6, 14), 0.05) if dice.chance(0.25) else None
    model.add(lathe([(0.01, 0), (foot, 0), (foot, 0.05), *outline, (0.01, height)], 40, ribs), surface)


def _stacked_balls(dice: Dice, model: Model, height: float, wide: float, surface: Material) -> None:
    count = dice.integer(2, 4)
    model.add(lathe([(0.01, 0), (wide, 0), (wide, 0.05), (0.01, 0.07)], 32), surface)
    each = (height - 0.05) / count
    for k in range(count):
        radius = wide * (1 - 0.12 * k)
        model.add(sphere(24, 14), surface, move=(0, 0, 0.05 + each * (k + 0.5)), scale=(radius, radius, each * 0.53))


def _plain_body(dice: Dice, model: Model, height: float, wide: float, surface: Material) -> None:
    """A cone, a cylinder, a prism or a pyramid."""
    wide *= 0.75
    top = dice.choose([0.15, 0.6, 1.0]) * wide
    edges = dice.choose([4, 6, 32])
    model.add(lathe([(0.01, 0), (wide, 0), (top, height), (0.01, height)], edges), surface, False)


def _shade(
    dice: Dice, model: Model, surface: Material, foot: tuple[float, float, float], wide: float, high: float
) -> None:
    """A shade with its lower edge at `foot`, open at both ends, the bulb inside."""
    narrow = wide * dice.choose([0.35, 0.55, 0.75, 1.0])
    swing = dice.choose([0, 0, 0.25, -0.25])  # hollow or round sides
    t = np.linspace(0, 1, 9)
    radius = wide + (narrow - wide) * t - swing * wide * np.sin(np.pi * t) * (0.4 if swing > 0 else 0.7)
    outside = np.column_stack([radius, high * t])
    inside = np.column_stack([radius - 0.025, high * t])[::-1]
    edges = dice.choose([6, 8, 40, 40, 40])
    pleats = (dice.integer(20, 30), 0.02) if edges == 40 and dice.chance(0.3) else None
    closed = np.vstack([outside, inside, outside[:1]])
    model.add(lathe(closed, 120 if pleats else edges, pleats), surface, edges == 40, move=foot)
    x, y, z = foot
    model.add(sphere(14, 10), plain(dice, (0.97, 0.93, 0.78), 0.3), move=(x, y, z + high * 0.4), scale=wide * 0.22)
    spoke = plain(dice, (0.6, 0.55, 0.4), 0.3)
    for angle in ring_angles(3):
        rim = (x + narrow * 0.97 * math.cos(angle), y + narrow * 0.97 * math.sin(angle), z + high * 0.97)
        model.add(rod([(x, y, z + high * 0.85), rim], 0.015, 6), spoke)
    model.add(rod([(x, y, z), (x, y, z + high * 0.86)], 0.025, 8), spoke)


def floor_lamp(dice: Dice) -> Thing:
    """A pole, straight, on three legs or bent over, and a shade."""
    named = frame_material(dice, _POLES)
    model = Model()
    height, thick = dice.uniform(1.5, 2.1), dice.uniform(0.035, 0.065)
    wide = dice.uniform(0.35, 0.55)
    shade = cover(dice, _SHADES, named.color)
    style = dice.choose(["pole", "tripod", "arc"])
    top = (0.0, 0.0, height)
    if style == "tripod":
        for angle in ring_angles(3) - math.pi / 2:
            foot = (math.cos(angle) * 0.5, math.sin(angle) * 0.5, 0)
            model.add(leg("round", (0, 0, height), foot, thick * 2)[0], named.surface)
    else:
        base = dice.uniform(0.28, 0.42)
        model.add(lathe([(0.01, 0), (base, 0), (base, 0.05), (thick, 0.1)], 32), named.surface)
        path = [(0, 0, 0.03), (0, 0, height / 2), (0, 0, height + 0.1)]
        if style == "arc":
            side = dice.choose([-1, 1])
            top = (side * 0.75, 0.0, height - 0.25)
            bow = [(0, 0.03), (0, height * 0.6), (0.15, height), (0.55, height + 0.15), (0.75, height)]
            path = [(side * x, 0, z) for x, z in bow]
        model.add(rod(curve(path, 24), thick, 12), named.surface)
    high = dice.uniform(0.35, 0.6)
    _shade(dice, model, shade.surface, (top[0], top[1], top[2] - high * 0.5), wide, high)
    return _thing(model, "floor lamp", named, f" with {article(_short(shade))} shade", ON_FLOOR)


def desk_lamp(dice: Dice) -> Thing:
    """Two arms with joints and a cone that looks down at the front."""
    color = dice.choose(_ENAMEL)
    paint = painted_metal(dice, color)
    metal = named_material(dice, ("silver", "golden", "copper")).surface if dice.chance(0.6) else paint
    model = Model()
    base, thick = dice.uniform(0.28, 0.42), dice.uniform(0.03, 0.05)
    model.add(lathe([(0.01, 0), (base, 0), (base, 0.05), (base * 0.8, 0.09), (0.01, 0.1)], 32), paint)
    side = dice.choose([-1, 1])
    elbow = np.array([side * dice.uniform(0.05, 0.45), dice.uniform(0, 0.3), dice.uniform(0.6, 0.95)])
    head = elbow + np.array([-side * dice.uniform(0.5, 0.8), -dice.uniform(0.1, 0.4), dice.uniform(0.05, 0.45)])
    model.add(rod([(0, 0, 0.05), elbow], thick, 10), metal)
    model.add(rod([elbow, head], thick, 10), metal)
    for joint in (np.array([0, 0, 0.1]), elbow, head):
        model.add(sphere(14, 10), paint, move=joint, scale=thick * 1.9)
    _cone(dice, model, paint, head, -side)
    return Thing("lamp", article(f"{color} desk lamp"), model, color, None, GROUNDS)


def _cone(dice: Dice, model: Model, paint: Material, head: np.ndarray, side: int) -> None:
    """The reflector, its mouth downwards and outwards."""
    long, wide = dice.uniform(0.4, 0.6), dice.uniform(0.24, 0.36)
    t = np.linspace(0, 1, 8)
    radius = 0.08 + (wide - 0.08) * t ** dice.uniform(0.5, 1.3)
    outside = np.column_stack([radius, -long * t])[::-1]
    inside = np.column_stack([radius - 0.02, -long * t])
    turn = rotation("y", side * dice.uniform(-0.9, -0.2))
    start = head + np.array([0, 0, 0.05])
    model.add(lathe([*outside, (0.01, 0.03)], 28), paint, rotate=turn, move=start)
    model.add(lathe(inside, 28), plain(dice, (0.92, 0.9, 0.85), 0.3), rotate=turn, move=start)
    bulb = start - turn @ UP * long * 0.75
    model.add(sphere(14, 10), plain(dice, (0.97, 0.93, 0.75), 0.3), move=bulb, scale=wide * 0.45)


def street_lamp(dice: Dice) -> Thing:
    """A cast post with a lantern of glass panes."""
    color = dice.choose(["black", "black", "green", "grey", "blue", "red", "white"])
    paint, pane = painted_metal(dice, color), plain(dice, (0.95, 0.88, 0.66), 0.1, coat=0.5)
    model = Model()
    height, thick = dice.uniform(1.6, 2.3), dice.uniform(0.06, 0.09)
    foot = thick * dice.uniform(2.5, 3.5)
    profile = [(foot, 0), (foot, 0.12), (foot * 0.7, 0.16), (foot * 0.6, 0.4), (thick * 1.2, 0.46), (thick, 0.5)]
    profile += [(thick * 0.8, height - 0.1), (thick * 1.8, height - 0.06), (thick, height)]
    model.add(lathe(profile, 20), paint)
    heads = [(0.0, height)]
    if dice.chance(0.35):
        heads = [(-0.45, height - 0.05), (0.45, height - 0.05)]
        for x, _ in heads:
            bow = [(0, -0.25), (x * 0.5, -0.3), (x, -0.22), (x, -0.04)]
            path = curve([(reach, 0, height + z) for reach, z in bow], 14)
            model.add(rod(path, thick * 0.55, 10), paint)
    edges, size = dice.choose([4, 6]), dice.uniform(0.2, 0.3)
    for x, z in heads:
        _lantern(model, paint, pane, np.array([x, 0, z]), size, edges)
    return Thing("lamp", article(f"{color} street lamp"), model, color, None, IN_STREET)


def _lantern(model: Model, paint: Material, pane: Material, foot: np.ndarray, size: float, edges: int) -> None:
    low, high = size * 0.6, size * 1.7
    turn = rotation("z", math.pi / edges)
    model.add(lathe([(0.01, 0), (low, 0), (size, high), (0.01, high)], edges), pane, False, rotate=turn, move=foot)
    eaves = size * 1.2
    roof = [(0.01, high), (eaves, high), (eaves, high + 0.05), (size * 0.3, high + size * 0.8), (0.01, high + size)]
    model.add(lathe(roof, edges), paint, False, rotate=turn, move=foot)
    model.add(sphere(10, 8), paint, move=foot + UP * (high + size * 1.05), scale=size * 0.17)
    tray = [(0.01, -0.04), (low * 1.1, -0.04), (low * 1.1, 0.03), (0.01, 0.03)]
    model.add(lathe(tray, edges), paint, False, rotate=turn, move=foot)
    for angle in ring_angles(edges):
        out = turn @ np.array([math.cos(angle), math.sin(angle), 0])
        model.add(rod([foot + out * low, foot + out * size + UP * high], size * 0.08, 6), paint)


def glass_lamp(dice: Dice) -> Thing:
    """A mushroom of glass: a dome on a stem."""
    color = dice.choose(["orange", "red", "green", "blue", "yellow", "pink", "purple", "teal"])
    glass = glaze(dice, color)
    metal = named_material(dice, ("golden", "silver", "copper"))
    foot = metal if dice.chance(0.6) else Named(color, color, "glass", glass)
    model = Model()
    height, wide, dome = dice.uniform(0.6, 1.0), dice.uniform(0.5, 0.7), dice.uniform(0.3, 0.6)
    base = wide * dice.uniform(0.5, 0.8)
    stem = spline([(base, 0), (base * 0.75, 0.08), (0.1, 0.25), (0.09, height * 0.7), (0.14, height)], 20)
    model.add(lathe([(0.01, 0), *stem, (0.01, height)], 28), foot.surface)
    t = np.linspace(0, math.pi / 2, 12)
    outside = np.column_stack([np.cos(t) ** dice.uniform(0.6, 1) * wide, np.sin(t) * dome])
    inside = (outside * 0.95)[::-1]
    model.add(lathe(np.vstack([outside, inside, outside[:1]]), 36), glass, move=(0, 0, height - 0.05))
    model.add(sphere(14, 10), plain(dice, (0.97, 0.93, 0.78), 0.3), move=(0, 0, height), scale=0.16)
    detail = f" with a {metal.words} foot" if foot is metal else ""
    return Thing("lamp", article(f"{color} glass lamp{detail}"), model, color, "glass", GROUNDS)
