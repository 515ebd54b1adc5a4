"""Ribbed pumpkins with their stalk, some with a face cut into them."""

from __future__ import annotations

import math

import numpy as np

from training.world.colors import darker, mix, vary
from training.world.dice import Dice
from training.world.foliage import blade
from training.world.frame import Frame
from training.world.materials import COLORS_OF, MATERIAL_WORDS, Material, custom, leaf, plain
from training.world.model import Model
from training.world.parts import Part, lathe, rotation, spline, tube
from training.world.thing import Thing, article

COLORS = ("orange",) * 7 + ("white", "green", "yellow", "red")
SKINS = {
    "orange": (0.86, 0.40, 0.07),
    "green": (0.24, 0.40, 0.16),
    "yellow": (0.90, 0.70, 0.18),
    "red": (0.64, 0.10, 0.06),
}
FIGURINES = ("ceramic", "ceramic", "golden", "wooden", "glass", "woollen", "fabric", "stone", "copper")


def make(dice: Dice) -> Thing:
    model = Model()
    color, material, skin = _surface(dice)
    words = " ".join(word for word in (color, material, "pumpkin") if word)
    ribs, depth = dice.integer(8, 14), dice.uniform(0.06, 0.16)
    tall = dice.uniform(0.5, 1.25)
    carved = material is None and dice.chance(0.3)
    shell, top = _body(ribs, depth, tall, (144, 56) if carved else (8 * ribs, 24))
    if carved:
        words += " with a carved face"
        shell = _without(shell, _face(dice, tall))
        glow = dice.choose(((0.97, 0.74, 0.22), (0.97, 0.74, 0.22), (0.10, 0.06, 0.03)))
        model.add(
            _body(ribs, depth, tall, (8 * ribs, 20))[0], plain(dice, glow, 0.9), scale=0.8, move=(0, 0, 0.2 * tall)
        )
    model.add(shell, skin)
    _stalk(dice, model, top)
    if not carved and material is None and dice.chance(0.35):
        _vine(dice, model, top)
        words += " with a leaf"
    model.warp(dice, 0.02)
    grounds = ("grass", "soil", "stone", "table", "plain", "plain", "none")
    return Thing("pumpkin", article(words), model, color, material, grounds)


def _surface(dice: Dice) -> tuple[str | None, str | None, Material]:
    if dice.chance(0.1):
        material = dice.choose(FIGURINES)
        color = dice.choose(COLORS_OF[material]) if material in COLORS_OF else None
        return color, material, MATERIAL_WORDS[material](dice, color)
    color = dice.choose(COLORS)
    tone = vary(dice, SKINS.get(color, color), 0.04)
    flecks = mix(tone, (0.9, 0.75, 0.4), 0.35) if color != "red" and dice.chance(0.5) else darker(tone, 0.75)
    return (
        color,
        None,
        custom(
            dice,
            "noise",
            tone,
            flecks,
            scale=dice.uniform(3, 7),
            stretch=(1.2, 1.2, 0.6),
            roughness=0.4,
            bump=0.08,
            coat=0.2,
        ),
    )


def _body(ribs: int, depth: float, tall: float, mesh: tuple[int, int]) -> tuple[Part, float]:
    """A ball of radius 1 and height 2·tall with grooves and dimples, mesh (around, along); and the dimple's height."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, mesh[1])
    radius = np.maximum(np.cos(angles) ** 0.8, 1e-3)
    dimple = 0.28 * np.exp(-((radius / 0.3) ** 2)) * np.sign(angles)
    vertices, faces = lathe(np.stack([radius, tall * (np.sin(angles) - dimple)], 1), mesh[0])
    way = np.arctan2(vertices[:, 1], vertices[:, 0]) + math.pi / 2
    groove = 1 - depth * (1 - np.abs(np.sin(0.5 * ribs * way + math.pi / 2)) ** 0.7)
    vertices[:, :2] *= groove[:, None]
    vertices[:, 2] += tall
    return (vertices, faces), 1.72 * tall


def _face(dice: Dice, tall: float) -> list[np.ndarray]:
    """Outlines [N, 2] in (x, z) of two eyes, a nose and a jagged mouth."""
    wide, middle = dice.uniform(0.2, 0.3), tall * dice.uniform(1.15, 1.3)
    eye = np.array([(-wide / 1.4, -0.3 * wide), (wide / 1.4, -0.3 * wide), (dice.uniform(-0.1, 0.1), wide)]) * (1, tall)
    nose = np.array([(-0.09, -0.06), (0.09, -0.06), (0, 0.12)]) * (1, tall) + (0, middle - 0.28 * tall)
    smile, teeth, half = dice.uniform(0.1, 0.3), dice.integer(5, 9), dice.uniform(0.42, 0.6)
    x = np.linspace(-half, half, 2 * teeth + 1)
    bow = tall * (smile * (x / half) ** 2 - 0.62) + middle
    jag = 0.07 * tall * np.where(np.arange(len(x)) % 2, 1, -1)
    upper, lower = np.stack([x, bow + jag + 0.06 * tall], 1), np.stack([x, bow + jag - 0.12 * tall], 1)
    mouth = np.concatenate([lower, upper[::-1]])
    left = eye + np.array([-0.33, middle])
    return [left, left * (-1, 1), nose, mouth]


def _without(shell: Part, holes: list[np.ndarray]) -> Part:
    """The shell less those faces at the front that lie in one of the outlines."""
    vertices, faces = shell
    kept = []
    for face in faces:
        x, y, z = vertices[list(face)].mean(0)
        if y > 0 or not any(_inside(x, z, hole) for hole in holes):
            kept.append(face)
    return vertices, kept


def _inside(x: float, z: float, outline: np.ndarray) -> bool:
    """Whether a ray to the right of (x, z) crosses the outline an odd number of times."""
    start, end = outline, np.roll(outline, -1, axis=0)
    spans = (start[:, 1] > z) != (end[:, 1] > z)
    rise = np.where(spans, end[:, 1] - start[:, 1], 1)
    return bool(np.count_nonzero(spans & (x < start[:, 0] + (z - start[:, 1]) / rise * (end[:, 0] - start[:, 0]))) % 2)


def _stalk(dice: Dice, model: Model, top: float) -> None:
    tone = dice.choose(((0.36, 0.38, 0.16), (0.42, 0.34, 0.18)))
    skin = custom(dice, "noise", vary(dice, tone, 0.03), scale=6, stretch=(3, 3, 0.6), roughness=0.85, bump=0.3)
    length, lean = dice.uniform(0.25, 0.5), dice.uniform(-0.25, 0.25)
    path = spline([(0, 0, top - 0.1), (0, 0, top + 0.4 * length), (lean, 0.3 * lean, top + length)], 9)
    thick = dice.uniform(0.07, 0.11)
    model.add(
        tube(path, thick * np.interp(np.linspace(0, 1, 9), [0, 0.35, 0.8, 1], [2, 1.1, 0.9, 1.15]), 30, (5, 0.18)), skin
    )


def _vine(dice: Dice, model: Model, top: float) -> None:
    green, way = leaf(dice), dice.uniform(0, 6.28)
    turn = np.linspace(0, 4 * math.pi, 40)
    curl = np.stack([0.1 + 0.5 * turn / turn[-1], 0.09 * np.sin(turn), 0.08 + 0.09 * np.cos(turn)], 1)
    model.add(tube(curl @ rotation("z", way).T + [0, 0, top], 0.018, 6), green)
    foot = Frame.at((0, 0, top + 0.12))
    blade(dice, foot, model, green, (0.75, 0.3), 0.3, -0.8, way + dice.uniform(1.5, 4.5))
