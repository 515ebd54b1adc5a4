"""The heads of flowers, each built in a frame whose z axis is the flower's own and whose origin is the stem's end."""

from __future__ import annotations

import math

import numpy as np

from training.world.colors import Color, darker, mix, vary
from training.world.dice import Dice
from training.world.foliage import sheet
from training.world.frame import Frame
from training.world.materials import Material, custom, leaf, petal_skin, plain
from training.world.model import Model
from training.world.parts import Part, lathe, petal, rotation, sphere, spline, torus, tube


def cup_petal(profile: np.ndarray, half_angles: np.ndarray, tuck: float, crease: float = 0.0, across: int = 9) -> Part:
    """A petal cut out of a cup: `profile` [N, 2] is the cup's (radius, z) from the root to the tip, `half_angles` [N]
    how far the petal reaches around it. `tuck` draws its edges inwards (negative: out), `crease` raises its midrib."""
    side = np.linspace(-1, 1, across)
    angles = half_angles[:, None] * side
    height = np.linspace(0, 1, len(profile))[:, None]
    radius = profile[:, :1] * (1 - tuck * height * side**2 + crease * np.exp(-((side / 0.2) ** 2)))
    points = [radius * np.cos(angles), radius * np.sin(angles), np.broadcast_to(profile[:, 1:], radius.shape)]
    return sheet(np.stack(points, -1))


def tulip(dice: Dice, frame: Frame, model: Model, color: Color, size: float) -> None:
    """Six pointed petals around a deep cup, from a closed bud to wide open, size high."""
    tone = vary(dice, color, 0.03)
    skins = (_tulip_skin(dice, tone), _tulip_skin(dice, darker(tone, dice.uniform(0.8, 0.95))))
    openness, belly = dice.uniform(0, 1) ** 1.5, size * dice.uniform(0.33, 0.5)
    point, pinch = dice.uniform(0.5, 1.1), dice.uniform(0.1, 0.3)
    for ring, skin in enumerate(skins):
        for step in range(3):
            profile = _tulip_profile(openness + dice.uniform(-0.08, 0.08), belly * (1.06 - 0.1 * ring), size)
            rise = np.linspace(0, 1, len(profile))
            half_angles = math.radians(dice.uniform(54, 62)) * (1 - rise**3.2) ** point
            turn = rotation("z", (2 * step + ring) * math.pi / 3 + dice.uniform(-0.08, 0.08))
            frame.add(model, cup_petal(profile, half_angles, pinch, crease=0.035), skin, rotate=turn)
    _stamens(dice, frame, model, 0.55 * size)


def _tulip_skin(dice: Dice, tone: np.ndarray) -> Material:
    """Satin, with faint streaks from root to tip."""
    streak = darker(tone, dice.uniform(0.68, 0.85)) if dice.chance(0.6) else mix(tone, (0.97, 0.93, 0.8), 0.22)
    return custom(
        dice, "noise", tone, streak, scale=4, stretch=(2.5, 2.5, 0.4), roughness=0.42, bump=0.06, specular=0.35,
        fine=0.03,
    )  # fmt: skip


def _tulip_profile(openness: float, belly: float, size: float) -> np.ndarray:
    """(radius, z) [13, 2]; the open cup is lower and flares at its tips."""
    height = size * (1 - 0.22 * max(openness, 0))
    upper, top = belly * (0.82 + 0.5 * openness), belly * (0.38 + 1.35 * openness)
    control = [(0.12 * belly, 0), (0.8 * belly, 0.14), (belly, 0.4), (upper, 0.74), (top, 1)]
    return spline([(radius, z if radius == 0.12 * belly else z * height) for radius, z in control], 13)


def _stamens(dice: Dice, frame: Frame, model: Model, height: float) -> None:
    green, dark = plain(dice, (0.72, 0.75, 0.35)), plain(dice, (0.12, 0.08, 0.1), 0.8)
    frame.add(model, tube([(0, 0, 0), (0, 0, 0.8 * height), (0, 0, height)], [0.05, 0.045, 0.07], 8), green)
    for step in range(6):
        turn = rotation("z", step * math.pi / 3) @ rotation("y", 0.3)
        frame.add(model, tube([(0, 0, 0), (0, 0, 0.6 * height)], 0.012, 5), green, rotate=turn)
        foot = turn @ np.array([0, 0, 0.72 * height])
        frame.add(model, sphere(6, 5), dark, move=foot, rotate=turn, scale=(0.028, 0.028, 0.2 * height))


def rose(dice: Dice, frame: Frame, model: Model, color: Color, size: float) -> None:
    """A tight bud within wider and wider petals that roll their rims outwards; size across."""
    tone = vary(dice, color, 0.03)
    skins = [_rose_skin(dice, darker(tone, shade)) for shade in (0.72, 0.88, 1.0)]
    count, spread, openness = dice.integer(15, 22), size * dice.uniform(0.42, 0.52), dice.uniform(0.25, 1)
    height = size * dice.uniform(0.6, 0.75)
    for step in range(count):
        share = step / (count - 1)
        profile = _rose_profile(share, spread * (0.1 + 0.9 * share**0.8), height, openness)
        rise = np.linspace(0, 1, len(profile))
        half_angles = math.radians(80 - 32 * share) * (1 - 0.96 * rise**7) ** 0.5 * (0.75 + 0.25 * rise)
        turn = rotation("z", 2.4 * step + dice.uniform(-0.1, 0.1)) @ rotation("y", dice.uniform(-0.04, 0.08))
        frame.add(model, cup_petal(profile, half_angles, -0.12 * share), skins[min(int(3 * share), 2)], rotate=turn)
    green = leaf(dice)
    frame.add(model, sphere(10, 6), green, scale=(0.16 * size, 0.16 * size, 0.13 * size))
    for step in range(5):
        turn = rotation("z", step * 2 * math.pi / 5) @ rotation("y", dice.uniform(-0.2, 0.5))
        frame.add(model, petal(dice, 0.45 * size, 0.07 * size, dice.uniform(-0.9, 0.3)), green, rotate=turn)


def _rose_skin(dice: Dice, tone: np.ndarray) -> Material:
    return custom(dice, "noise", tone, darker(tone, 0.8), scale=3, roughness=0.55, bump=0.05, specular=0.25, fine=0.04)


def _rose_profile(share: float, reach: float, height: float, openness: float) -> np.ndarray:
    """(radius, z) [11, 2] of the petal at `share` of the way from the bud to the rim."""
    top = height * (1 - 0.38 * openness * share**1.5)
    flare = 0.72 + 0.75 * openness * share**1.2
    control = [
        (0.25 * reach, 0.03 * height),
        (0.85 * reach, 0.2 * top),
        (reach, 0.5 * top),
        (reach * (0.5 + 0.5 * flare), 0.85 * top),
        (reach * flare, top),
        (reach * (flare + 0.3 * share), top * (1 - 0.1 * share)),
    ]
    return spline(control, 11)


def daisy(dice: Dice, frame: Frame, model: Model, color: Color, size: float) -> None:
    """Narrow rays around a golden button, a green calyx behind."""
    count, button = dice.integer(11, 22), size * dice.uniform(0.14, 0.22)
    skin, droop = petal_skin(dice, color), dice.uniform(-0.15, 0.35)
    rays = _Rays(count, 0.5 * size - 0.6 * button, 0.5 * size * (2.0 / count + 0.06), 0.6 * button)
    for ring in range(dice.integer(1, 2)):
        rays.add(dice, frame, model, skin, ring, droop)
    gold = custom(dice, "voronoi", (0.88, 0.62, 0.10), (0.60, 0.34, 0.05), scale=26, roughness=0.9, bump=0.6)
    frame.add(model, sphere(18, 10), gold, scale=(button, button, 0.5 * button), move=(0, 0, 0.02 * size))
    _calyx(frame, model, leaf(dice), 0.9 * button)


def sunflower(dice: Dice, frame: Frame, model: Model, color: Color, size: float) -> None:
    """Two or three rings of pointed golden rays around a broad dark disc; green bracts behind."""
    count, disc = dice.integer(16, 24), size * dice.uniform(0.2, 0.28)
    rays = _Rays(count, 0.52 * size - 0.8 * disc, 0.5 * size * (1.7 / count + 0.05), 0.8 * disc)
    for ring in range(dice.integer(2, 3)):
        rays.add(dice, frame, model, petal_skin(dice, darker(color, 1 - 0.06 * ring)), ring, dice.uniform(-0.1, 0.25))
    seeds = custom(dice, "voronoi", (0.24, 0.14, 0.07), (0.06, 0.04, 0.03), scale=20, roughness=0.9, bump=0.7)
    rim = custom(dice, "voronoi", (0.50, 0.30, 0.08), (0.24, 0.12, 0.04), scale=24, roughness=0.9, bump=0.7)
    frame.add(model, sphere(24, 8), seeds, scale=(0.75 * disc, 0.75 * disc, 0.36 * disc), move=(0, 0, 0.02))
    frame.add(model, torus(0.8 * disc, 0.2 * disc, 28, 8), rim, scale=(1, 1, 0.9), move=(0, 0, 0.02))
    green = leaf(dice)
    _calyx(frame, model, green, disc)
    for step in range(14):
        turn = rotation("z", step * 2 * math.pi / 14) @ rotation("y", 0.15)
        bract = petal(dice, 0.75 * disc, 0.22 * disc, -0.3)
        frame.add(model, bract, green, rotate=turn, move=turn @ np.array([0.6 * disc, 0, -0.05 * size]))


def _calyx(frame: Frame, model: Model, green: Material, radius: float) -> None:
    cup = [(0.18 * radius, -0.5 * radius), (0.7 * radius, -0.35 * radius), (radius, -0.08 * radius), (0.9 * radius, 0)]
    frame.add(model, lathe(cup, 16), green)


class _Rays:
    """A ring of petals of one size that lie around a disc."""

    def __init__(self, count: int, length: float, width: float, root: float) -> None:
        self.count, self.length, self.width, self.root = count, length, width, root

    def add(self, dice: Dice, frame: Frame, model: Model, skin: Material, ring: int, lift: float) -> None:
        for step in range(self.count):
            way = 2 * math.pi * (step + 0.5 * ring) / self.count + dice.uniform(-0.06, 0.06)
            turn = rotation("z", way) @ rotation("y", -lift - 0.12 * ring + dice.uniform(-0.1, 0.1))
            ray = petal(dice, self.length * dice.uniform(0.9, 1.1), self.width, dice.uniform(-0.35, 0.15), along=6)
            frame.add(model, ray, skin, rotate=turn, move=turn @ np.array([self.root, 0, 0]))
