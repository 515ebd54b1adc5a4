"""Chairs: with a frame, padded, of one shell, of wicker, on a swivelling foot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.world.dice import Dice
from training.world.furniture import LEG_STYLES, cover, curve, frame_material, leg, pillow, plank, rod
from training.world.materials import Material, Named, named_material, plastic, silver
from training.world.model import Model
from training.world.parts import lathe, loft, rotation, rounded_box, sphere
from training.world.thing import Thing, article

GROUNDS = ("floor", "floor", "plain", "plain", "none", "marble")
_FRAMES = ("wooden",) * 6 + ("golden", "silver", "copper", "rusty iron", "plastic", "marble", "stone")


def make(dice: Dice) -> Thing:
    style = dice.choose([frame_chair] * 5 + [armchair] * 4 + [shell_chair] * 2 + [wicker_chair, swivel_chair])
    return style(dice)


def _thing(model: Model, words: str, named: Named, detail: str = "") -> Thing:
    return Thing("chair", article(f"{named.words} {words}{detail}"), model, named.color, named.material, GROUNDS)


@dataclass(frozen=True)
class Frame:
    """Lengths of a chair with legs and an open back, seat middle at x = y = 0."""

    width: float
    depth: float
    seat: float  # height of the seat's top
    back: float  # height of the back above the seat
    rake: float  # how far the back's top leans back
    bow: float  # how far the back is bent away in its middle
    thick: float
    splay: float  # how far the feet stand out

    def on_back(self, across: float, up: float) -> np.ndarray:
        """[3]: across -1 to 1 from post to post, up 0 (the seat) to 1."""
        x = across * (self.width - self.thick) / 2
        y = (self.depth - self.thick) / 2 + self.rake * up + self.bow * (1 - across**2)
        return np.array([x, y, self.seat + self.back * up])

    def rail(self, up: float, reach: float = 1.0) -> np.ndarray:
        """[9, 3]: the path of a bar across the back."""
        return np.array([self.on_back(across, up) for across in np.linspace(-reach, reach, 9)])

    def foot(self, x: int, y: int) -> np.ndarray:
        """[3]: where the leg at the corner (x, y), each -1 or 1, meets the floor."""
        reach = np.array([self.width - self.thick, self.depth - self.thick]) / 2 + self.splay
        return np.array([x * reach[0], y * reach[1], 0.0])

    def corner(self, x: int, y: int) -> np.ndarray:
        """[3]: the top of that leg, at the seat."""
        inset = np.array([self.width - self.thick, self.depth - self.thick]) / 2
        return np.array([x * inset[0], y * inset[1], self.seat - 0.02])


def frame_chair(dice: Dice) -> Thing:
    """Four legs, a seat, an open back; at times arms, rockers, a cushion."""
    named = frame_material(dice, _FRAMES)
    frame = Frame(
        width=dice.uniform(0.7, 1.2),
        depth=dice.uniform(0.7, 1.05),
        seat=dice.uniform(0.6, 1.1),
        back=dice.uniform(0.55, 1.5),
        rake=dice.uniform(0, 0.3),
        bow=dice.choose([0, 0, 0.08, 0.14]),
        thick=dice.uniform(0.07, 0.13),
        splay=dice.choose([0, 0, 0.06, 0.14]),
    )
    model = Model()
    rocking = dice.chance(0.12)
    _legs(dice, model, frame, named.surface, rocking)
    detail = _seat(dice, model, frame, named)
    dice.choose([_slats, _slats, _ladder, _panel, _hoop, _cross])(dice, model, frame, named.surface)
    if dice.chance(0.3) or rocking:
        _arms(model, frame, named.surface)
    return _thing(model, "rocking chair" if rocking else "chair", named, detail)


def _legs(dice: Dice, model: Model, frame: Frame, surface: Material, rocking: bool) -> None:
    style = dice.choose(LEG_STYLES)
    for x in (-1, 1):
        for y in (-1, 1):
            part, smooth = leg(style, frame.corner(x, y), frame.foot(x, y), frame.thick)
            model.add(part, surface, smooth)
    if rocking:
        for x in (-1, 1):
            ends = np.linspace(-1.0, 1.05, 15)
            path = [(frame.foot(x, 1)[0], t * frame.depth, 0.22 * t**2 - 0.06) for t in ends]
            model.add(plank(path, frame.thick, frame.thick, (0, 0, 1)), surface, False)
    elif dice.chance(0.5):
        height = dice.uniform(0.2, 0.45)
        for a, b in (((-1, -1), (-1, 1)), ((1, -1), (1, 1)), ((-1, -1), (1, -1)), ((-1, 1), (1, 1))):
            ends = [frame.foot(*c) + (frame.corner(*c) - frame.foot(*c)) * height for c in (a, b)]
            model.add(rod(ends, frame.thick * 0.3, 8), surface)


def _seat(dice: Dice, model: Model, frame: Frame, named: Named) -> str:
    """The seat and perhaps a cushion; gives the words for it."""
    board = 0.08
    size = (frame.width + 0.04, frame.depth + 0.04, board)
    if dice.chance(0.25):
        model.add(pillow(size, square=2.6, flat=8), named.surface, move=(0, 0, frame.seat))
    else:
        model.add(rounded_box(0.02, size), named.surface, False, move=(0, 0, frame.seat))
    if not dice.chance(0.4):
        return ""
    cloth = cover(dice, ("fabric", "fabric", "leather", "woollen"), named.color)
    height = dice.uniform(0.1, 0.2)
    size = (frame.width - 0.02, frame.depth - frame.thick, height)
    model.add(pillow(size, square=6), cloth.surface, move=(0, -frame.thick / 2, frame.seat + height / 2))
    return f" with {article(cloth.words)} cushion"


def _posts(model: Model, frame: Frame, surface: Material) -> None:
    for side in (-1, 1):
        path = [frame.on_back(side, up) for up in (-0.03, 1)]
        model.add(plank(path, frame.thick, frame.thick), surface, False)


def _slats(dice: Dice, model: Model, frame: Frame, surface: Material) -> None:
    _posts(model, frame, surface)
    model.add(plank(frame.rail(0.94, 1.1), dice.uniform(0.12, 0.28), 0.07), surface, False)
    low = dice.choose([0.0, 0.2])
    if low:
        model.add(plank(frame.rail(low), 0.08, 0.06), surface, False)
    count = dice.integer(2, 6)
    wide = min(dice.uniform(0.05, 0.16), 0.75 * frame.width / (count + 1))
    for across in np.linspace(-1, 1, count + 2)[1:-1]:
        model.add(plank([frame.on_back(across, low), frame.on_back(across, 0.95)], wide, 0.04), surface, False)


def _ladder(dice: Dice, model: Model, frame: Frame, surface: Material) -> None:
    _posts(model, frame, surface)
    count = dice.integer(2, 4)
    wide = min(dice.uniform(0.1, 0.26), 0.7 * frame.back / count)
    for up in np.linspace(0.35, 0.92, count):
        model.add(plank(frame.rail(up), wide, 0.05), surface, False)


def _panel(dice: Dice, model: Model, frame: Frame, surface: Material) -> None:
    low = dice.choose([-0.02, 0.2])
    if low > 0:
        _posts(model, frame, surface)
    rows, half = [], np.array([0, 0.045, 0])
    for up in np.linspace(low, 1, 9):
        reach = 1.06 - 0.4 * max(up - 0.75, 0)  # a little narrower at the top
        front = [frame.on_back(across, up) - half for across in np.linspace(-reach, reach, 7)]
        behind = [frame.on_back(across, up) + half for across in np.linspace(reach, -reach, 7)]
        rows.append(np.array(front + behind))
    model.add(loft(np.array(rows)), surface, False)


def _hoop(dice: Dice, model: Model, frame: Frame, surface: Material) -> None:
    """A bent bow with thin rods, as on Windsor chairs."""
    angles = np.linspace(0, math.pi, 25)
    power = dice.uniform(0.35, 0.8)
    bow = [frame.on_back(math.cos(a), abs(math.sin(a)) ** power) for a in angles]
    model.add(rod(bow, frame.thick * 0.45, 10), surface)
    for across in np.linspace(-1, 1, dice.integer(4, 8) + 2)[1:-1]:
        top = math.sqrt(1 - across**2) ** power
        model.add(rod([frame.on_back(across, -0.02), frame.on_back(across, top)], frame.thick * 0.22, 8), surface)


def _cross(dice: Dice, model: Model, frame: Frame, surface: Material) -> None:
    _posts(model, frame, surface)
    model.add(plank(frame.rail(0.95, 1.06), 0.14, 0.07), surface, False)
    low = dice.choose([0.03, 0.25])
    for side in (-1, 1):
        path = [frame.on_back(side * s, low + (0.93 - low) * t) for s, t in ((-0.95, 0), (0, 0.5), (0.95, 1))]
        model.add(plank(path, 0.09, 0.05), surface, False)


def _arms(model: Model, frame: Frame, surface: Material) -> None:
    up = min(0.34 / frame.back, 0.55)
    for side in (-1, 1):
        behind = frame.on_back(side, up)
        front = np.array([side * (frame.width + 0.06) / 2, -frame.depth / 2 + 0.06, behind[2] + 0.02])
        model.add(plank([behind, front - (0, 0.08, 0)], frame.thick * 1.3, 0.06, (0, 0, 1)), surface, False)
        post = [(front[0] - side * 0.04, front[1], frame.seat), front]
        model.add(plank(post, frame.thick * 0.8, frame.thick * 0.8), surface, False)


def armchair(dice: Dice) -> Thing:
    """Padded all over, between arms."""
    cloth = cover(dice, ("fabric", "fabric", "leather", "leather", "woollen"))
    width, depth, seat = dice.uniform(0.75, 1.25), dice.uniform(0.8, 1.05), dice.uniform(0.42, 0.6)
    back, arm, feet = dice.uniform(0.65, 1.25), dice.uniform(0.16, 0.28), dice.uniform(0.08, 0.26)
    model = Model()
    body = seat - feet - 0.12
    model.add(rounded_box(0.05, (width, depth, body)), cloth.surface, move=(0, 0, feet + body / 2))
    model.add(pillow((width - 0.02, depth * 0.92, 0.26), square=7), cloth.surface, move=(0, -depth * 0.06, seat))
    lean = rotation("x", -dice.uniform(0.05, 0.28))
    rise = np.array([0, depth / 2, seat - 0.1])
    pad = pillow((width + arm * dice.choose([0, 1.6]), back + 0.2, 0.3), square=dice.choose([3, 5, 8]))
    upright = lean @ rotation("x", math.pi / 2)
    model.add(pad, cloth.surface, rotate=upright, move=rise + lean @ np.array([0, 0, back / 2]))
    if dice.chance(0.35):
        _buttons(dice, model, cloth.surface, lean, rise, width, back)
    _padded_arms(dice, model, cloth.surface, (width, depth, seat, arm, feet))
    if dice.chance(0.25):
        _wings(model, cloth.surface, lean, rise, width, back)
    foot = named_material(dice, ("wooden", "wooden", "golden", "silver"))
    for x in (-1, 1):
        for y in (-1, 1):
            top = (x * (width / 2), y * (depth / 2 - 0.08), feet + 0.05)
            part, smooth = leg("tapered", top, (x * (width / 2 + 0.03), y * (depth / 2 - 0.05), 0), 0.12)
            model.add(part, foot.surface, smooth)
    return _thing(model, "armchair", cloth, f" with {foot.words} legs" if feet > 0.14 else "")


def _buttons(
    dice: Dice, model: Model, surface: Material, lean: np.ndarray, rise: np.ndarray, width: float, back: float
) -> None:
    for row in range(2):
        for across in np.linspace(-0.3, 0.3, 3 + row % 2):
            place = rise + lean @ np.array([across * width, -0.135, back * (0.55 + 0.25 * row)])
            model.add(sphere(8, 6), surface, move=place, scale=0.035)


def _padded_arms(
    dice: Dice, model: Model, surface: Material, lengths: tuple[float, float, float, float, float]
) -> None:
    width, depth, seat, arm, feet = lengths
    top = seat + dice.uniform(0.16, 0.36)
    rolled = dice.chance(0.5)
    for side in (-1, 1):
        x = side * (width / 2 + arm / 2 - 0.04)
        height = top - feet
        if rolled:
            model.add(rounded_box(0.04, (arm * 0.75, depth, height)), surface, move=(x, 0, feet + height / 2))
            roll = [(x + side * 0.04, y, top) for y in (-depth / 2 - 0.03, depth / 2)]
            model.add(rod(roll, arm * 0.62, 20), surface)
        else:
            part = pillow((arm, depth + 0.04, height), square=9, flat=6)
            model.add(part, surface, move=(x, 0, feet + height / 2))


def _wings(model: Model, surface: Material, lean: np.ndarray, rise: np.ndarray, width: float, back: float) -> None:
    for side in (-1, 1):
        turned = lean @ rotation("z", side * 0.35)
        place = rise + lean @ np.array([side * (width / 2 + 0.03), -0.12, back * 0.68])
        model.add(pillow((0.13, 0.4, back * 0.65), square=5, flat=3), surface, rotate=turned, move=place)


def shell_chair(dice: Dice) -> Thing:
    """A moulded sheet, seat and back in one, on thin legs."""
    named = frame_material(dice, ("plastic",) * 4 + ("wooden", "leather", "fabric", "golden", "copper"))
    width, seat, back = dice.uniform(0.75, 1.15), dice.uniform(0.65, 0.9), dice.uniform(0.55, 1.1)
    profile = curve([
        (0, -0.52, seat - 0.06), (0, -0.4, seat), (0, 0, seat - 0.05), (0, 0.3, seat + 0.02),
        (0, 0.45, seat + 0.3), (0, 0.45 + dice.uniform(0.1, 0.25), seat + back),
    ], 22)  # fmt: skip
    curl, taper = dice.uniform(0.05, 0.45), dice.uniform(0, 0.35)
    model = Model()
    model.add(loft(_shell_sections(profile, width, curl, taper)), named.surface)
    legs = named_material(dice, ("wooden", "wooden", "silver", "golden", "copper"))
    splay = dice.uniform(0.05, 0.25)
    for x in (-1, 1):
        for y in (-1, 1):
            top = (x * width * 0.25, y * 0.22, seat - 0.03)
            foot = (x * (width * 0.32 + splay), y * (0.32 + splay), 0)
            model.add(leg("round", top, foot, 0.09)[0], legs.surface)
    detail = "" if legs.material == named.material else f" with {legs.words} legs"
    return _thing(model, "chair", named, detail)


def _shell_sections(profile: np.ndarray, width: float, curl: float, taper: float) -> np.ndarray:
    """[S, 26, 3]: rings around the sheet, its upper side first."""
    along = np.gradient(profile, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.cross([1.0, 0, 0], along)
    u = np.linspace(0, 1, len(profile))
    half = (
        width / 2 * (1 - taper * np.clip(u - 0.5, 0, 1) * 2) * np.minimum(1, 3.2 * np.sqrt(np.minimum(u, 1 - u) + 0.02))
    )
    w = np.linspace(-1, 1, 13)
    lift = curl * w**4 * np.sin(np.pi * np.clip(u * 1.05, 0, 1))[:, None] ** 0.7 * half[:, None]
    middle = (
        profile[:, None] + np.array([1.0, 0, 0]) * (half[:, None] * w)[..., None] + normal[:, None] * lift[..., None]
    )
    thick = 0.03 * normal[:, None]
    return np.concatenate([middle + thick, (middle - thick)[:, ::-1]], axis=1)


def wicker_chair(dice: Dice) -> Thing:
    """A basket around the sitter, higher behind."""
    named = Named("wicker", None, "wicker", named_material(dice, ("wicker",)).surface)
    seat, back, arm, reach = (
        dice.uniform(0.45, 0.65),
        dice.uniform(0.6, 1.3),
        dice.uniform(0.1, 0.3),
        dice.uniform(0.48, 0.65),
    )
    model = Model()
    model.add(
        lathe([(0.01, 0), (reach * 0.85, 0), (reach * 0.7, seat * 0.5), (reach, seat), (0.01, seat)], 32), named.surface
    )
    turn = np.linspace(-2.2, 2.2, 33)  # from the back on both sides
    sections = []
    for angle in turn:
        rise = seat + arm + (back - arm) * max(math.cos(angle * 0.72), 0) ** 1.5
        flare = 1 + 0.18 * (rise - seat)
        out = np.array([math.sin(angle), math.cos(angle), 0])
        ring = [(0.98, seat - 0.05), (flare, rise), (flare + 0.1, rise), (1.08, seat - 0.05)]
        sections.append(np.array([out * reach * r + (0, 0, z) for r, z in ring]))
    model.add(loft(sections), named.surface, False)
    rim = [(s[1] + s[2]) / 2 for s in sections]
    model.add(rod(rim, 0.06, 10), named.surface)
    cloth = cover(dice, ("fabric", "woollen"))
    model.add(pillow((reach * 1.8, reach * 1.8, 0.2), square=2), cloth.surface, move=(0, 0, seat + 0.06))
    return _thing(model, "chair", named, f" with {article(cloth.words)} cushion")


def swivel_chair(dice: Dice) -> Thing:
    """An office chair on a star with casters."""
    cloth = cover(dice, ("leather", "leather", "fabric", "plastic"))
    width, seat, back = dice.uniform(0.8, 1.0), dice.uniform(0.75, 0.95), dice.uniform(0.75, 1.2)
    dark = silver(dice) if dice.chance(0.4) else plastic(dice, "black")
    model = Model()
    for k in range(5):
        out = np.array([math.sin(2 * math.pi * k / 5), math.cos(2 * math.pi * k / 5), 0])
        model.add(rod([(0, 0, 0.22), out * 0.55 + (0, 0, 0.13)], [0.06, 0.04], 8), dark)
        model.add(sphere(12, 8), dark, move=out * 0.55 + (0, 0, 0.065), scale=0.075)
    model.add(rod([(0, 0, 0.15), (0, 0, seat)], [0.07, 0.05], 12), dark)
    model.add(pillow((width, 0.9, 0.22), square=4), cloth.surface, move=(0, 0, seat + 0.05))
    upright = rotation("x", math.pi / 2 - 0.15)
    model.add(plank([(0, 0.3, seat), (0, 0.5, seat), (0, 0.55, seat + 0.5)], 0.14, 0.05), dark, False)
    middle = (0, 0.5, seat + 0.25 + back / 2)
    model.add(pillow((width * 0.92, back, 0.2), square=4), cloth.surface, rotate=upright, move=middle)
    if dice.chance(0.6):
        for side in (-1, 1):
            x = side * (width / 2 + 0.05)
            bow = curve([(side * 0.3, 0, seat - 0.02), (x, 0, seat), (x, 0, seat + 0.3)], 10)
            model.add(rod(bow, 0.035, 8), dark)
            model.add(rounded_box(0.03, (0.12, 0.5, 0.07)), dark, move=(x, -0.03, seat + 0.32))
    return _thing(model, "office chair", cloth)
