"""Fish that swim towards the front: deep or slender, plain or banded, with a forked, round or veiled tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world import materials
from training.world.colors import Color, darker, mix, vary
from training.world.dice import Dice
from training.world.materials import METALS, Material, custom
from training.world.model import Model
from training.world.parts import loft, sphere, tube
from training.world.skins import add_split, aim, panel_labels, ring, slab
from training.world.thing import Thing, article

COLOR_WORDS = ("orange", "blue", "red", "yellow", "green", "purple", "pink", "black", "white", "turquoise")
METAL_WORDS = ("silver", "golden")
RINGS, AROUND = 40, 24


@dataclass(frozen=True)
class Shape:
    """Half sizes of the body at the share u of its length, 0 at the nose."""

    length: float
    height: float
    width: float
    blunt: float
    stalk: float

    def share(self, u: np.ndarray) -> np.ndarray:
        """1 where the body is thickest."""
        swell = np.sin(np.pi * np.clip(u, 0, 1) ** self.blunt) ** 0.75
        return np.maximum(np.maximum(swell, self.stalk * np.clip((u - 0.6) / 0.3, 0, 1)), 0.03)

    def half(self, u: float) -> tuple[float, float]:
        """(half height, half width)."""
        share = float(self.share(np.array([u]))[0])
        return self.height * share, self.width * share * (1 - 0.5 * max(u - 0.5, 0))

    def y(self, u: float) -> float:
        return (u - 0.5) * self.length


def draw_shape(dice: Dice) -> Shape:
    length = dice.uniform(1.5, 2.3)
    height = dice.uniform(0.3, 0.5) if dice.chance(0.65) else dice.uniform(0.5, 0.72)
    width = height * dice.uniform(0.35, 0.6)
    return Shape(length, height, width, dice.uniform(0.6, 0.85), dice.uniform(0.12, 0.22))


def scales(dice: Dice, color: Color, shine: float) -> Material:
    """Small shields, dark between, with a wet gloss."""
    first = np.asarray(color)
    return custom(
        dice, "voronoi", mix(first, (0.95, 0.90, 0.80), 0.2), darker(first, 0.6), scale=dice.uniform(11, 17),
        stretch=(1, 0.8, 1.2), roughness=0.25, metallic=shine, bump=0.35, coat=0.4, ramp=(0.1, 0.7),
    )  # fmt: skip


def fin_skin(dice: Dice, color: Color) -> Material:
    """Rays that run along the fin."""
    return custom(
        dice, "wave", color, darker(color, 0.55), scale=7, stretch=(1, 0.4, 1.5), roughness=0.45, bump=0.3,
        distortion=0.3,
    )  # fmt: skip


def add_body(model: Model, shape: Shape, coats: tuple[Material, Material, Material], bands: int) -> None:
    """Coats: back and flanks, belly, bands."""
    u = np.linspace(0, 1, RINGS)
    share = shape.share(u)
    thin = 1 - 0.5 * np.maximum(u - 0.5, 0)
    circle = ring(AROUND)
    x = np.outer(shape.width * share * thin, circle[:, 0])
    z = np.outer(shape.height * share, circle[:, 1])
    y = np.broadcast_to(((u - 0.5) * shape.length)[:, None], x.shape)
    middle = (u[:-1] + u[1:]) / 2
    low = ring(AROUND)[:, 1] + np.roll(ring(AROUND)[:, 1], -1) < -1.15
    quads = np.where(np.broadcast_to(low, (RINGS - 1, AROUND)), 1, 0)
    if bands:
        place = (middle - 0.28) / 0.6 * bands
        quads[(place > 0) & (place < bands) & (place % 1 < 0.38)] = 2
    add_split(model, loft(np.stack([x, y, z], axis=-1)), panel_labels(quads), coats)


def add_tail(model: Model, dice: Dice, shape: Shape, skin: Material) -> None:
    """A fan behind the stalk, its edge forked, straight or round."""
    up = np.linspace(-1, 1, 11)
    stalk = shape.height * shape.stalk
    spread = dice.uniform(0.3, 0.62)
    reach = dice.uniform(0.32, 0.6)
    fork = dice.uniform(-0.15, 0.75)  # below 0: round
    near = np.stack([0 * up, 0 * up + shape.y(0.97), stalk * up], axis=1)
    edge = shape.y(0.97) + reach * (1 - fork * (1 - np.abs(up) ** 1.3))
    far = np.stack([0.04 * np.sin(3 * up), edge, spread * up], axis=1)
    model.add(slab(near, far, 0.05, (1, 0, 0)), skin, smooth=False)


def add_ridge(model: Model, shape: Shape, skin: Material, span: tuple[float, float], rise: float, side: int) -> None:
    """A fin along the back (side 1) or the belly (-1) over the span of u, highest before its middle."""
    t = np.linspace(0, 1, 10)
    u = span[0] + (span[1] - span[0]) * t
    root = side * shape.height * shape.share(u) * 0.9
    crest = rise * np.sin(np.pi * np.clip(t, 0.05, 1) ** 0.6) ** 0.6
    y = (u - 0.5) * shape.length
    near = np.stack([0 * t, y, root], axis=1)
    far = np.stack([0 * t, y + 0.35 * rise * (0.4 + t), root + side * crest], axis=1)
    model.add(slab(near, far, 0.05, (1, 0, 0)), skin, smooth=False)


def add_side_fins(model: Model, dice: Dice, shape: Shape, skin: Material) -> None:
    length, wide, out = dice.uniform(0.28, 0.48), dice.uniform(0.08, 0.16), dice.uniform(0.35, 0.9)
    t = np.linspace(-1, 1, 7)
    near = np.stack([0 * t, 0.35 * wide * t, 0 * t], axis=1)
    far = np.stack([length * (1 - 0.3 * t**2), wide * t, 0 * t], axis=1)
    height, width = shape.half(0.33)
    for side in (-1, 1):
        # A paddle that leaves the flank backwards and a little downwards, its flat side outwards.
        turn = aim((side * out, 1.0, -0.45), up=(side, 0, 0.3))
        model.add(slab(near, far, 0.045, (0, 0, 1)), skin, smooth=False, rotate=turn,
                  move=(side * width * 0.92, shape.y(0.33), -0.25 * height))  # fmt: skip


def add_face(model: Model, dice: Dice, shape: Shape, dark: Material) -> None:
    """Eyes, a mouth, and the line of the gill covers."""
    place = dice.uniform(0.13, 0.18)
    height, width = shape.half(place)
    size = dice.uniform(0.055, 0.09)
    white, black = materials.plain(dice, (0.92, 0.88, 0.70), 0.15), materials.plain(dice, (0.01, 0.01, 0.01), 0.05)
    for side in (-1, 1):
        at = np.array([side * width * 0.9, shape.y(place), 0.3 * height])
        model.add(sphere(12, 8), white, scale=(0.5 * size, size, size), move=at)
        pupil = at + np.array([side * 0.2 * size, 0, 0])
        model.add(sphere(10, 8), black, scale=(0.4 * size, 0.55 * size, 0.55 * size), move=pupil)
        bow = np.linspace(-1.0, 1.0, 11)
        gill_height, gill_width = shape.half(0.27)
        behind = shape.y(0.27) + 0.08 * np.cos(bow)
        path = np.stack([side * gill_width * np.cos(bow), behind, gill_height * np.sin(bow)], axis=1)
        model.add(tube(path, 0.016, 6), dark)
    lip_height, lip_width = shape.half(0.035)
    bow = np.linspace(-1.4, 1.4, 11)
    lips = np.stack([1.05 * lip_width * np.sin(bow), shape.y(0.05) - 0.05 * shape.length * np.cos(bow),
                     0 * bow - 0.35 * lip_height], axis=1)  # fmt: skip
    model.add(tube(lips, 0.02, 6), dark)


def make(dice: Dice) -> Thing:
    model = Model()
    name = dice.choose(COLOR_WORDS + METAL_WORDS)
    metal = name in METAL_WORDS
    color = vary(dice, METALS[name] if metal else name, 0.04)
    shape = draw_shape(dice)

    others = ("white", "black", "yellow", "blue", "orange", "red")
    accent = dice.choose(
        [other for other in others if other != name and (name, other) != ("golden", "yellow")]
    )  # too near
    bands = dice.integer(2, 5) if dice.chance(0.35) else 0
    coat = scales(dice, color, 0.7 if metal else 0.2)
    belly = scales(dice, mix(color, (0.95, 0.92, 0.85), dice.choose((0.0, 0.5, 0.8))), 0.2)
    other_fins = not bands and dice.chance(0.4)
    fins = fin_skin(dice, vary(dice, accent) if other_fins else darker(color, 0.9))

    add_body(model, shape, (coat, belly, scales(dice, vary(dice, accent), 0.1)), bands)
    add_tail(model, dice, shape, fins)
    add_ridge(model, shape, fins, (dice.uniform(0.24, 0.4), dice.uniform(0.65, 0.85)), dice.uniform(0.12, 0.4), 1)
    add_ridge(model, shape, fins, (0.6, dice.uniform(0.75, 0.88)), dice.uniform(0.08, 0.25), -1)
    add_side_fins(model, dice, shape, fins)
    add_face(model, dice, shape, materials.plain(dice, darker(color, 0.35)))

    detail = f" with {accent} bands" if bands else f" with {accent} fins" if other_fins else ""
    return Thing("fish", article(f"{name} fish{detail}"), model, None if metal else name, name if metal else None,
                 ("none", "none", "plain", "water"))  # fmt: skip
