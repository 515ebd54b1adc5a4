"""Draw the example sketches into examples/sketches/: nine objects as a hand would draw them in virtual
reality.

    python examples/make_sketches.py [FOLDER]

The same strokes come out every time. All objects stand on their own y = 0 before they are moved to their
place.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # the script also runs from elsewhere, and from a test
from brushes import Drawing, box, circle, hatch, lathe, leaf

RED, CREAM, PALE, WHITE = (0.80, 0.08, 0.07), (0.93, 0.86, 0.72), (0.95, 0.90, 0.82), (0.97, 0.96, 0.93)
GREEN, LEAF, BROWN, WOOD = (0.20, 0.50, 0.18), (0.30, 0.62, 0.22), (0.36, 0.22, 0.12), (0.62, 0.40, 0.20)
BLUE, TERRACOTTA, ORANGE, YELLOW = (
    (0.15, 0.35, 0.75),
    (0.77, 0.40, 0.24),
    (0.95, 0.50, 0.12),
    (0.98, 0.80, 0.15),
)
PINK, BLACK, GLASS, SLATE = (0.93, 0.30, 0.45), (0.06, 0.06, 0.07), (0.45, 0.68, 0.85), (0.55, 0.20, 0.15)


def curve(*points: tuple[float, float, float], count: int = 24) -> np.ndarray:
    """A smooth line [count, 3] near the points: a Bezier curve."""
    line = np.array(points, dtype=float)[None].repeat(count, axis=0)
    t = np.linspace(0, 1, count)[:, None, None]
    while line.shape[1] > 1:
        line = line[:, :-1] * (1 - t) + line[:, 1:] * t
    return line[:, 0]


def profile(*points: tuple[float, float]) -> np.ndarray:
    """[P, 2] radius and height through the points, rounded."""
    line = np.array(points, dtype=float)
    for _ in range(3):  # Chaikin's corner cutting
        cut = np.stack(
            [0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]], axis=1
        ).reshape(-1, 2)
        line = np.concatenate([line[:1], cut, line[-1:]])
    return line


def disc(
    drawing: Drawing, center: np.ndarray, normal: np.ndarray, radius: float, color: tuple[float, ...]
) -> None:
    """A round spot: a tight spiral facing `normal`."""
    normal = normal / np.linalg.norm(normal)
    side = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    side /= np.linalg.norm(side)
    t = np.linspace(0.08, 1, 40)
    angle = 5 * np.pi * t
    spiral = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(normal, side)
    width = 0.45 * radius
    drawing.ribbon(
        center + (radius - width / 2) * t[:, None] * spiral, np.tile(normal, (40, 1)), width, color
    )


def mushroom(drawing: Drawing) -> None:
    cap = profile((0.0, 0.52), (0.12, 0.52), (0.27, 0.44), (0.31, 0.31), (0.30, 0.27))
    lathe(drawing, cap, 0.028, RED)
    lathe(drawing, profile((0.30, 0.27), (0.20, 0.285), (0.08, 0.30)), 0.028, PALE)
    lathe(drawing, profile((0.085, 0.30), (0.07, 0.20), (0.08, 0.08), (0.12, 0.0)), 0.028, CREAM)
    lathe(drawing, np.array([(0.12, 0.0), (0.0, 0.0)]), 0.03, CREAM)
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):  # gills
        out = np.array([np.cos(angle), 0, np.sin(angle)])
        drawing.tube(
            np.array([0, 0.288, 0]) + np.linspace(0.1, 0.285, 6)[:, None] * out, 0.005, CREAM, sides=4
        )
    spots = (
        [(0.0, 0.0, 0.055)]
        + [(0.45, 1.1 * k, 0.05) for k in range(6)]
        + [(0.78, 0.55 + 0.9 * k, 0.042) for k in range(7)]
    )
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(cap, axis=0), axis=1))])
    for share, angle, radius in spots:
        r, y = (np.interp(share * lengths[-1], lengths, cap[:, axis]) for axis in range(2))
        center = np.array([r * np.cos(angle), y, r * np.sin(angle)])
        normal = center - [0, 0.24, 0]
        disc(drawing, center + 0.012 * normal / np.linalg.norm(normal), normal, radius, WHITE)


def flower(drawing: Drawing) -> None:
    stem = curve((0, 0, 0), (0.04, 0.25, 0.02), (-0.03, 0.45, 0), (0, 0.68, 0.03))
    for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False):
        drawing.tube(stem + 0.012 * np.array([np.cos(angle), 0, np.sin(angle)]), 0.012, GREEN)
    for side in (1, -1):
        spine = curve((0.01 * side, 0.12, 0), (0.12 * side, 0.30, 0.03), (0.26 * side, 0.34, 0.05), count=16)
        leaf(drawing, spine, np.array([0, -0.25 * side, 0.97]), 0.12, LEAF)
    center, facing = stem[-1], np.array([0, 0.35, 0.94])
    right, up = np.array([1.0, 0, 0]), np.array([0, 0.94, -0.35])
    for k in range(12):
        angle = 2 * np.pi * k / 12
        out = np.cos(angle) * right + np.sin(angle) * up
        turned = -np.sin(angle) * right + np.cos(angle) * up
        lift = 0.02 * (k % 2)
        spine = center + np.linspace(0.05, 0.23, 12)[:, None] * out + (0.02 + lift) * facing
        leaf(drawing, spine, turned, 0.11, PINK if k % 2 else (0.86, 0.18, 0.36), rows=5)
    for k, radius in enumerate((0.03, 0.055, 0.07)):
        angle = np.linspace(0, 2 * np.pi, 24)[:, None]
        ring = (
            center
            + (0.075 - 0.015 * k) * facing
            + radius * 0.9 * (np.cos(angle) * right + np.sin(angle) * up)
        )
        drawing.tube(ring, 0.018, YELLOW)
    disc(drawing, center + 0.085 * facing, facing, 0.055, YELLOW)
    disc(drawing, center - 0.005 * facing, facing, 0.09, GREEN)


def mug(drawing: Drawing) -> None:
    lathe(drawing, profile((0.0, 0.0), (0.13, 0.0), (0.15, 0.02), (0.15, 0.2), (0.155, 0.35)), 0.026, BLUE)
    lathe(
        drawing, profile((0.135, 0.35), (0.13, 0.2), (0.13, 0.05), (0.10, 0.035), (0.0, 0.03)), 0.026, WHITE
    )
    drawing.tube(circle((0, 0.352, 0), 0.146, 40), 0.013, WHITE)
    handle = curve(
        (0.145, 0.29, 0), (0.27, 0.34, 0), (0.32, 0.18, 0), (0.25, 0.02, 0), (0.145, 0.09, 0), count=28
    )
    for shift in (-0.014, 0.0, 0.014):
        drawing.tube(handle + np.array([0, 0, shift]), 0.015, BLUE)
    for height in (0.11, 0.26):
        drawing.ribbon(circle((0, height, 0), 0.157, 60), circle((0, 0, 0), 1.0, 60), 0.016, WHITE)


def apple(drawing: Drawing) -> None:
    body = profile(
        (0.0, 0.24), (0.05, 0.29), (0.15, 0.32), (0.20, 0.20), (0.16, 0.06), (0.07, 0.0), (0.0, 0.03)
    )
    lathe(drawing, body, 0.024, RED)
    drawing.tube(curve((0, 0.24, 0), (0, 0.32, 0), (0.03, 0.38, 0), count=12), 0.013, BROWN)
    spine = curve((0.01, 0.33, 0), (0.07, 0.40, 0.02), (0.15, 0.42, 0.05), (0.20, 0.37, 0.06), count=16)
    leaf(drawing, spine, np.array([-0.25, 0.0, 0.97]), 0.10, LEAF)


def chair(drawing: Drawing) -> None:
    for x in (-0.2, 0.2):
        for z, top in ((0.2, 0.45), (-0.2, 1.0)):
            for dx, dz in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                post = np.linspace((x, 0, z), (x, top, z - 0.06 * (top > 0.5)), 10)
                drawing.tube(post + np.array([dx, 0, dz]) * 0.014, 0.015, WOOD)
    box(drawing, (-0.24, 0.43, -0.23), (0.48, 0.05, 0.47), 0.034, WOOD)
    for height in (0.62, 0.76, 0.90):
        lean = -0.2 - 0.06 * height
        box(drawing, (-0.2, height - 0.045, lean - 0.012), (0.4, 0.09, 0.025), 0.03, (0.70, 0.47, 0.25))
    for x in (-0.2, 0.2):
        drawing.tube(np.linspace((x, 0.2, -0.2), (x, 0.2, 0.2), 8), 0.018, BROWN)
    drawing.tube(np.linspace((-0.2, 0.2, 0), (0.2, 0.2, 0), 8), 0.018, BROWN)


def house(drawing: Drawing) -> None:
    beige, brick = (0.90, 0.80, 0.62), (0.72, 0.27, 0.20)
    for corner, along, across in (
        ((-0.4, 0, 0.3), (0.8, 0, 0), (0, 0.5, 0)), ((-0.4, 0, -0.3), (0.8, 0, 0), (0, 0.5, 0)),
        ((-0.4, 0, -0.3), (0, 0, 0.6), (0, 0.5, 0)), ((0.4, 0, -0.3), (0, 0, 0.6), (0, 0.5, 0)),
        ((-0.4, 0, -0.3), (0.8, 0, 0), (0, 0, 0.6)),
    ):  # fmt: skip
        hatch(drawing, corner, along, across, 0.05, beige)
    for x in (-0.4, 0.4):  # gables
        for row in range(6):
            half, y = 0.3 * (1 - (row + 0.5) / 6), 0.5 + 0.27 * (row + 0.5) / 6
            line = np.linspace((x, y, -half), (x, y, half), 8)
            drawing.ribbon(line, np.tile([1.0, 0, 0], (8, 1)), 0.05, beige)
    for side in (1, -1):
        hatch(drawing, (-0.47, 0.46, 0.36 * side), (0.94, 0, 0), (0, 0.33, -0.36 * side), 0.045, brick)
    drawing.tube(np.linspace((-0.47, 0.79, 0), (0.47, 0.79, 0), 12), 0.02, SLATE)
    box(drawing, (0.18, 0.6, -0.2), (0.12, 0.3, 0.12), 0.04, SLATE)
    hatch(drawing, (-0.09, 0, 0.312), (0, 0.3, 0), (0.18, 0, 0), 0.04, BROWN)
    drawing.tube(np.array([[-0.1, 0, 0.315], [-0.1, 0.15, 0.315], [-0.1, 0.31, 0.315]]), 0.012, WHITE)
    drawing.tube(np.array([[0.1, 0, 0.315], [0.1, 0.15, 0.315], [0.1, 0.31, 0.315]]), 0.012, WHITE)
    drawing.tube(np.linspace((-0.1, 0.31, 0.315), (0.1, 0.31, 0.315), 6), 0.012, WHITE)
    disc(drawing, np.array([0.06, 0.15, 0.325]), np.array([0, 0, 1.0]), 0.015, YELLOW)
    for x in (-0.26, 0.26):
        window(drawing, x, 0.312, False)
        window(drawing, x, -0.312, False)
    for x in (-0.412, 0.412):
        window(drawing, x, 0.0, True)


def window(drawing: Drawing, x: float, z: float, on_side: bool) -> None:
    """A blue pane with a white cross and frame, in the front wall or in a side wall."""
    wide = np.array([0, 0, 0.16]) if on_side else np.array([0.16, 0, 0])
    tall, out = (
        np.array([0, 0.16, 0]),
        np.array([np.sign(x) if on_side else 0, 0, 0 if on_side else np.sign(z)]) * 0.006,
    )
    corner = np.array([x, 0.3, z]) - wide / 2 - tall / 2
    hatch(drawing, tuple(corner), tuple(wide), tuple(tall), 0.04, GLASS)
    for start, along in (
        (corner, wide), (corner + tall, wide), (corner + tall / 2, wide),
        (corner, tall), (corner + wide, tall), (corner + wide / 2, tall),
    ):  # fmt: skip
        drawing.tube(start + out + np.linspace(0, 1, 5)[:, None] * along, 0.010, WHITE)


def fish(drawing: Drawing) -> None:
    """It swims towards +X, 0.3 m above its ground."""
    lengthways = np.linspace(0, 1, 26)
    half = 0.13 * np.sin(np.pi * np.clip(lengthways, 0.02, 1) ** 0.75) + 0.02 * lengthways
    x = 0.32 - 0.62 * lengthways
    for angle in np.linspace(0, 2 * np.pi, 30, endpoint=False):
        out = np.array([0, np.cos(angle), 0.55 * np.sin(angle)])
        line = np.column_stack([x, 0 * x, 0 * x]) + half[:, None] * out + [0, 0.3, 0]
        normal = np.tile([0, np.cos(angle), np.sin(angle) / 0.55], (26, 1))
        color = (0.98, 0.78, 0.45) if np.cos(angle) < -0.6 else ORANGE
        drawing.ribbon(line, normal, 0.026, color)
    for share in (0.28, 0.55):  # white bands
        at, size = 0.32 - 0.62 * share, np.interp(share, lengthways, half) + 0.004
        angle = np.linspace(0, 2 * np.pi, 40)
        band = np.column_stack([0 * angle + at, size * np.cos(angle) + 0.3, 0.55 * size * np.sin(angle)])
        drawing.ribbon(band, np.column_stack([0 * angle, np.cos(angle), np.sin(angle)]), 0.035, WHITE)
    side = np.array([0, 0, 0.02])
    deep = (0.90, 0.36, 0.06)
    for up in (1, -1):
        spine = curve((-0.27, 0.3, 0), (-0.36, 0.3 + 0.08 * up, 0), (-0.50, 0.3 + 0.20 * up, 0), count=14)
        for shift in (-1, 1):
            leaf(drawing, spine + shift * side / 4, np.array([0.75, 0.66 * up, 0]), 0.12, deep)
    for shift in (-1, 1):
        back = curve((0.13, 0.40, 0), (0.0, 0.54, 0), (-0.18, 0.48, 0), count=14) + shift * side / 4
        leaf(drawing, back, np.array([0.25, 0.97, 0]), 0.12, deep)
        belly = curve((0.0, 0.19, 0), (-0.06, 0.12, 0), (-0.15, 0.13, 0), count=12) + shift * side / 4
        leaf(drawing, belly, np.array([0.3, 0.95, 0]), 0.06, deep, rows=4)
        fin = curve(
            (0.10, 0.27, 0.07 * shift), (0.03, 0.24, 0.13 * shift), (-0.07, 0.22, 0.15 * shift), count=12
        )
        leaf(drawing, fin, np.array([0.2, 0.9, 0]), 0.09, deep, rows=5)
        eye, facing = np.array([0.215, 0.335, 0.056 * shift]), np.array([0.35, 0.25, 1.0 * shift])
        disc(drawing, eye, facing, 0.032, WHITE)
        disc(drawing, eye + 0.006 * facing, facing, 0.018, BLACK)
    drawing.tube(curve((0.315, 0.29, 0.02), (0.33, 0.275, 0), (0.315, 0.29, -0.02), count=8), 0.008, SLATE)


def cactus(drawing: Drawing) -> None:
    lathe(drawing, profile((0.0, 0.0), (0.13, 0.0), (0.15, 0.1), (0.17, 0.22)), 0.03, TERRACOTTA)
    lathe(drawing, np.array([(0.19, 0.20), (0.195, 0.26), (0.17, 0.265)]), 0.03, TERRACOTTA)
    lathe(drawing, np.array([(0.17, 0.24), (0.0, 0.245)]), 0.03, BROWN)
    lathe(drawing, profile((0.09, 0.24), (0.11, 0.4), (0.11, 0.7), (0.08, 0.82), (0.0, 0.84)), 0.026, GREEN)
    for k in range(12):
        angle = 2 * np.pi * k / 12
        r = np.array([0.095, 0.115, 0.117, 0.113, 0.085, 0.02])
        y = np.array([0.25, 0.40, 0.55, 0.70, 0.80, 0.845])
        drawing.tube(np.column_stack([r * np.cos(angle), y, r * np.sin(angle)]), 0.010, LEAF, sides=4)
    for side, base, top in ((1, 0.46, 0.74), (-1, 0.36, 0.60)):
        spine = curve(
            (0.08 * side, base, 0),
            (0.30 * side, base - 0.03, 0),
            (0.24 * side, base + 0.12, 0),
            (0.24 * side, top, 0),
        )
        for angle in np.linspace(0, 2 * np.pi, 8, endpoint=False):
            tangent = np.gradient(spine, axis=0)
            tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
            across = np.cross(tangent, [0, 0, 1.0])
            thick = 0.045 * np.clip(1.2 - np.linspace(0, 1, 24) ** 6, 0.3, 1)[:, None]
            strand = spine + thick * (np.cos(angle) * across + np.sin(angle) * np.array([0, 0, 1.0]))
            drawing.tube(strand, 0.020, LEAF if round(angle * 4 / np.pi) % 2 else GREEN)
    for k in range(6):
        out = np.array([np.cos(k * np.pi / 3), 0.9, np.sin(k * np.pi / 3)])
        spine = np.array([0, 0.84, 0]) + np.linspace(0, 0.08, 8)[:, None] * out
        leaf(drawing, spine, np.array([-out[2], 0, out[0]]), 0.05, PINK, rows=3)


def vase(drawing: Drawing) -> None:
    teal, sand = (0.10, 0.50, 0.52), (0.90, 0.78, 0.52)
    outside = profile(
        (0.0, 0.0), (0.10, 0.0), (0.12, 0.03), (0.22, 0.22), (0.17, 0.42), (0.07, 0.50), (0.12, 0.60)
    )
    lathe(drawing, outside, 0.026, teal)
    lathe(drawing, profile((0.105, 0.60), (0.055, 0.50), (0.05, 0.44)), 0.024, BROWN)
    drawing.tube(circle((0, 0.60, 0), 0.113, 40), 0.012, sand)
    for height in (0.12, 0.36):
        radius = float(np.interp(height, outside[8:, 1], outside[8:, 0])) + 0.006
        drawing.ribbon(circle((0, height, 0), radius, 60), circle((0, 0, 0), 1.0, 60), 0.02, sand)
    angle = np.linspace(0, 2 * np.pi, 120)
    wave = np.column_stack([0.205 * np.cos(angle), 0.235 + 0.035 * np.sin(9 * angle), 0.205 * np.sin(angle)])
    drawing.tube(wave, 0.010, sand)


PLACES = {
    mushroom: (0.5, 0.0, 0.2),
    flower: (0.5, 1.0, -0.4),
    mug: (-0.3, 0.8, 0.6),
    apple: (0.4, 1.0, 0.3),
    chair: (1.0, 0.0, -0.5),
    house: (0.5, 1.0, 0.0),
    fish: (0.2, 1.1, 0.5),
    cactus: (-0.6, 0.0, 0.4),
    vase: (0.5, 1.0, 0.5),
}


def main(folder: Path) -> None:
    """Write every sketch into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (draw, place) in enumerate(PLACES.items(), start=1):
        drawing = Drawing(place, seed)
        draw(drawing)
        drawing.write(folder / f"{draw.__name__}.glb")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "sketches")
