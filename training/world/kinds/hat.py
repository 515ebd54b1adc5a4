"""Hats: top hats, bowlers, cowboy and sun hats, woollen ones with a bobble, caps, wizards', cooks' and party hats."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from training.world.colors import darker, mix, to_rgb, vary
from training.world.dice import Dice
from training.world.furniture import cover, curve
from training.world.materials import Material, Named, custom, fabric, plain, plastic, wool
from training.world.model import Model
from training.world.parts import Part, lathe, loft, ring_angles, rotation, sphere, tube
from training.world.thing import Thing, article

GROUNDS = ("table", "table", "plain", "plain", "none", "floor", "marble", "grass")
_RIBBONS = ("red", "blue", "green", "black", "white", "yellow", "purple", "brown", "orange", "pink", "teal")
_AROUND = 48


def make(dice: Dice) -> Thing:
    styles = [crowned_hat] * 3 + [cowboy_hat] * 2 + [straw_hat] * 2 + [bobble_hat] * 2 + [cap] * 2
    return dice.choose([*styles, wizard_hat, wizard_hat, party_hat, cook_hat])(dice)


def _thing(model: Model, words: str, named: Named, detail: str = "") -> Thing:
    phrase = article(f"{named.words} {words}{detail}")
    return Thing("hat", phrase, model, named.color, named.material or None, GROUNDS)


def _felt(dice: Dice) -> Named:
    return cover(dice, ("fabric", "fabric", "fabric", "leather", "leather"))


def _shell(outline: Sequence[Sequence[float]] | np.ndarray, thick: float = 0.03) -> Part:
    """Turns an outline [(radius, z), …] from the brim's edge up to the top into a hollow hat `thick` thick."""
    outside = np.asarray(outline, dtype=float)
    inside = outside - np.array([thick * 0.5, thick])
    return lathe(np.vstack([outside, inside[::-1], outside[:1]]), _AROUND)


def _ribbon(dice: Dice, model: Model, radius: float, low: float, high: float, color: str, tilt: float = 0) -> None:
    """A band around the crown; `tilt` is how much narrower the crown gets over it."""
    cloth = fabric(dice, color)
    band = [(radius - 0.02, low), (radius + 0.025, low), (radius + 0.025 - tilt, high), (radius - 0.02 - tilt, high)]
    model.add(lathe([*band, band[0]], _AROUND), cloth)


def _other(dice: Dice, named: Named) -> str:
    return dice.choose([color for color in _RIBBONS if color != named.color])


def crowned_hat(dice: Dice) -> Thing:
    """A stiff brim and a crown: tall and flat (top hat) or round (bowler)."""
    named = _felt(dice)
    tall = dice.chance(0.6)
    radius, height = dice.uniform(0.45, 0.6), dice.uniform(0.7, 1.2) if tall else dice.uniform(0.45, 0.65)
    brim, curl, flare = dice.uniform(0.2, 0.4), dice.uniform(0, 0.15), dice.uniform(-0.05, 0.1) if tall else 0
    outline = [(radius + brim, curl), (radius + brim * 0.6, 0.02), (radius + 0.02, 0), (radius, 0.05)]
    if tall:
        steps = np.linspace(0.1, 1, 6)
        outline += [(radius - 0.03 * math.sin(t * math.pi) + flare * t, height * t) for t in steps]
        outline += [(radius + flare - 0.03, height + 0.02), (0.01, height + 0.02)]
    else:
        turn = np.linspace(0.15, math.pi / 2, 9)
        outline += [(radius * math.cos(t) ** 0.6 + 0.005, height * math.sin(t)) for t in turn]
    model = Model()
    shaped = _bent(_shell(outline), side_lift=dice.choose([0, 0.1]))
    model.add(shaped, named.surface)
    model.add(lathe([(0.01, 0.02), (radius - 0.03, 0.02)], _AROUND), plain(dice, (0.1, 0.09, 0.09), 0.9))
    detail = ""
    if dice.chance(0.7):
        color = _other(dice, named)
        _ribbon(dice, model, radius, 0.05, dice.uniform(0.17, 0.28), color)
        detail = f" with {article(color)} ribbon"
    return _thing(model, "top hat" if tall else "bowler hat", named, detail)


def _bent(part: Part, side_lift: float = 0, front_drop: float = 0) -> Part:
    """Lifts a brim at both sides and lets it sink at the front and behind; the crown stays."""
    vertices, faces = part
    x, y, z = vertices.T
    out = np.clip(np.hypot(x, y) - 0.55, 0, None) * (z < 0.35)
    lifted = z + side_lift * 6 * out * np.abs(x) ** 2 - front_drop * 4 * out * np.abs(y) ** 2
    return np.stack([x * (1 - 0.5 * side_lift * out), y, lifted], 1), faces


def cowboy_hat(dice: Dice) -> Thing:
    """A wide brim rolled up at the sides and a dented crown."""
    named = cover(dice, ("leather", "leather", "leather", "fabric", "fabric"))
    height, brim = dice.uniform(0.5, 0.75), dice.uniform(0.45, 0.7)
    steps = np.linspace(0.08, 1, 8)
    outline = [(0.5 + brim, 0.03), (0.5 + brim * 0.66, 0.02), (0.5 + brim * 0.33, 0), (0.5, 0.02)]
    outline += [(0.49 - 0.1 * t**2, height * t) for t in steps] + [
        (0.3, height + 0.04),
        (0.12, height + 0.03),
        (0.01, height),
    ]
    vertices, faces = _bent(_shell(outline), side_lift=dice.uniform(0.03, 0.1), front_drop=dice.uniform(0, 0.06))
    x, y, z = vertices.T
    up = np.clip(z / height, 0, 1) * (np.hypot(x, y) < 0.52)
    dent = 0.2 * up**3 * np.exp(-((x / 0.16) ** 2)) + 0.05 * up * (y < 0)
    pinch = 1 - 0.25 * up**2 * (y < 0) * np.clip(-y * 3, 0, 1)
    model = Model()
    stretched = np.stack([x * pinch * 0.92, y * 1.12, z - dent], 1)
    model.add((stretched, faces), named.surface)
    color = _other(dice, named)
    detail = ""
    if dice.chance(0.75):
        band = lathe([(0.48, 0.03), (0.525, 0.03), (0.515, 0.14), (0.47, 0.14), (0.48, 0.03)], _AROUND)
        model.add(band, fabric(dice, color), scale=(0.92, 1.12, 1))
        detail = f" with {article(color)} band"
    return _thing(model, "cowboy hat", named, detail)


def straw_hat(dice: Dice) -> Thing:
    """A round crown of straw over a wide, wavy brim, or a sombrero's turned-up one."""
    sombrero = dice.chance(0.3)
    radius, height = dice.uniform(0.42, 0.52), dice.uniform(0.4, 0.6) * (1.5 if sombrero else 1)
    brim, edge = dice.uniform(0.5, 0.85), dice.uniform(0.25, 0.4) if sombrero else dice.uniform(-0.15, 0.05)
    t = np.linspace(1, 0, 7)
    outline = [(radius + brim * u, edge * u**2.5) for u in t]
    power = 0.9 if sombrero else 0.5
    turn = np.linspace(0.1, math.pi / 2, 9)
    outline += [(radius * math.cos(a) ** power + 0.005, height * math.sin(a)) for a in turn]
    vertices, faces = _shell(_coiled(outline), 0.04)
    angle = np.arctan2(vertices[:, 1], vertices[:, 0])
    out = np.clip(np.hypot(*vertices[:, :2].T) - radius, 0, None)
    waves = dice.uniform(0, 0.12) * np.sin(angle * dice.integer(2, 4) + dice.uniform(0, 6)) * out
    model = Model()
    straw = _straw(dice)
    model.add((vertices + waves[:, None] * (0, 0, 1), faces), straw)
    color = dice.choose(_RIBBONS)
    _ribbon(dice, model, radius, 0.02, dice.uniform(0.1, 0.2), color)
    named = Named("straw", None, "", straw)
    return _thing(model, "sombrero hat" if sombrero else "hat", named, f" with {article(color)} ribbon")


def _coiled(outline: Sequence[Sequence[float]]) -> np.ndarray:
    """[N, 2]: the outline with a ridge for each turn of the braid that straw hats are sewn from."""
    points = np.array(outline)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    steps = np.linspace(0, length[-1], int(length[-1] / 0.03))
    even = np.stack([np.interp(steps, length, points[:, k]) for k in range(2)], 1)
    along = np.gradient(even, axis=0)
    out = np.stack([along[:, 1], -along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    ridges = 0.012 * (np.arange(len(even)) % 2)[:, None]
    return np.maximum(even + out * ridges, (0.01, -9))


def _straw(dice: Dice) -> Material:
    first = vary(dice, dice.choose([(0.80, 0.64, 0.36), (0.88, 0.76, 0.50), (0.70, 0.52, 0.28)]))
    return custom(dice, "voronoi", first, darker(first, 0.65), scale=22, stretch=(1, 1, 2), roughness=0.8, bump=0.3)


def bobble_hat(dice: Dice) -> Thing:
    """Knitted, with a turned-up edge and a bobble."""
    named = cover(dice, ("woollen",))
    model = Model()
    radius, height, cuff = dice.uniform(0.5, 0.62), dice.uniform(0.6, 1.0), dice.uniform(0.18, 0.32)
    turn = np.linspace(0, math.pi / 2, 12)
    dome = [(radius * math.cos(a) ** 0.7 + 0.005, cuff * 0.6 + height * math.sin(a)) for a in turn]
    ribs = (dice.integer(14, 22), 0.03)
    model.add(lathe([(radius * 0.98, 0.02), *dome], 88, ribs), named.surface)
    two = dice.chance(0.6)
    color = _other(dice, named) if two else named.color or "white"
    trim = wool(dice, color) if two else named.surface
    roll = [(radius, 0), (radius + 0.08, 0.03), (radius + 0.1, cuff / 2), (radius + 0.08, cuff), (radius, cuff + 0.02)]
    model.add(lathe([*roll, (radius - 0.06, cuff / 2), roll[0]], 88, ribs), trim)
    top = cuff * 0.6 + height
    detail = f" with {article(color)} edge" if two else ""
    if dice.chance(0.75):
        _bobble(dice, model, trim, top)
        detail = f" with {article(color)} bobble" if two else " with a bobble"
    return _thing(model, "hat", named, detail)


def _bobble(dice: Dice, model: Model, surface: Material, top: float) -> None:
    size = dice.uniform(0.17, 0.28)
    vertices, faces = sphere(28, 18)
    rough = 1 + dice.normal(0.06, len(vertices))
    model.add((vertices * rough[:, None], faces), surface, move=(0, 0, top + size * 0.7), scale=size)


def cap(dice: Dice) -> Thing:
    """A baseball cap, its peak to the front."""
    named = cover(dice, ("fabric", "fabric", "leather"))
    model = Model()
    height = dice.uniform(0.5, 0.65)
    turn = np.linspace(0, math.pi / 2, 12)
    dome = [(0.55 * math.cos(a) ** 0.75 + 0.005, height * math.sin(a)) for a in turn]
    model.add(lathe([(0.53, -0.02), *dome], _AROUND), named.surface, scale=(1, 1.1, 1))
    color = _other(dice, named) if dice.chance(0.5) else None
    trim = fabric(dice, color) if color else named.surface
    model.add(_peak(dice), trim)
    model.add(sphere(10, 8), trim, move=(0, 0, height + 0.01), scale=(0.05, 0.05, 0.03))
    seam = fabric(dice, darker(named.surface.mean_color, 0.6))
    for k in range(3):
        arch = [(0.555 * math.cos(a), 0, height * math.sin(a) ** 1.0) for a in np.linspace(0, math.pi, 25)]
        arch = [(math.copysign(0.56 * abs(x / 0.555) ** 0.75, x), 0, z + 0.005) for x, _, z in arch]
        turned = np.array(arch) @ rotation("z", math.pi / 3 * k + math.pi / 6).T * (1, 1.1, 1)
        model.add(tube(turned, 0.012, 6), seam)
    return _thing(model, "baseball cap", named, f" with {article(color)} peak" if color else "")


def _peak(dice: Dice) -> Part:
    """The sheet over the eyes, bent down at its sides."""
    length, sag = dice.uniform(0.45, 0.65), dice.uniform(0.05, 0.16)
    sections = []
    for t in np.linspace(-1, 1, 15):
        angle = t * 1.15
        inner = np.array([0.5 * math.sin(angle), -0.55 * math.cos(angle), 0.02])
        outer = inner + np.array([0.05 * t, -length * math.cos(t * math.pi / 2) ** 0.5 - 0.01, -sag * t * t - 0.05])
        lift = np.array([0, 0, 0.03])
        sections.append(np.array([inner, outer, outer + lift, inner + lift]))
    return loft(sections)


def wizard_hat(dice: Dice) -> Thing:
    """A tall cone that bends over, on a wide soft brim, with a buckle or with stars."""
    named = cover(dice, ("fabric", "fabric", "fabric", "leather"))
    radius, height, brim = dice.uniform(0.42, 0.55), dice.uniform(1.1, 1.7), dice.uniform(0.3, 0.6)
    steps = np.linspace(0, 1, 14)
    outline = [(radius + brim, dice.uniform(-0.08, 0.08)), (radius + brim * 0.5, 0.02), (radius + 0.03, 0)]
    outline += [(radius * (1 - t) ** 0.9 + 0.012, 0.03 + height * t) for t in steps]
    vertices, faces = _shell(outline)
    up = np.clip(vertices[:, 2:] / height, 0, 1)
    lean = np.array([dice.uniform(-0.6, 0.6), dice.uniform(-0.2, 0.4), -dice.uniform(0, 0.25)])
    kinks = 0.04 * np.sin(up * 14 + dice.uniform(0, 6)) * np.array([1, 0.4, 0]) * up
    model = Model()
    model.add((vertices + lean * up**2.5 + kinks, faces), named.surface)
    color = _other(dice, named)
    _ribbon(dice, model, radius, 0.04, 0.2, color, tilt=radius * 0.12)
    buckle = plain(dice, (0.85, 0.65, 0.25), 0.25, metallic=1)
    corners = [(-0.11, -0.1), (0.11, -0.1), (0.11, 0.1), (-0.11, 0.1), (-0.11, -0.1)]
    frame = [(x, -radius - 0.03 + 0.06 * z, 0.12 + z) for x, z in corners]
    model.add(tube(frame, 0.025, 6), buckle, False)
    return _thing(model, "witch hat" if dice.chance(0.5) else "wizard hat", named, f" with {article(color)} band")


def party_hat(dice: Dice) -> Thing:
    """A paper cone with dots or rings and a tuft."""
    color = dice.choose(_RIBBONS)
    second = dice.choose([other for other in ("white", "yellow", "pink", "blue", "red", "green") if other != color])
    paper = plastic(dice, color)
    model = Model()
    radius, height = dice.uniform(0.4, 0.55), dice.uniform(0.9, 1.4)
    model.add(lathe([(radius, 0), (0.01, height)], _AROUND), paper)
    ink = plastic(dice, second)
    if dice.chance(0.5):
        _dots(dice, model, ink, radius, height)
        pattern = "dots"
    else:
        count = dice.integer(3, 5)
        for k in range(count):
            low, high = (k + 0.4) / count, (k + 0.85) / count
            rings = [(radius * (1 - t) + 0.012, height * t) for t in (low, high)]
            model.add(lathe(rings, _AROUND), ink)
        pattern = "stripes"
    _bobble(dice, model, wool(dice, second), height - 0.08)
    named = Named(color, color, "", paper)
    return _thing(model, "party hat", named, f" with {second} {pattern}")


def _dots(dice: Dice, model: Model, ink: Material, radius: float, height: float) -> None:
    slope = math.atan2(radius, height)
    size = dice.uniform(0.06, 0.09)
    for row, up in enumerate((0.12, 0.35, 0.58)):
        for angle in ring_angles(9 - 2 * row) + row * 0.4:
            turn = rotation("z", angle) @ rotation("y", -slope)
            place = rotation("z", angle) @ np.array([radius * (1 - up), 0, height * up])
            model.add(sphere(12, 6), ink, rotate=turn, move=place, scale=(0.012, size, size))


def cook_hat(dice: Dice) -> Thing:
    """White, pleated, billowing at the top."""
    cloth = custom(dice, "noise", to_rgb("white"), mix("white", (0.75, 0.76, 0.8), 0.5), roughness=0.95, bump=0.1)
    model = Model()
    band, height, puff = dice.uniform(0.3, 0.55), dice.uniform(0.45, 0.7), dice.uniform(0.62, 0.85)
    model.add(lathe([(0.5, 0), (0.52, 0.01), (0.52, band), (0.5, band)], 64), cloth)
    path = curve([
        (0.5, 0, band - 0.02), (puff * 0.9, 0, band + height * 0.25), (puff, 0, band + height * 0.6),
        (puff * 0.75, 0, band + height * 0.95), (0.3, 0, band + height), (0.01, 0, band + height * 0.95),
    ], 20)  # fmt: skip
    ribs = (dice.integer(9, 14), dice.uniform(0.04, 0.08))
    model.add(lathe(path[:, [0, 2]], 112, ribs), cloth)
    return _thing(model, "chef hat", Named("white fabric", "white", "fabric", cloth))
