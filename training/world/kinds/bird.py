"""Birds that look towards the front: round or slender, perched or in flight, now and then an owl or a duck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world import materials
from training.world.colors import Color, darker, mix, vary
from training.world.dice import Dice
from training.world.materials import Material, custom
from training.world.model import Model
from training.world.parts import lathe, petal, rotation, sphere, spline, tube
from training.world.skins import add_split, aim, panel_labels
from training.world.thing import Thing, article

PLUMAGE = ("red", "blue", "yellow", "green", "orange", "white", "black", "brown", "grey", "pink", "purple", "turquoise",
           "teal")  # fmt: skip
ROWS, AROUND = 30, 22


@dataclass(frozen=True)
class Coats:
    back: Material
    breast: Material
    wing: Material
    tips: Material  # the long feathers of wings and tail
    beak: Material
    legs: Material


@dataclass(frozen=True)
class Pose:
    """The body in the plane x = 0. Its axis climbs by `pitch` towards the front (radians); its middle is the origin."""

    sort: str  # song · owl · duck
    pitch: float
    girth: float
    neck: float  # height of the head over the shoulders
    head: float  # radius
    legs: float  # how far below the body the feet stand

    @property
    def axis(self) -> np.ndarray:
        """[3]: from the tail to the shoulders."""
        return np.array([0, -np.cos(self.pitch), np.sin(self.pitch)])

    @property
    def over(self) -> np.ndarray:
        """[3]: out of the back."""
        return np.array([0, np.sin(self.pitch), np.cos(self.pitch)])

    @property
    def face(self) -> np.ndarray:
        """[3]: the middle of the head."""
        return 0.44 * self.axis + np.array([0, -0.35 * self.head, 0.45 * self.head + self.neck])


def draw_pose(dice: Dice, sort: str, flying: bool) -> Pose:
    if sort == "owl":
        return Pose("owl", dice.uniform(1.2, 1.4), dice.uniform(0.32, 0.40), 0.02, dice.uniform(0.29, 0.35), 0.12)
    if sort == "duck":
        neck, head = dice.uniform(0.2, 0.4), dice.uniform(0.15, 0.2)
        return Pose("duck", dice.uniform(0.05, 0.25), dice.uniform(0.28, 0.36), neck, head, 0.2)
    pitch = dice.uniform(0.0, 0.3) if flying else dice.uniform(0.35, 1.0)
    return Pose(
        "song",
        pitch,
        dice.uniform(0.22, 0.38),
        dice.uniform(0, 0.12),
        dice.uniform(0.17, 0.26),
        dice.uniform(0.16, 0.3),
    )


def add_body(model: Model, pose: Pose, coats: Coats) -> None:
    """Rump, belly, breast and neck as one skin, its lower side in the breast's coat; the head is a ball on it."""
    points = [
        (-0.56, 0.02, 0.07),
        (-0.34, 0.0, 0.62 * pose.girth),
        (0.0, -0.03, pose.girth),
        (0.26, -0.01, 0.9 * pose.girth),
    ]
    spots = [a * pose.axis + o * pose.over for a, o, _ in points]
    neck = 0.5 * (spots[-1] + pose.face) + np.array([0, 0.02, 0])
    path = np.array([*spots, neck, pose.face])
    girth = np.array([*(r for *_, r in points), 0.5 * (0.75 * pose.girth + 0.85 * pose.head), 0.86 * pose.head])
    if pose.neck > 0.15:
        girth[-2] = 0.75 * pose.head
    curve = spline(np.column_stack([path, girth]), ROWS)
    vertices, faces = tube(curve[:, :3], np.maximum(curve[:, 3], 0.03), AROUND)
    rings = vertices.reshape(ROWS, AROUND, 3)
    out = (rings - curve[:, None, :3]) / np.maximum(curve[:, 3], 0.03)[:, None, None]
    under = -pose.over * 0.8 + np.array([0, -0.55, 0])
    quads = np.where((out @ under)[:-1] > 0.45, 1, 0)
    labels = panel_labels(quads)[: (ROWS - 1) * AROUND]
    add_split(model, (vertices, faces), np.concatenate([labels, [0, 0]]), (coats.back, coats.breast))
    model.add(sphere(20, 13), coats.back, scale=pose.head * np.array([0.96, 1.05, 1.0]), move=pose.face)


def add_eyes(model: Model, dice: Dice, pose: Pose) -> None:
    black = materials.plain(dice, (0.01, 0.01, 0.01), 0.05)
    size = pose.head * dice.uniform(0.16, 0.24)
    for side in (-1, 1):
        if pose.sort == "owl":
            way = np.array([0.42 * side, -0.9, 0.2])
            at = pose.face + pose.head * way
            turn = aim(way)
            disc, iris = materials.plain(dice, (0.85, 0.78, 0.64), 0.9), materials.plain(dice, (0.92, 0.68, 0.08), 0.1)
            for coat, radius, lift in ((disc, 0.46, -0.04), (iris, 0.27, 0.02), (black, 0.15, 0.06)):
                model.add(sphere(16, 9), coat, rotate=turn, scale=pose.head * np.array([0.16, radius, radius]),
                          move=at + lift * pose.head * way)  # fmt: skip
            continue
        way = np.array([0.82 * side, -0.55, 0.22])
        at = pose.face + 0.93 * pose.head * way / np.linalg.norm(way)
        pale = materials.plain(dice, (0.88, 0.86, 0.8), 0.6)
        model.add(sphere(10, 7), pale, scale=1.25 * size * np.array([0.6, 1, 1]), move=at - 0.12 * size * way)
        model.add(sphere(10, 7), black, scale=size * np.array([0.75, 1, 1]), move=at + 0.12 * size * way)


def add_beak(model: Model, dice: Dice, pose: Pose, skin: Material) -> None:
    way = np.array([0, -1.0, -0.12])
    at = pose.face + 0.9 * pose.head * way
    if pose.sort == "duck":
        flat = [(0.001, 0.9), (0.2, 0.84), (0.3, 0.6), (0.24, 0.25), (0.32, 0.0), (0.001, -0.2)]
        turn = rotation("x", np.pi / 2 + 0.2)
        size = pose.head * 1.25
        model.add(lathe(spline(flat, 16), 16), skin, rotate=turn, move=at, scale=size * np.array([1.25, 0.42, 1]))
        return
    long = pose.head * (0.55 if pose.sort == "owl" else dice.uniform(0.6, 1.5))
    wide = pose.head * (0.16 if pose.sort == "owl" else dice.uniform(0.24, 0.36))
    droop = 1.1 if pose.sort == "owl" else dice.uniform(-0.05, 0.5)
    t = np.linspace(0, 1, 10)
    path = at + long * np.stack([0 * t, -t * np.cos(droop * t), -t * np.sin(droop * t)], axis=1) + [0, 0.1 * long, 0]
    model.add(tube(path, wide * np.maximum(1 - t**1.2, 0.04), 12), skin)


def add_folded_wings(model: Model, dice: Dice, pose: Pose, coats: Coats) -> None:
    """A shield on each side with long feathers behind it."""
    long, high = dice.uniform(0.36, 0.46), dice.uniform(0.17, 0.24) * pose.girth / 0.3
    for side in (-1, 1):
        at = 0.02 * pose.axis + 0.06 * pose.over + np.array([side * 0.84 * pose.girth, 0, 0])
        turn = aim(-pose.axis + np.array([-0.12 * side, 0, -0.04]), up=(side, 0, 0))
        model.add(sphere(18, 12), coats.wing, rotate=turn, scale=(long, high, 0.36 * pose.girth), move=at)
        for k in range(6):
            way = -pose.axis + 0.12 * (k - 2) * pose.over * 0.5 + np.array([-0.2 * side, 0, 0])
            root = at + turn @ np.array([0.12 * long, 0.09 * (k - 2.5) * high / 0.2, 0.3 * pose.girth - 0.012 * k])
            feather = petal(dice, long * (1.25 - 0.1 * k), 0.055, -0.2, cup=-0.2, power=0.6, tip=0.1)
            model.add(feather, coats.tips, rotate=aim(way, up=(side, 0, 0.2)), move=root)


def add_spread_wings(model: Model, dice: Dice, pose: Pose, coats: Coats) -> None:
    """Arms with two rows of feathers that fan from backwards to outwards."""
    lift, span = dice.uniform(-0.1, 0.7), dice.uniform(0.5, 0.75)
    sweep, count = dice.uniform(-0.2, 0.35), 13
    t = np.linspace(0, 1, count)
    for side in (-1, 1):
        out = np.array([side * np.cos(lift), 0, np.sin(lift)])
        face = np.array([-side * np.sin(lift), 0, np.cos(lift)])
        shoulder = 0.22 * pose.axis + 0.3 * pose.girth * pose.over + np.array([side * 0.5 * pose.girth, 0, 0])
        arm = (
            shoulder
            + span * t[:, None] * out
            + np.array([0, 1.0, 0]) * (sweep * span * t**2 - 0.1 * np.sin(np.pi * t))[:, None]
        )
        model.add(tube(arm, 0.075 * (1 - 0.75 * t), 10), coats.back)
        for coat, size, rise in ((coats.tips, 1.0, 0.0), (coats.wing, 0.6, 0.022)):
            for k in range(count):
                turn = 1.25 * t[k] ** 1.5
                way = np.cos(turn) * np.array([0, 1.0, 0]) + np.sin(turn) * out
                long = size * span * (0.62 + 0.28 * t[k])
                feather = petal(dice, long, 0.075, -0.15, cup=-0.15, power=0.6, tip=0.12)
                model.add(feather, coat, rotate=aim(way, up=tuple(face)), move=arm[k] + (rise - 0.002 * k) * face)


def add_tail(model: Model, dice: Dice, pose: Pose, coats: Coats, flying: bool) -> None:
    short = {"owl": 0.6, "duck": 0.55}.get(pose.sort, dice.uniform(0.7, 1.7))
    spread = dice.uniform(0.25, 0.6) if flying else dice.uniform(0.05, 0.25)
    cocked = dice.uniform(0.3, 0.6) if pose.sort == "duck" else dice.uniform(-0.1, 0.35)
    root = -0.42 * pose.axis + 0.02 * pose.over
    for k in np.linspace(-1, 1, 7):
        way = -pose.axis + cocked * pose.over + np.array([spread * k, 0, 0])
        feather = petal(dice, 0.42 * short * (1.1 - 0.12 * abs(k)), 0.07, 0.0, cup=-0.15, power=0.5, tip=0.35)
        up = tuple(pose.over + np.array([-0.25 * k, 0, 0]))
        model.add(feather, coats.tips, rotate=aim(way, up=up), move=root + 0.012 * (1 - abs(k)) * pose.over)


def add_legs(model: Model, pose: Pose, skin: Material) -> float:
    """Two legs with four toes each; returns the height of their soles."""
    hip = -0.1 * pose.axis - 0.55 * pose.girth * pose.over
    ground = -pose.girth - pose.legs - 0.2 * np.sin(pose.pitch)
    for side in (-1, 1):
        top = hip + np.array([side * 0.45 * pose.girth, 0, 0])
        foot = np.array([side * 0.48 * pose.girth, top[1] - 0.08, ground])
        knee = 0.5 * (top + foot) + np.array([0, 0.06, 0])
        model.add(tube(np.stack([top, knee, foot]), [0.05, 0.024, 0.022], 8), skin)
        for turn, long in ((-0.55, 0.15), (0.0, 0.18), (0.55, 0.15), (np.pi, 0.1)):
            toe = foot + long * np.array([np.sin(turn), -np.cos(turn), -0.06])
            model.add(tube(np.stack([foot, toe]), [0.024, 0.012], 6), skin)
        if pose.sort == "duck":
            model.add(web(foot), skin, smooth=False)
    return ground


def web(foot: np.ndarray) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """The skin between a duck's toes."""
    corners = [foot + 0.17 * np.array([np.sin(turn), -np.cos(turn), -0.02]) for turn in (-0.55, 0.0, 0.55)]
    return np.stack([foot, *corners]), [(0, 1, 2), (0, 2, 3)]


def add_branch(model: Model, dice: Dice, ground: float, feet: float) -> None:
    half = dice.uniform(0.55, 0.8)
    x = np.linspace(-half, half, 9)
    bend = dice.uniform(-0.12, 0.12)
    path = np.stack([x, feet + bend * x, ground - 0.05 + 0.06 * np.sin(3 * x + dice.uniform(0, 6))], axis=1)
    path[:, 2] += ground - 0.055 - np.interp(0, x, path[:, 2])
    wood = materials.bark(dice)
    model.add(tube(path, 0.055 * (1.2 - 0.25 * (x + half)), 10), wood)
    leaf = materials.leaf(dice)
    for _ in range(dice.integer(0, 4)):
        spot = path[dice.choose((0, 1, 7, 8))]
        way = np.array([np.sign(spot[0]), dice.uniform(-0.8, 0.8), dice.uniform(0.1, 0.9)])
        model.add(petal(dice, 0.26, 0.07, -0.4), leaf, rotate=aim(way), move=spot)


def feathers(dice: Dice, color: Color) -> Material:
    """Soft plumage: short streaks, no gloss."""
    first = np.asarray(color, float)
    return custom(
        dice, "noise", first, darker(first, 0.72), scale=9, stretch=(1, 0.5, 0.8), roughness=0.85, bump=0.3, fine=0.08,
        specular=0.2,
    )  # fmt: skip


def plumage(dice: Dice, name: str, breast: str | None, sort: str) -> Coats:
    color = vary(dice, name, 0.04)
    back = feathers(dice, color)
    front = back if breast is None else feathers(dice, vary(dice, breast, 0.04))
    dark = mix(color, (0.05, 0.05, 0.06), dice.uniform(0.15, 0.55))
    wing = feathers(dice, mix(color, dark, dice.choose((0.0, 0.6))))
    bill = (
        (0.92, 0.56, 0.08) if sort == "duck" else dice.choose(((0.92, 0.62, 0.10), (0.9, 0.45, 0.1), (0.12, 0.11, 0.1)))
    )
    beak = materials.plain(dice, bill, 0.35)
    legs = beak if bill[0] > 0.5 else materials.plain(dice, (0.25, 0.2, 0.17))
    return Coats(back, front, wing, feathers(dice, dark), beak, legs)


def figurine(dice: Dice) -> tuple[Coats, str | None, str, str]:
    """All of one material: (coats, colour word, material word, words)."""
    named = materials.named_material(
        dice, ("wooden", "wooden", "ceramic", "ceramic", "golden", "copper", "marble", "glass")
    )
    return Coats(*[named.surface] * 6), named.color, named.material, named.words


def make(dice: Dice) -> Thing:
    model = Model()
    sort = dice.choose(("song", "song", "song", "song", "song", "owl", "duck"))
    flying = sort == "song" and dice.chance(0.35)
    pose = draw_pose(dice, sort, flying)
    detail, material = "", None
    if dice.chance(0.2):
        coats, color, material, words = figurine(dice)
    else:
        color = words = dice.choose(("brown", "grey", "white") if sort == "owl" else PLUMAGE)
        breasts = [name for name in ("white", "orange", "yellow", "red", "beige") if name != color]
        breast = dice.choose(breasts) if dice.chance(0.5) and not flying else None
        coats = plumage(dice, color, breast, sort)
        detail = f" with {article(breast)} breast" if breast else ""
    add_body(model, pose, coats)
    add_eyes(model, dice, pose)
    add_beak(model, dice, pose, coats.beak)
    add_tail(model, dice, pose, coats, flying)
    if flying:
        add_spread_wings(model, dice, pose, coats)
        detail = " with spread wings"
    else:
        add_folded_wings(model, dice, pose, coats)
        ground = add_legs(model, pose, coats.legs)
        if sort != "duck" and not detail and dice.chance(0.5):
            add_branch(model, dice, ground, float((-0.1 * pose.axis - 0.55 * pose.girth * pose.over)[1]) - 0.08)
            detail = " on a branch"
    name = {"song": "bird"}.get(sort, sort)
    grounds = ("none", "none", "plain") if flying else ("grass", "stone", "plain", "none", "snow")
    return Thing("bird", article(f"{words} {name}{detail}"), model, color, material, grounds)
