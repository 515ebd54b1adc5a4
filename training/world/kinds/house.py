"""Houses of brick, stone, wood or plaster, under gabled or hipped roofs, the door towards the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world import materials
from training.world.colors import darker, vary
from training.world.dice import Dice
from training.world.materials import Material, custom
from training.world.model import Model
from training.world.parts import box, extrude, lathe, loft, rotation, rounded_box, sphere, torus
from training.world.skins import slab
from training.world.thing import Thing, article

WOODS = ("white", "red", "brown", "blue", "yellow", "grey", "green", "black")
PLASTERS = ("white", "white", "yellow", "pink", "beige", "orange", "blue", "turquoise", "green", "red")
# Roofs are duller than the colour words' own colours.
ROOFS = {"red": (0.52, 0.17, 0.12), "brown": (0.33, 0.20, 0.14), "grey": (0.42, 0.42, 0.44), "blue": (0.16, 0.26, 0.50),
         "green": (0.18, 0.38, 0.20), "black": (0.08, 0.08, 0.09), "orange": (0.72, 0.36, 0.16)}  # fmt: skip
SIDE = rotation("z", np.pi / 2)  # what looked to the front looks to +X


@dataclass(frozen=True)
class Plan:
    """Walls of width (x) by depth (y) by height, the roof's rise above them; in metres of a very small house."""

    width: float
    depth: float
    height: float
    rise: float
    storeys: int
    roof: str  # eaves: the ridge runs along x · gable: along y · hip

    @property
    def storey(self) -> float:
        return self.height / self.storeys


@dataclass(frozen=True)
class Coats:
    wall: Material
    roof: Material
    frame: Material
    glass: Material
    door: Material
    shutter: Material | None


def draw_plan(dice: Dice) -> Plan:
    storeys = 2 if dice.chance(0.4) else 1
    width, depth = dice.uniform(1.1, 2.1), dice.uniform(1.0, 1.6)
    height = storeys * dice.uniform(0.72, 0.95)
    return Plan(width, depth, height, dice.uniform(0.4, 1.0), storeys, dice.choose(("eaves", "eaves", "gable", "hip")))


def siding(dice: Dice, name: str) -> Material:
    """Painted boards that lie over each other."""
    color = vary(dice, name)
    return custom(
        dice, "wave", darker(color, 0.45), color, scale=dice.uniform(2.6, 4.0), stretch=(0, 0, 1), distortion=0.02,
        roughness=0.7, bump=0.5, ramp=(0.05, 0.2),
    )  # fmt: skip


def thatch(dice: Dice) -> Material:
    color = vary(dice, (0.62, 0.48, 0.28))
    return custom(
        dice, "wave", color, darker(color, 0.5), scale=9, stretch=(1, 1, 0.15), distortion=0.8, roughness=1, bump=0.8,
        fine=0.12,
    )  # fmt: skip


def tiles(dice: Dice, color: np.ndarray) -> Material:
    return custom(
        dice, "tile", color, darker(color, 0.65), third=darker(color, 0.25), scale=dice.uniform(4.5, 7), roughness=0.8,
        bump=0.5,
    )  # fmt: skip


def choose_wall(dice: Dice) -> tuple[Material, str | None, str | None, str]:
    """(material, colour word, material word, the words before 'house')."""
    kind = dice.choose(("brick", "brick", "stone", "wooden", "wooden", "plaster", "plaster"))
    if kind == "brick":
        color = dice.choose(((0.55, 0.22, 0.15), (0.62, 0.36, 0.24), (0.45, 0.18, 0.14)))
        return materials.brick(dice, color), None, "brick", "brick"
    if kind == "stone":
        return materials.rubble(dice), None, "stone", "stone"
    if kind == "wooden":
        if dice.chance(0.25):
            return materials.planks(dice), None, "wooden", "wooden"
        color = dice.choose(WOODS)
        return siding(dice, color), color, "wooden", f"{color} wooden"
    color = dice.choose(PLASTERS)
    return materials.plaster(dice, color), color, None, color


def choose_roof(dice: Dice) -> tuple[Material, str]:
    """(material, words)."""
    if dice.chance(0.12):
        return thatch(dice), "thatched roof"
    name = dice.choose(tuple(ROOFS))
    return tiles(dice, vary(dice, ROOFS[name], 0.03)), f"{name} roof"


def add_walls(model: Model, plan: Plan, wall: Material) -> None:
    """A block, with gables where the roof has them."""
    along, across = (plan.width, plan.depth) if plan.roof != "gable" else (plan.depth, plan.width)
    half = across / 2
    outline = [(-half, 0), (half, 0), (half, plan.height), (-half, plan.height)]
    if plan.roof != "hip":
        outline.insert(3, (0, plan.height + 0.97 * plan.rise))
    turn = SIDE if plan.roof != "gable" else np.eye(3)
    model.add(extrude(outline, along), wall, smooth=False, rotate=turn)


def add_roof(model: Model, dice: Dice, plan: Plan, roof: Material) -> None:
    over, thick = dice.uniform(0.08, 0.2), dice.uniform(0.06, 0.12)
    if plan.roof == "hip":
        return add_hip(model, dice, plan, roof, over, thick)
    along, across = (plan.width, plan.depth) if plan.roof == "eaves" else (plan.depth, plan.width)
    slope = plan.rise / (across / 2)
    ends = np.array([-along / 2 - over, along / 2 + over])
    turn = np.eye(3) if plan.roof == "eaves" else SIDE
    for side in (-1, 1):
        ridge = np.stack([ends, 0 * ends, 0 * ends + plan.height + plan.rise + thick / 2], axis=1)
        eave = np.stack([ends, 0 * ends + side * (across / 2 + over),
                         0 * ends + plan.height - over * slope + thick / 2], axis=1)  # fmt: skip
        model.add(slab(ridge, eave, thick, (0, side * slope, 1)), roof, smooth=False, rotate=turn)
    cap = rounded_box(0.02, (along + 2 * over, 0.1, 0.07))
    model.add(cap, roof, False, rotate=turn, move=turn @ np.array([0, 0, plan.height + plan.rise + thick * 0.7]))


def add_hip(model: Model, dice: Dice, plan: Plan, roof: Material, over: float, thick: float) -> None:
    """Four slopes up to a short ridge or a point."""
    ridge = max(plan.width - plan.depth, 0) * dice.uniform(0.4, 1.0) / 2 + 0.01
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    base = corners * (np.array([plan.width, plan.depth]) / 2 + over)
    top = corners * np.array([ridge, 0.01])
    low, high = plan.height - 0.02, plan.height + plan.rise
    rings = [np.insert(ring, 2, z, axis=1) for ring, z in ((base, low), (base, low + thick), (top, high))]
    model.add(loft(rings), roof, smooth=False)


def add_window(
    model: Model, coats: Coats, size: tuple[float, float], at: tuple[float, float, float], turn: np.ndarray
) -> None:
    """A window with cross bars in a wall that `turn` takes from the front; `at` is before the turn."""
    w, h = size
    x, y, z = at

    def put(material: Material, dims: tuple[float, float, float], offset: tuple[float, float, float]) -> None:
        place = turn @ np.array([x + offset[0], y + offset[1], z + offset[2]])
        model.add(box(), material, smooth=False, scale=dims, rotate=turn, move=place)

    put(coats.frame, (w + 0.08, 0.05, h + 0.08), (0, 0, 0))
    put(coats.glass, (w, 0.065, h), (0, 0, 0))
    put(coats.frame, (0.022, 0.08, h), (0, 0, 0))
    put(coats.frame, (w, 0.08, 0.022), (0, 0, 0))
    put(coats.frame, (w + 0.14, 0.13, 0.03), (0, -0.02, -h / 2 - 0.05))
    if coats.shutter:
        for side in (-1, 1):
            put(coats.shutter, (0.55 * w, 0.06, h + 0.06), (side * (0.5 * w + 0.05 + 0.275 * w), -0.005, 0))


def add_windows(model: Model, dice: Dice, plan: Plan, coats: Coats, door: float) -> None:
    """Rows of windows on all four sides, none where the door is."""
    narrow = 0.6 if coats.shutter else 1.0
    for storey in range(plan.storeys):
        z = plan.storey * (storey + 0.56)
        h = plan.storey * dice.uniform(0.38, 0.5)
        for number in range(4):
            turn = rotation("z", number * np.pi / 2)
            run, out = (plan.width, plan.depth) if number % 2 == 0 else (plan.depth, plan.width)
            count = 3 if run > 1.6 and narrow == 1 else 2 if run > 1.0 else 1
            w = min(run / count * dice.uniform(0.38, 0.52) * narrow, 0.42)
            for k in range(count):
                x = run * ((k + 0.5) / count - 0.5)
                if number == 0 and storey == 0 and abs(x - door) < 0.24 + w / 2 * (2.3 if coats.shutter else 1):
                    continue
                add_window(model, coats, (w, h), (x, -out / 2, z), turn)


def add_door(model: Model, dice: Dice, plan: Plan, coats: Coats, x: float) -> None:
    high = min(0.66, 0.8 * plan.storey)
    front = -plan.depth / 2
    model.add(box(), coats.frame, smooth=False, scale=(0.42, 0.06, high + 0.05), move=(x, front, high / 2 + 0.02))
    model.add(box(), coats.door, smooth=False, scale=(0.34, 0.09, high), move=(x, front, high / 2))
    model.add(sphere(8, 6), materials.gold(dice), scale=0.025, move=(x + 0.12, front - 0.06, 0.47 * high))
    step = materials.stone(dice)
    model.add(rounded_box(0.01, (0.56, 0.3, 0.06)), step, False, move=(x, front - 0.12, 0.03))
    if dice.chance(0.35):
        add_porch(model, dice, coats, (x, front, high + 0.12))


def add_porch(model: Model, dice: Dice, coats: Coats, at: tuple[float, float, float]) -> None:
    """A small roof over the door on two posts."""
    x, y, z = at
    deep = dice.uniform(0.3, 0.5)
    near = np.array([(x - 0.38, y, z + 0.16), (x + 0.38, y, z + 0.16)])
    model.add(slab(near, near + np.array([0, -deep, -0.14]), 0.06, (0, -0.14, deep)), coats.roof, smooth=False)
    for side in (-1, 1):
        model.add(box(), coats.frame, smooth=False, scale=(0.05, 0.05, z),
                  move=(x + 0.3 * side, y - deep + 0.06, z / 2))  # fmt: skip


def add_chimney(model: Model, dice: Dice, plan: Plan) -> None:
    stack = materials.brick(dice, (0.5, 0.22, 0.16)) if dice.chance(0.7) else materials.rubble(dice)
    wide = dice.uniform(0.17, 0.25)
    x = dice.choose((-1, 1)) * dice.uniform(0.15, 0.32) * plan.width
    high = plan.height + plan.rise * dice.uniform(0.95, 1.3)
    low = plan.height * 0.9
    x = x if plan.roof != "hip" else 0.5 * x
    place = (x, dice.uniform(0.02, 0.2) * plan.depth, (low + high) / 2)
    model.add(box(), stack, smooth=False, scale=(wide, wide, high - low), move=place)
    model.add(rounded_box(0.01, (1.25 * wide, 1.25 * wide, 0.06)), stack, False, move=(place[0], place[1], high))
    pot = [(0.06, high), (0.07, high + 0.12), (0.05, high + 0.12), (0.04, high + 0.02)]
    model.add(lathe(pot, 14), materials.clay(dice), move=(place[0], place[1], 0))


def add_gable_window(model: Model, plan: Plan, coats: Coats) -> None:
    """A round window high in each gable."""
    reach = plan.depth / 2 if plan.roof == "gable" else plan.width / 2
    size = min(0.13, 0.2 * plan.rise)
    for turn in (0, np.pi):
        place = rotation("z", turn + (0 if plan.roof == "gable" else np.pi / 2))
        tilt = place @ rotation("x", np.pi / 2)
        at = place @ np.array([0, -reach, plan.height + 0.35 * plan.rise])
        model.add(torus(size, 0.025, 20, 6), coats.frame, rotate=tilt, move=at)
        model.add(sphere(16, 6), coats.glass, rotate=tilt, move=at, scale=(size, size, 0.03))


def make(dice: Dice) -> Thing:
    model = Model()
    plan = draw_plan(dice)
    wall, color, material, words = choose_wall(dice)
    roof, roof_words = choose_roof(dice)
    door_color = dice.choose((None, (0.45, 0.12, 0.08), (0.12, 0.25, 0.35), (0.14, 0.32, 0.18)))
    frame = materials.plain(dice, (0.90, 0.88, 0.84) if color != "white" or dice.chance(0.5) else (0.30, 0.22, 0.16))
    shutter = (
        materials.planks(dice, dice.choose(("green", "blue", "red", "brown", "teal"))) if dice.chance(0.25) else None
    )
    coats = Coats(wall, roof, frame, materials.dark_glass(dice), materials.wood(dice, door_color), shutter)

    add_walls(model, plan, wall)
    add_roof(model, dice, plan, roof)
    door = dice.uniform(-0.3, 0.3) * (plan.width - 0.5)
    add_door(model, dice, plan, coats, door)
    add_windows(model, dice, plan, coats, door)
    if plan.roof != "hip" and dice.chance(0.5):
        add_gable_window(model, plan, coats)
    chimney = dice.chance(0.55)
    if chimney:
        add_chimney(model, dice, plan)
    detail = f" with {article(roof_words)}" + (" and a chimney" if chimney and dice.chance(0.5) else "")
    phrase = article(f"{words} house{detail}")
    return Thing("house", phrase, model, color, material, ("grass", "grass", "snow", "plain", "none"))
