"""What chairs, tables and lamps share: planks, rods, legs, cushions, and what frames are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.world.colors import Color, darker, vary
from training.world.dice import Dice
from training.world.materials import Material, Named, custom, named_material, wood
from training.world.parts import Part, loft, ring_angles, spline, tube

Point = Sequence[float] | np.ndarray
LEG_STYLES = ("square", "tapered", "round", "turned")
PAINTS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "white", "black", "teal", "turquoise", "grey")
_WOOD_TONES = ((0.50, 0.31, 0.17), (0.28, 0.16, 0.09), (0.70, 0.52, 0.33), (0.42, 0.20, 0.12))


def any_wood(dice: Dice) -> Material:
    """Pale or dark wood, or between."""
    return wood(dice, dice.choose(_WOOD_TONES))


def painted_wood(dice: Dice, color: Color) -> Material:
    """Thin paint over faint grain: bare wood's dark bands would look like stripes in a strong colour."""
    first = vary(dice, color, 0.04)
    return custom(
        dice, "wave", first, darker(first, dice.uniform(0.75, 0.9)), scale=dice.uniform(2, 4), stretch=(1, 1, 0.2),
        distortion=dice.uniform(0.5, 1.2), roughness=0.5, bump=0.08, ramp=(0.3, 1.0),
    )  # fmt: skip


def frame_material(dice: Dice, options: Sequence[str], painted: float = 0.35) -> Named:
    """As `named_material`, but a share `painted` of the wooden ones has a colour ('red wooden')."""
    found = named_material(dice, options)
    if found.material != "wooden":
        return found
    if not dice.chance(painted):
        return Named("wooden", None, "wooden", any_wood(dice))
    color = dice.choose(PAINTS)
    return Named(f"{color} wooden", color, "wooden", painted_wood(dice, color))


def cover(dice: Dice, options: Sequence[str], unlike: Color | None = None) -> Named:
    """Cloth or leather in a colour other than `unlike`, so that one sees where it begins."""
    while True:
        found = named_material(dice, options)
        if found.color != unlike or found.color is None:
            return found


def plank(path: Sequence[Point] | np.ndarray, wide: float, thick: float, facing: Point = (0, 1, 0)) -> Part:
    """A bar of rectangular section along `path` [N, 3]: `thick` in the direction `facing`, `wide` across it."""
    points = np.asarray(path, dtype=float)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    out = np.asarray(facing, dtype=float) - along * (along @ np.asarray(facing, dtype=float))[:, None]
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    side = np.cross(along, out)
    corners = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    return loft(np.stack([points + out * (thick / 2 * a) + side * (wide / 2 * b) for a, b in corners], 1))


def rod(path: Sequence[Point] | np.ndarray, radius: float | Sequence[float] | np.ndarray, around: int = 10) -> Part:
    """A round bar through points given in any form."""
    return tube(np.array([np.asarray(point, dtype=float) for point in path]), radius, around)


def leg(style: str, top: Point, foot: Point, thickness: float) -> tuple[Part, bool]:
    """One leg in one of LEG_STYLES, and whether it is smooth; the ends lie level."""
    start, end = np.asarray(top, dtype=float), np.asarray(foot, dtype=float)
    if style in ("square", "tapered"):
        halves = (thickness / 2, thickness / 2 if style == "square" else thickness * 0.28)
        square = np.array([(1, 1, 0), (-1, 1, 0), (-1, -1, 0), (1, -1, 0)])
        return loft([start + square * halves[0], end + square * halves[1]]), False
    if style == "round":
        return rod([start, end], [thickness * 0.55, thickness * 0.38], 12), True
    steps = np.linspace(0, 1, 25)
    beads = 0.42 + 0.16 * np.cos(steps * 4 * np.pi) ** 4 + 0.1 * np.sin(steps * np.pi)
    return tube(start + (end - start) * steps[:, None], thickness * beads, 14), True


def pillow(size: Point, square: float = 4.5, flat: float = 2.6, around: int = 32, along: int = 13) -> Part:
    """A stuffed cushion around the origin: `square` its outline from above (2 an ellipse), `flat` from the side."""

    def unit(angles: np.ndarray, power: float) -> np.ndarray:
        directions = np.stack([np.cos(angles), np.sin(angles)], 1)
        return directions / (np.abs(directions) ** power).sum(1, keepdims=True) ** (1 / power)

    outline = unit(ring_angles(around), square)
    profile = unit(np.linspace(-np.pi / 2, np.pi / 2, along), flat)
    reach = np.maximum(profile[:, 0], 1e-3)
    rings = [np.column_stack([outline * r, np.full(around, z)]) for r, z in zip(reach, profile[:, 1], strict=True)]
    vertices, faces = loft(rings)
    return vertices * (np.asarray(size, dtype=float) / 2), faces


def curve(control: Sequence[Point], count: int = 16) -> np.ndarray:
    """[count, 3]: the smooth path through a few points."""
    return spline(np.array([np.asarray(point, dtype=float) for point in control]), count)
