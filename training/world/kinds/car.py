"""Cars, vans and pickup trucks: a body with wheel arches cut out, windows on it, and what hangs on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world import materials
from training.world.dice import Dice
from training.world.materials import Material
from training.world.model import Model
from training.world.parts import lathe, loft, rotation, rounded_box, sphere, torus, tube
from training.world.skins import add_split, centres, panel_labels, ring, slab
from training.world.thing import Thing, article

PAINTS = ("red", "blue", "white", "green", "yellow", "orange", "black", "purple", "teal", "pink", "grey", "turquoise",
          "beige", "brown")  # fmt: skip
# Shares of the length, from the nose: foot of the windscreen, front and back of the roof, foot of the rear window.
HOUSES = {
    "saloon": (0.29, 0.43, 0.68, 0.84),
    "hatchback": (0.28, 0.43, 0.84, 0.96),
    "bubble": (0.26, 0.44, 0.62, 0.97),
    "jeep": (0.32, 0.38, 0.94, 0.97),
    "van": (0.10, 0.24, 0.97, 0.985),
    "truck": (0.29, 0.40, 0.56, 0.60),
}
WORDS = {"van": "van", "truck": "pickup truck", "open": "convertible car"}


@dataclass(frozen=True)
class Build:
    """The measures of one car: its length lies along y, its nose at -length / 2, and it stands on z = 0."""

    sort: str
    length: float
    half_width: float
    wheel: float  # radius
    hood: float  # heights
    belt: float
    roof: float
    axles: tuple[float, float]  # shares of the length

    def y(self, share: float) -> float:
        return (share - 0.5) * self.length


@dataclass(frozen=True)
class Coats:
    body: Material
    roof: Material
    glass: Material
    trim: Material  # dark: underside, tyres' arches, grille
    metal: Material  # bumpers and hubs


def draw_build(dice: Dice) -> Build:
    sort = dice.choose(
        ("saloon", "saloon", "hatchback", "hatchback", "bubble", "bubble", "jeep", "van", "truck", "open")
    )
    wheel = dice.uniform(0.22, 0.32) * (1.15 if sort in ("jeep", "truck") else 1)
    hood = 2.3 * wheel + dice.uniform(0.06, 0.16)
    belt = hood + dice.uniform(0.02, 0.14) + (0.06 if sort == "van" else 0)
    roof = belt + dice.uniform(0.30, 0.46) + (0.14 if sort in ("van", "jeep") else 0)
    front = dice.uniform(0.16, 0.21)
    return Build(
        sort,
        dice.uniform(2.0, 2.9),
        dice.uniform(0.48, 0.62),
        wheel,
        hood,
        belt,
        roof,
        (front, dice.uniform(0.77, 0.83)),
    )


def top_line(build: Build, share: np.ndarray) -> np.ndarray:
    """Height [N] of the body below the glass at shares of its length: hood, belt, boot or load bed."""
    screen = HOUSES.get(build.sort, (0.36, 0, 0, 0.75))[0]
    behind = HOUSES.get(build.sort, (0, 0, 0, 0.76))[3]
    hood, belt = build.hood, build.belt
    if build.sort == "bubble":
        points = [
            (0, 0.60 * hood),
            (0.08, 0.85 * hood),
            (screen, belt),
            (0.8, belt),
            (0.93, 0.85 * hood),
            (1, 0.55 * hood),
        ]
    else:
        tail = 0.72 * belt if build.sort == "truck" else belt if behind > 0.9 else 0.5 * (hood + belt)
        points = [(0, 0.80 * hood), (0.03, 0.93 * hood), (screen, belt), (behind, belt), (behind + 0.02, tail),
                  (0.97, 0.97 * tail), (1, 0.85 * tail)]  # fmt: skip
    return np.interp(share, *np.array(points).T)


def add_body(model: Model, build: Build, coats: Coats, stripe: Material | None) -> None:
    share = np.concatenate([[0, 0.004, 0.015], np.linspace(0.035, 0.965, 61), [0.985, 0.996, 1]])
    y = build.y(0) + share * build.length
    arch = 1.2 * build.wheel
    low = np.full(len(share), 0.55 * build.wheel)
    for axle in build.axles:
        rise = arch**2 - (y - build.y(axle)) ** 2
        low = np.maximum(low, np.where(rise > 0, build.wheel + np.sqrt(np.maximum(rise, 0)), 0))
    high = np.maximum(top_line(build, share), low + 0.04)
    end = np.minimum(share, 1 - share)  # rounded bumpers, a body a little narrower at its ends
    pinch = np.interp(end, [0, 0.004, 0.015, 0.035], [0.72, 0.85, 0.94, 1.0])
    wide = build.half_width * (1 - 0.5 * np.abs(share - 0.5) ** 3) * (0.5 + 0.5 * pinch)
    curve = ring(36, 5)
    x = np.outer(wide, curve[:, 0])
    z = ((high + low) / 2)[:, None] + np.outer((high - low) / 2 * pinch, curve[:, 1])
    skin = loft(np.stack([x, np.broadcast_to(y[:, None], x.shape), z], axis=-1))
    middle = (curve + np.roll(curve, -1, axis=0)) / 2
    row = np.where(middle[:, 1] < -0.9, 1, np.where((np.abs(middle[:, 0]) < 0.3) & (middle[:, 1] > 0), 2, 0))
    labels = panel_labels(np.broadcast_to(row, (len(share) - 1, len(row))), ends=0)
    add_split(model, skin, labels, (coats.body, coats.trim, stripe or coats.body))


def add_house(model: Model, build: Build, coats: Coats, stripe: Material | None) -> None:
    """Windows between pillars under a roof, narrowing upwards."""
    foot, front, back, end = HOUSES[build.sort]
    level = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.84, 0.93, 1.0])
    bulge = level ** (1.9 if build.sort == "bubble" else 1.25)
    first = build.y(foot) + (build.y(front) - build.y(foot)) * bulge
    last = build.y(end) + (build.y(back) - build.y(end)) * bulge
    wide = build.half_width * (0.93 - (0.12 if build.sort in ("van", "jeep") else 0.2) * level**1.4)
    height = build.belt - 0.05 + (build.roof - build.belt) * level
    crown = np.array([0.93, 0.7, 0.35, 0.05])  # the roof, closing over the top
    middle, half = (first + last) / 2, (last - first) / 2
    middle = np.concatenate([middle, np.full(4, middle[-1])])
    half, wide = np.concatenate([half, half[-1] * crown]), np.concatenate([wide, wide[-1] * crown])
    height = np.concatenate([height, height[-1] + np.array([0.025, 0.045, 0.055, 0.06])])
    curve = ring(60, 7)
    x = np.outer(wide, curve[:, 0])
    y = middle[:, None] + np.outer(half, curve[:, 1])
    skin = loft(np.stack([x, y, np.broadcast_to(height[:, None], x.shape)], axis=-1))
    labels = panel_labels(window_labels(build.sort, curve, len(height) - 1))
    labels[(labels == 2) & (np.abs(centres(skin)[:, 0]) < 0.26 * build.half_width)] = 3
    add_split(model, skin, labels, (coats.body, coats.glass, coats.roof, stripe or coats.roof))


def window_labels(sort: str, curve: np.ndarray, rows: int) -> np.ndarray:
    """[rows, around]: 0 pillars and sills, 1 glass, 2 roof."""
    labels = np.zeros((rows, len(curve)), int)
    middle = (curve + np.roll(curve, -1, axis=0)) / 2
    corner = (np.abs(middle) > 0.84).all(axis=1)
    door = (np.abs(middle[:, 0]) > 0.9) & (np.abs(middle[:, 1] - (0.1 if sort != "truck" else 2)) < 0.07)
    closed = (sort == "van") & (np.abs(middle[:, 0]) > 0.9) & (middle[:, 1] > -0.35)  # a delivery van's flanks
    labels[1:5] = np.where(corner | door | closed, 0, 1)
    labels[6:] = 2
    return labels


def add_cockpit(model: Model, dice: Dice, build: Build, coats: Coats) -> None:
    """An open car: a windscreen in its frame, two seats, a wheel, a dark floor."""
    wide, belt = build.half_width, build.belt
    leather = materials.leather(dice, dice.choose(("brown", "black", "beige", "red")))
    length = 0.4 * build.length
    model.add(rounded_box(0.05, (1.55 * wide, length, 0.06)), coats.trim, False, move=(0, build.y(0.58), belt - 0.015))
    screen = np.array([(-0.8 * wide, 0, 0), (0.8 * wide, 0, 0)])
    top = np.array([(-0.7 * wide, 0.22, 0.32), (0.7 * wide, 0.22, 0.32)])
    place = np.array([0, build.y(0.36), belt - 0.02])
    model.add(slab(screen, top, 0.03, (0, 1, -0.6)), coats.glass, False, move=place)
    model.add(tube(np.array([screen[0], top[0], top[1], screen[1]]), 0.025, 8), coats.metal, move=place)
    for side in (-1, 1):
        model.add(rounded_box(0.06, (0.6 * wide, 0.14, 0.36)), leather, rotate=rotation("x", -0.2),
                  move=(side * 0.38 * wide, build.y(0.66), belt + 0.12))  # fmt: skip
    model.add(torus(0.11, 0.018, 20, 6), coats.trim, rotate=rotation("x", 1.1),
              move=(-0.38 * wide, build.y(0.48), belt + 0.12))  # fmt: skip


def add_bed(model: Model, build: Build, coats: Coats) -> None:
    """The walls of a pickup's load bed."""
    start, end = build.y(0.615), build.y(0.975)
    floor, height = 0.68 * build.belt, 0.34 * build.belt
    wide, middle = 0.93 * build.half_width, (start + end) / 2
    for side in (-1, 1):
        model.add(rounded_box(0.015, (0.07, end - start, height)), coats.body, False,
                  move=(side * wide, middle, floor + height / 2))  # fmt: skip
    model.add(rounded_box(0.015, (2 * wide, 0.06, height)), coats.body, False, move=(0, end, floor + height / 2))
    model.add(
        rounded_box(0.01, (1.85 * wide, end - start, 0.05)), coats.trim, False, move=(0, middle, 0.72 * build.belt)
    )


def add_wheels(model: Model, dice: Dice, build: Build, coats: Coats) -> None:
    r, half = build.wheel, dice.uniform(0.07, 0.1)
    tyre = [(0.62 * r, -half), (0.93 * r, -half), (r, -0.6 * half), (r, 0.6 * half), (0.93 * r, half), (0.62 * r, half)]
    hub = [(0.64 * r, 0.75 * half), (0.6 * r, 1.02 * half), (0.5 * r, 0.7 * half), (0.2 * r, 0.75 * half),
           (0.16 * r, 1.1 * half), (0.001, 1.1 * half)]  # fmt: skip
    rubber = materials.rubber(dice)
    spokes = dice.integer(4, 7) if dice.chance(0.6) else 0
    for axle in build.axles:
        for side in (-1, 1):
            turn = rotation("y", side * np.pi / 2)
            at = np.array([side * (build.half_width - half - 0.01), build.y(axle), r])
            model.add(lathe(tyre, 28), rubber, rotate=turn, move=at)
            model.add(lathe(hub, 24), coats.metal, rotate=turn, move=at)
            for k in range(spokes):
                angle = 2 * np.pi * k / spokes
                hole = turn @ np.array([0.37 * r * np.cos(angle), 0.37 * r * np.sin(angle), 0.72 * half])
                model.add(sphere(8, 5), coats.trim, rotate=turn, move=at + hole, scale=(0.11 * r, 0.11 * r, 0.03))


def add_lights(model: Model, dice: Dice, build: Build) -> None:
    lamp = materials.glaze(dice, (0.93, 0.92, 0.82))
    tail = materials.plastic(dice, (0.82, 0.04, 0.03))
    size = dice.uniform(0.07, 0.12)
    flat = dice.uniform(0.5, 1.0)
    height, end = 0.66 * build.hood, 0.5 * build.length
    for side in (-1, 1):
        x = side * 0.66 * build.half_width
        model.add(sphere(16, 9), lamp, scale=(size, 0.05, size * flat), move=(x, 0.012 - end, height))
        high = 0.62 * float(top_line(build, np.array([0.97]))[0])
        lens = rounded_box(0.02, (0.3 * build.half_width, 0.08, 0.14 * flat))
        model.add(lens, tail, False, move=(1.02 * x, end, high))


def add_trim(model: Model, dice: Dice, build: Build, coats: Coats) -> None:
    """Bumpers, grille, plates, door lines, handles and mirrors."""
    wide, end = build.half_width, 0.5 * build.length
    low = 0.9 * build.wheel
    plate = materials.plain(dice, (0.88, 0.88, 0.84))
    bumper = coats.metal if dice.chance(0.6) else coats.trim
    for side in (-1, 1):
        model.add(rounded_box(0.03, (1.72 * wide, 0.09, 0.1)), bumper, False, move=(0, side * (end + 0.015), low))
        model.add(rounded_box(0.005, (0.36 * wide, 0.02, 0.075)), plate, False, move=(0, side * (end + 0.068), low))
        model.add(rounded_box(0.02, (0.1, 0.06, 0.08)), coats.body, False,
                  move=(side * (wide + 0.03), build.y(0.36), build.belt + 0.03))  # fmt: skip
    model.add(rounded_box(0.02, (0.8 * wide, 0.04, 0.28 * build.hood)), coats.trim, False,
              move=(0, -end, 0.62 * build.hood))  # fmt: skip
    height = build.belt - 1.05 * build.wheel
    doors = (0.345, 0.60) if build.sort in ("open", "truck", "van") else (0.345, 0.545, 0.70)
    for share in doors:
        model.add(rounded_box(0.002, (2.003 * wide, 0.016, height)), coats.trim, False,
                  move=(0, build.y(share), build.belt - 0.06 - height / 2))  # fmt: skip
    for share in doors[1:]:
        model.add(rounded_box(0.01, (2.03 * wide, 0.1, 0.025)), coats.metal, False,
                  move=(0, build.y(share) - 0.09, build.belt - 0.16))  # fmt: skip


def add_rack(model: Model, build: Build, coats: Coats) -> None:
    front, back = (build.y(share) for share in HOUSES[build.sort][1:3])
    wide, height = 0.6 * build.half_width, build.roof + 0.06
    for share in np.linspace(0.15, 0.85, 3):
        y = front + (back - front) * share
        bow = [(-wide, y, height - 0.1), (-wide, y, height), (wide, y, height), (wide, y, height - 0.1)]
        model.add(tube(bow, 0.018, 6), coats.trim)
    for side in (-1, 1):
        model.add(tube([(side * wide, front + 0.05, height), (side * wide, back - 0.05, height)], 0.02, 6), coats.trim)


def choose_paint(dice: Dice) -> tuple[Material, str | None, str | None, str]:
    """(material, colour word, material word, the words before the sort)."""
    roll = dice.uniform(0, 1)
    if roll < 0.12:
        return materials.wood(dice), None, "wooden", "wooden toy "
    if roll < 0.22:
        word = dice.choose(("silver", "silver", "golden", "rusty iron"))
        return materials.MATERIAL_WORDS[word](dice), None, word, f"{word} "
    color = dice.choose(PAINTS)
    if roll < 0.34:
        return materials.plastic(dice, color), color, "plastic", f"{color} plastic toy "
    return materials.painted_metal(dice, color), color, None, f"{color} "


def choose_detail(dice: Dice, build: Build, color: str | None) -> tuple[str, str | None]:
    """(words, the colour of a roof or stripe if there is one)."""
    roll = dice.uniform(0, 1)
    if color and roll < 0.18 and build.sort != "open":
        other = dice.choose([name for name in ("white", "black", "red") if name != color])
        return f" with {article(other)} roof", other
    if color and roll < 0.34:
        other = dice.choose([name for name in ("white", "black", "yellow", "red") if name != color])
        return f" with {article(other)} stripe", other
    if roll < 0.46 and build.sort in ("saloon", "hatchback", "jeep"):
        return " with a roof rack", None
    return "", None


def make(dice: Dice) -> Thing:
    model = Model()
    build = draw_build(dice)
    paint, color, material, words = choose_paint(dice)
    detail, other = choose_detail(dice, build, color)
    second = materials.painted_metal(dice, other) if other else paint
    stripe = second if "stripe" in detail else None
    # a toy cut from wood has windows of dark wood
    glass = materials.plain(dice, (0.20, 0.13, 0.08)) if material == "wooden" else materials.dark_glass(dice)
    dark = materials.plain(dice, (0.05, 0.05, 0.055), 0.6)
    coats = Coats(paint, paint if stripe else second, glass, dark, materials.silver(dice))
    add_body(model, build, coats, stripe)
    if build.sort == "open":
        add_cockpit(model, dice, build, coats)
    else:
        add_house(model, build, coats, stripe)
    if build.sort == "truck":
        add_bed(model, build, coats)
    add_wheels(model, dice, build, coats)
    add_lights(model, dice, build)
    add_trim(model, dice, build, coats)
    if "rack" in detail:
        add_rack(model, build, coats)
    grounds = ("table", "floor", "plain", "none") if "toy" in words else ("stone", "grass", "sand", "plain", "none")
    phrase = article(f"{words}{WORDS.get(build.sort, 'car')}{detail}")
    return Thing("car", phrase, model, color, material, grounds)
