"""Boats whose bow points to the front: rowing boats, sailing boats and motor boats with a cabin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world import materials
from training.world.colors import vary
from training.world.dice import Dice
from training.world.materials import Material
from training.world.model import Model
from training.world.parts import lathe, loft, rotation, rounded_box, sphere, torus, tube
from training.world.skins import add_split, aim, panel_labels, ring, slab
from training.world.thing import Thing, article

PAINTS = ("red", "blue", "white", "green", "yellow", "orange", "black", "teal", "turquoise", "pink", "purple", "grey")
SAILS = ("white", "white", "red", "orange", "blue", "yellow", "beige", "green", "black")
STATIONS, HALF_RING = 34, 9
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Hull:
    """Half breadth, keel and gunwale along the share u of the length: 0 at the bow (towards -Y), 1 at the stern."""

    length: float
    breadth: float  # half of it
    depth: float
    sheer: float  # how far the bow rises above the middle
    stern: float  # half breadth of the stern as a share: 0 is pointed
    fullness: float

    def y(self, u: np.ndarray | float) -> np.ndarray:
        return (np.asarray(u, float) - 0.5) * self.length

    def half(self, u: np.ndarray | float) -> np.ndarray:
        u = np.asarray(u, float)
        bow = np.clip(u / 0.55, 0, 1)
        tail = np.clip((u - 0.55) / 0.45, 0, 1)
        return self.breadth * np.maximum(
            np.sin(np.pi / 2 * bow) ** self.fullness * (1 - (1 - self.stern) * tail**2), 0.015
        )

    def top(self, u: np.ndarray | float) -> np.ndarray:
        u = np.asarray(u, float)
        return (
            self.depth
            + self.sheer * np.clip(1 - u / 0.6, 0, 1) ** 2
            + 0.3 * self.sheer * np.clip((u - 0.6) / 0.4, 0, 1) ** 2
        )

    def keel(self, u: np.ndarray | float) -> np.ndarray:
        u = np.asarray(u, float)
        rise = np.clip(1 - u / 0.22, 0, 1) ** 2 * 0.75 + np.clip((u - 0.8) / 0.2, 0, 1) ** 2 * 0.3 * (
            1 - 0.5 * self.stern
        )
        return self.depth * rise

    def edge(self, u: float, side: float = 0) -> np.ndarray:
        """[3]: a point on the gunwale (side ±1), or between the two gunwales."""
        return np.array([side * float(self.half(u)), float(self.y(u)), float(self.top(u))])


def draw_hull(dice: Dice, slender: float) -> Hull:
    length = dice.uniform(2.0, 2.8)
    stern = dice.choose((0.0, dice.uniform(0.5, 0.85), dice.uniform(0.6, 0.9)))
    return Hull(length, length * dice.uniform(0.15, 0.22) * slender, dice.uniform(0.34, 0.55), dice.uniform(0.08, 0.4),
                stern, dice.uniform(0.6, 1.0))  # fmt: skip


def add_hull(model: Model, hull: Hull, paint: Material, bottom: Material, inside: Material) -> None:
    """An open shell: outside in two paints, parted at the water line, and the inside."""
    u = np.linspace(0, 1, STATIONS)
    angle = np.linspace(0, np.pi, 2 * HALF_RING - 1)  # from one gunwale by the keel to the other
    half, top, keel = hull.half(u)[:, None], hull.top(u)[:, None], hull.keel(u)[:, None]
    across, down = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6, np.sin(angle) ** 0.75
    wall = 0.06
    outer = np.stack([half * across, half * 0 + hull.y(u)[:, None] + 0 * across, top - (top - keel) * down], axis=-1)
    narrow = np.maximum(half - wall, 0.2 * half)
    inset = np.clip(hull.y(u), hull.y(0) + wall, hull.y(1) - wall)[:, None]
    inner = np.stack(
        [narrow * across, inset + 0 * across, top + 0.005 - np.maximum(top - keel - wall, 0.01) * down], axis=-1
    )
    skin = loft(np.concatenate([outer, inner[:, ::-1]], axis=1))
    count = len(angle)
    quads = np.zeros((STATIONS - 1, 2 * count), int)
    quads[:, count - 1 :] = 0  # the gunwale's rim keeps the outside's paint
    quads[:, count : 2 * count - 1] = 2
    height = (outer[:-1, :-1, 2] + outer[1:, 1:, 2]) / 2
    quads[:, : count - 1] = np.where(height < 0.42 * hull.depth, 1, 0)
    add_split(model, skin, panel_labels(quads, ends=0), (paint, bottom, inside))


def add_deck(model: Model, hull: Hull, deck: Material, drop: float, span: tuple[float, float] = (0.02, 0.985)) -> None:
    """A floor `drop` below the gunwale."""
    u = np.linspace(*span, 16)
    shrink = 0.96 * np.sqrt(np.clip(1 - (drop / hull.depth) ** 2, 0.1, 1))
    z = hull.top(u) - drop
    left = np.stack([-shrink * hull.half(u), hull.y(u), z], axis=1)
    right = left * [-1, 1, 1]
    model.add(slab(left, right, 0.03, (0, 0, 1)), deck, smooth=False)


def add_rim(model: Model, hull: Hull, rim: Material) -> None:
    u = np.linspace(0, 1, 28)
    for side in (-1, 1):
        model.add(tube(np.stack([side * hull.half(u), hull.y(u), hull.top(u)], axis=1), 0.032, 8), rim)


def add_oars(model: Model, dice: Dice, hull: Hull, skin: Material) -> None:
    """Two oars over the sides, their blades outwards."""
    swing, dip = dice.uniform(-0.5, 0.7), dice.uniform(0.15, 0.42)
    length = dice.uniform(1.1, 1.5)
    for side in (-1, 1):
        lock = hull.edge(0.55, side) + 0.03 * UP
        way = np.array([side, swing, -dip]) / np.linalg.norm([1, swing, dip])
        start, end = lock - 0.32 * length * way, lock + 0.68 * length * way
        model.add(tube(np.stack([start, end]), 0.028, 8), skin)
        model.add(rounded_box(0.008, (0.34, 0.13, 0.025)), skin, False, rotate=aim(way), move=end)


def add_benches(model: Model, dice: Dice, hull: Hull, skin: Material) -> None:
    for u in np.linspace(0.32, 0.85, dice.integer(2, 3)):
        wide = 1.9 * float(hull.half(u))
        model.add(rounded_box(0.01, (wide, 0.2, 0.04)), skin, False, move=hull.edge(u) - 0.1 * UP)


def sail(corners: np.ndarray, belly: float, wind: np.ndarray) -> np.ndarray:
    """Rows of points [R, C, 3] over the triangle tack, clew, head [3, 3], blown out by belly along wind [3]."""
    tack, clew, head = corners
    rows = np.linspace(0, 0.985, 12)[:, None, None]
    columns = np.linspace(0, 1, 9)[None, :, None]
    flat = (tack + (clew - tack) * columns) * (1 - rows) + head * rows
    return flat + belly * np.sin(np.pi * columns) * np.sin(np.pi * rows**0.8) * wind


def add_sail(model: Model, corners: np.ndarray, belly: float, wind: np.ndarray, cloth: Material) -> None:
    front = sail(corners, belly, wind) + 0.008 * wind
    back = front - 0.016 * wind
    model.add(loft(np.concatenate([front, back[:, ::-1]], axis=1)), cloth)


def add_rig(model: Model, dice: Dice, hull: Hull, wood: Material, cloth: Material) -> None:
    """A mast, a boom swung out, a main sail behind and often a jib before."""
    place = hull.edge(dice.uniform(0.36, 0.46)) - 0.1 * UP
    height = hull.length * dice.uniform(0.85, 1.2)
    head = place + height * UP
    model.add(tube(np.stack([place - 0.15 * UP, head + 0.06 * UP]), [0.045, 0.025], 8), wood)
    swing = dice.choose((-1, 1)) * dice.uniform(0.25, 0.9)
    back = np.array([np.sin(swing), np.cos(swing), 0])
    wind = np.array([np.cos(swing), -np.sin(swing), 0]) * np.sign(swing)
    foot = place + dice.uniform(0.2, 0.32) * UP
    end = foot + back * hull.length * dice.uniform(0.42, 0.55) + 0.05 * UP
    model.add(tube(np.stack([foot, end]), 0.028, 8), wood)
    lift = 0.04 * UP
    belly = dice.uniform(0.08, 0.2)
    add_sail(model, np.array([foot + lift + 0.03 * back, end + lift, head + 0.03 * back]), belly, wind, cloth)
    if dice.chance(0.7):
        bow = hull.edge(0.0) + 0.06 * UP
        clew = place + np.array([0.35 * np.sin(swing), -0.05, 0.25])
        side = np.array([np.sign(swing), 0, 0.0])
        add_sail(model, np.array([bow, clew, place + np.array([0, -0.04, 0.82 * height])]), 0.8 * belly, side, cloth)
    model.add(tube(np.stack([hull.edge(0.01), head]), 0.008, 5), wood)
    model.add(tube(np.stack([hull.edge(0.99), head]), 0.008, 5), wood)


def add_cabin(model: Model, dice: Dice, hull: Hull, wall: Material, roof: Material, trim: Material) -> None:
    """A wheelhouse with windows all around, its walls leaning a little."""
    start, end = dice.uniform(0.34, 0.42), dice.uniform(0.60, 0.78)
    floor = float(hull.top(0.5)) - 0.16
    height = dice.uniform(0.5, 0.75)
    wide = 0.72 * float(hull.half(0.5))
    level = np.array([0, 0.45, 0.52, 0.86, 0.92, 1.0])
    lean = dice.uniform(0.05, 0.2)
    curve = ring(56, 9)
    half = hull.length * (end - start) / 2
    x = np.outer(wide * (1 - 0.08 * level), curve[:, 0])
    y = hull.y((start + end) / 2) + np.outer(half - lean * 0.5 * level, curve[:, 1]) + (lean * 0.5 * level)[:, None]
    z = np.broadcast_to((floor + height * level)[:, None], x.shape)
    middle = (curve + np.roll(curve, -1, axis=0)) / 2
    post = (np.abs(middle) > 0.8).all(axis=1) | (np.abs(middle) < 0.1).any(axis=1)
    quads = np.zeros((len(level) - 1, len(curve)), int)
    quads[2] = np.where(post, 0, 1)
    add_split(model, loft(np.stack([x, y, z], axis=-1)), panel_labels(quads), (wall, materials.dark_glass(dice)))
    top = np.array([0, float(hull.y((start + end) / 2)) + 0.5 * lean, floor + height])
    model.add(rounded_box(0.025, (2.15 * wide, 2.25 * half, 0.07)), roof, False, move=top + 0.03 * UP)
    if dice.chance(0.5):
        funnel = [(0.11, -0.05), (0.1, 0.26), (0.115, 0.27), (0.11, 0.4), (0.07, 0.4), (0.001, 0.36)]
        model.add(lathe(funnel, 20), trim, move=top + np.array([0, 0.35 * half, 0.05]))
    else:
        model.add(tube(np.stack([top, top + 0.7 * UP]), 0.02, 6), trim)
        model.add(
            tube(np.stack([top + np.array([0, 0.02, 0.66]), top + np.array([0, 1.6 * half, 0.1])]), 0.008, 5), trim
        )


def add_fittings(model: Model, dice: Dice, hull: Hull) -> None:
    """Life rings or fenders on the sides, a rail at the bow."""
    steel = materials.silver(dice)
    u = np.linspace(0.03, 0.3, 10)
    for side in (-1, 1):
        foot = np.stack([side * 0.92 * hull.half(u), hull.y(u), hull.top(u)], axis=1)
        model.add(tube(foot + 0.2 * UP, 0.014, 6), steel)
        for k in (2, 5, 8):
            model.add(tube(np.stack([foot[k], foot[k] + 0.2 * UP]), 0.012, 5), steel)
    if dice.chance(0.6):
        tyre = materials.rubber(dice) if dice.chance(0.5) else materials.plastic(dice, "orange")
        for side in (-1, 1):
            for u_ring in (0.4, 0.58, 0.76):
                at = hull.edge(u_ring, side) + np.array([0.01 * side, 0, -0.14])
                model.add(torus(0.08, 0.03, 18, 8), tyre, rotate=rotation("y", np.pi / 2), move=at)


def add_motor(model: Model, dice: Dice, hull: Hull) -> None:
    black = materials.plastic(dice, (0.07, 0.07, 0.08))
    at = hull.edge(1.0) + np.array([0, 0.08, 0.04])
    model.add(sphere(14, 9), black, scale=(0.12, 0.15, 0.15), move=at + 0.1 * UP)
    model.add(rounded_box(0.02, (0.07, 0.1, 0.5)), black, False, move=at - 0.2 * UP)


def choose_paint(dice: Dice, toys: bool) -> tuple[Material, str | None, str | None, str]:
    """(material, colour word, material word, the words before the sort)."""
    roll = dice.uniform(0, 1)
    if roll < 0.28:
        return (
            materials.wood(dice, dice.choose((None, (0.42, 0.25, 0.13), (0.62, 0.43, 0.25)))),
            None,
            "wooden",
            "wooden",
        )
    if roll < 0.32:
        return materials.rusty_iron(dice), None, "rusty iron", "rusty iron"
    color = dice.choose(PAINTS)
    if toys and roll < 0.45:
        return materials.plastic(dice, color), color, "plastic", f"{color} plastic toy"
    return materials.painted_metal(dice, color), color, None, color


def make(dice: Dice) -> Thing:
    model = Model()
    sort = dice.choose(("sail", "sail", "row", "cabin", "cabin"))
    hull = draw_hull(dice, 1.25 if sort == "cabin" else 1.0)
    paint, color, material, words = choose_paint(dice, sort != "row")
    inside = materials.wood(dice, (0.55, 0.38, 0.22)) if dice.chance(0.7) else materials.plain(dice, "beige")
    bottom = (
        paint if material or dice.chance(0.4) else materials.painted_metal(dice, dice.choose(("red", "white", "black")))
    )
    add_hull(model, hull, paint, bottom, inside)
    rim = inside if dice.chance(0.5) else materials.painted_metal(dice, "white")
    add_rim(model, hull, rim)
    if sort == "row":
        phrase = row(model, dice, hull, inside, words)
    elif sort == "sail":
        phrase = sailing(model, dice, hull, inside, words)
    else:
        phrase = motor(model, dice, hull, inside, words, color)
    grounds = ("table", "floor", "plain", "none") if "toy" in words else ("sand", "sand", "grass", "plain", "none")
    return Thing("boat", article(phrase), model, color, material, grounds)


def row(model: Model, dice: Dice, hull: Hull, inside: Material, words: str) -> str:
    add_deck(model, hull, inside, 0.7 * hull.depth, (0.1, 0.95))
    add_benches(model, dice, hull, inside)
    if dice.chance(0.7):
        add_oars(model, dice, hull, materials.wood(dice))
        return f"{words} rowing boat with two oars"
    return f"{words} rowing boat"


def sailing(model: Model, dice: Dice, hull: Hull, inside: Material, words: str) -> str:
    add_deck(model, hull, inside, dice.uniform(0.05, 0.15))
    cloth = dice.choose(SAILS)
    add_rig(model, dice, hull, materials.wood(dice), materials.plain(dice, vary(dice, cloth, 0.03), 0.9, fine=0.08))
    return (
        f"{words} sailing boat with {article(cloth)} sail" if dice.chance(0.5) else f"{words} boat with {cloth} sails"
    )


def motor(model: Model, dice: Dice, hull: Hull, inside: Material, words: str, color: str | None) -> str:
    add_deck(model, hull, inside, dice.uniform(0.1, 0.18))
    wall = dice.choose([name for name in ("white", "white", "beige", "blue", "red", "yellow") if name != color])
    second = dice.choose([name for name in ("red", "black", "blue", "white") if name != wall])
    trim = materials.painted_metal(dice, second)
    walls = materials.painted_metal(dice, wall)
    add_cabin(model, dice, hull, walls, trim if dice.chance(0.5) else walls, trim)
    add_fittings(model, dice, hull)
    if hull.stern > 0.4 and dice.chance(0.5):
        add_motor(model, dice, hull)
    return f"{words} boat with {article(wall)} cabin"
