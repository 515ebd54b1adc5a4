"""A column with arms, a ribbed ball or a prickly pear; often in bloom, often in a pot."""

from __future__ import annotations

import math

import numpy as np

from training.world.colors import darker, vary
from training.world.dice import Dice
from training.world.frame import Frame
from training.world.materials import Material, custom, plain
from training.world.model import Model
from training.world.parts import lathe, petal, rotation, sphere, tube
from training.world.pots import pot
from training.world.thing import Thing, article

FLOWERS = ("pink", "pink", "yellow", "red", "white", "orange")
SPINE = np.array([(0, 0.009, -0.012), (0, -0.009, -0.012), (0, 0, 0.015), (0.11, 0, 0.02)])
SPINE_FACES = [(0, 1, 3), (1, 2, 3), (2, 0, 3)]


def make(dice: Dice) -> Thing:
    model = Model()
    tone = vary(dice, dice.choose(((0.22, 0.42, 0.20), (0.18, 0.38, 0.24), (0.34, 0.48, 0.22))), 0.05)
    skin = custom(dice, "noise", tone, darker(tone, 0.75), scale=6, roughness=0.6, bump=0.12)
    spines = plain(dice, (0.90, 0.84, 0.64), 0.7)
    words, breadth, tops = dice.choose(SORTS)(dice, model, skin, spines)
    model.warp(dice, 0.015)
    details = ""
    if dice.chance(0.4):
        color = dice.choose(FLOWERS)
        details = f" with {color} flowers" if len(tops) > 1 else f" with {article(color)} flower"
        petals, gold = plain(dice, vary(dice, color, 0.03), 0.5), plain(dice, (0.88, 0.66, 0.12), 0.8)
        for top in tops:
            _bloom(dice, top, model, petals, gold)
    potted, grounds = dice.chance(0.5), ("sand", "sand", "stone", "plain", "none")
    if potted:
        details += " in " + pot(
            dice, Frame.at((0, 0, 0.03)), model, breadth * dice.uniform(1.25, 1.7), dice.uniform(0.4, 0.7)
        )
        grounds = ("table", "floor", "plain", "plain", "none")
    green = dice.chance(0.5)
    return Thing(
        "cactus", f"a {'green ' if green else ''}{words}{details}", model, "green" if green else None, None, grounds
    )


def _spine(dice: Dice, model: Model, skin: Material, place: np.ndarray, turn: np.ndarray) -> None:
    model.add((SPINE * dice.uniform(0.7, 1.1), SPINE_FACES), skin, smooth=False, rotate=turn, move=place)


def _limb(
    model: Model, skin: Material, spines: Material, dice: Dice, path: np.ndarray, radius: float, ribs: int
) -> None:
    """A ribbed column along `path` [N, 3] with a round end, spines along its ribs."""
    left = np.linalg.norm(path[-1] - path, axis=1)
    round_end = np.sqrt(np.clip(1 - (1 - np.minimum(left / radius, 1)) ** 2, 0.0, 1))
    radii = radius * np.maximum(round_end, 0.05)
    part = tube(path, radii, 6 * ribs, ribs=(ribs, 0.13))
    model.add(part, skin)
    rings = part[0].reshape(len(path), 6 * ribs, 3)
    for step in range(2, len(path) - 2, 2):
        for crest in rings[step, ::6]:
            outward = crest - path[step]
            _spine(dice, model, spines, path[step] + 0.97 * outward, _towards(outward))


def _towards(direction: np.ndarray) -> np.ndarray:
    """[3, 3]: turns +X to the direction."""
    x = direction / np.linalg.norm(direction)
    y = np.cross(np.eye(3)[np.argmin(np.abs(x))], x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1)


def _column(dice: Dice, model: Model, skin: Material, spines: Material):
    """The cactus of the films: arms that go out and then up."""
    height, radius, ribs = dice.uniform(1.0, 1.8), dice.uniform(0.18, 0.32), dice.integer(8, 11)
    _limb(model, skin, spines, dice, np.linspace((0, 0, -0.1), (0, 0, height), 24), radius, ribs)
    tops, way = [Frame.at((0, 0, height))], dice.choose((0.0, math.pi)) + dice.uniform(-0.5, 0.5)
    for _ in range(dice.choose((0, 1, 2, 2, 2, 3))):
        arm, low = radius * dice.uniform(0.5, 0.72), height * dice.uniform(0.28, 0.55)
        out, up = radius + arm + dice.uniform(0.08, 0.22), dice.uniform(0.3, 0.6) * height
        bow = np.linspace(0, math.pi / 2, 9)
        elbow = np.stack([0.5 * radius + (out - 0.5 * radius) * np.sin(bow), 0 * bow, 0.24 * (1 - np.cos(bow))], 1)
        rise = np.linspace(elbow[-1] + [0, 0, 0.05], elbow[-1] + [0, 0, up], 12)
        path = np.concatenate([elbow, rise]) @ rotation("z", way).T + [0, 0, low]
        _limb(model, skin, spines, dice, path, arm, 8)
        tops.append(Frame.at(path[-1]))
        way += math.pi + dice.uniform(-0.5, 0.5) if len(tops) < 3 else math.pi / 2
    return "cactus", radius, tops


def _ball(dice: Dice, model: Model, skin: Material, spines: Material):
    ribs, radius, tall = dice.integer(10, 16), dice.uniform(0.45, 0.6), dice.uniform(0.75, 1.25)
    angles = np.linspace(-1.25, math.pi / 2, 16)
    profile = np.stack([radius * np.maximum(np.cos(angles), 0.01), radius * tall * (0.93 + np.sin(angles))], 1)
    part = lathe(profile, 6 * ribs, (ribs, 0.1))
    model.add(part, skin)
    rings = part[0].reshape(len(profile), 6 * ribs, 3)
    middle = np.array([0, 0, 0.93 * radius * tall])
    for step in range(3, 15, 2):
        for crest in rings[step, ::6]:
            for side in (-0.5, 0.5):
                turn = _towards(crest - middle) @ rotation("z", side)
                _spine(dice, model, spines, crest - 0.03 * (crest - middle), turn)
    top = 1.9 * radius * tall
    around = [(0.2 * math.cos(k * 1.26), 0.2 * math.sin(k * 1.26), top - 0.06) for k in range(dice.integer(1, 5))]
    return "round cactus", 0.75 * radius, [Frame.at(place) for place in around]


def _prickly_pear(dice: Dice, model: Model, skin: Material, spines: Material):
    """Flat pads that grow on each other's rims."""
    tops: list[Frame] = []

    def grow(foot: Frame, size: float, forks: int) -> None:
        shape = np.array([0.36, 0.1, 0.5]) * size
        vertices, faces = sphere(20, 12)
        vertices = vertices * (1 + 0.15 * vertices[:, 2:]) * shape + [0, 0, 0.92 * shape[2]]
        foot.add(model, (vertices, faces), skin)
        for x in np.linspace(-0.75, 0.75, 4):
            for z in np.linspace(-0.7, 0.8, 5):
                depth = 1 - x * x - z * z
                for side in (-1, 1) if depth > 0.05 else ():
                    place = np.array([x * shape[0], side * shape[1] * math.sqrt(depth), (0.92 + z) * shape[2]])
                    turn = _towards(np.array([0.4 * x, side, 0.4 * z]))
                    _spine(dice, model, spines, foot.origin + foot.turn @ place, foot.turn @ turn)
        tops.append(foot.inner((0, 0, 1.95 * shape[2])))
        for side in (-1, 1) if forks else ():
            if forks == 2 or dice.chance(0.7):
                lean = side * dice.uniform(0.35, 0.9)
                rim = np.array([1.0 * shape[0] * math.sin(lean), 0, shape[2] * (0.92 + 1.05 * math.cos(lean))])
                turn = rotation("y", lean * 0.8) @ rotation("z", dice.uniform(-0.6, 0.6))
                grow(foot.inner(0.97 * rim, turn), size * dice.uniform(0.6, 0.85), forks - 1)

    grow(Frame.at((0, 0, -0.05), rotation("z", dice.uniform(-0.7, 0.7))), dice.uniform(0.9, 1.2), 2)
    return "prickly pear cactus", 0.3, tops


def _bloom(dice: Dice, frame: Frame, model: Model, skin: Material, gold: Material) -> None:
    size = dice.uniform(0.16, 0.26)
    for ring in range(2):
        for step in range(8):
            turn = rotation("z", (step + 0.5 * ring) * math.pi / 4) @ rotation("y", -0.45 - 0.4 * ring)
            frame.add(model, petal(dice, size, 0.32 * size, 0.3), skin, rotate=turn, move=(0, 0, -0.03))
    frame.add(model, sphere(8, 6), gold, scale=0.2 * size, move=(0, 0, 0.02))


SORTS = (_column, _column, _column, _ball, _prickly_pear)
