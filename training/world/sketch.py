"""A sketch of an object as a hand draws it in virtual reality: ribbons sweep over surfaces, ropes are thin parts.

The strokes stand where the object stands, so that silhouettes can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from training.world.dice import Dice
from training.world.model import Mesh
from training.world.sketching.brushes import Drawing
from training.world.sketching.fields import circles, field_for
from training.world.sketching.foliage import Hull, crowded
from training.world.sketching.pieces import Piece, pieces_of
from training.world.sketching.rods import Rod, rod_of
from training.world.sketching.sweeps import Cloud, sweep_over

COLORS = 6  # at most so many pots of paint
ALIKE = 0.12  # sRGB distance under which two colours come out of one pot
POINTS = 4  # samples along a stroke's width
THICKEST_ROPE = 1.9  # widths; what is thicker is swept over
SMALL = 3.5  # widths; smaller pieces that crowd together are foliage
FINEST = 0.45  # widths; what is smaller than this a hand leaves out
MOST_DABS = 400  # a hand loses patience
FEWEST_LEAVES = 80  # that are drawn as one crown
CROWN_SHARE = 0.3  # of an object's surface that is leaves, from which it has a crown
CROWN = 1.4  # how much wider the brush for foliage is
SHOWN = 0.15  # share of a piece that must be seen for it to be drawn


@dataclass(frozen=True)
class Hand:
    """One person's way of drawing one object; lengths in radii."""

    width: float  # of a ribbon
    spacing: float  # widths between neighbouring strokes
    longest: float  # after which the brush is set down
    jitter: float  # tremble


def sketch_glb(mesh: Mesh, dice: Dice) -> bytes:
    """A normalised object, drawn: a GLB with one mesh for each brush, Y-up metres, vertex colours, no materials."""
    hand = _hand(mesh, dice)
    drawing = Drawing(dice.generator, hand.jitter)
    pieces = [piece for piece in pieces_of(mesh, hand.width / POINTS) if len(piece.points)]
    area = np.bincount([p.material for p in pieces], [p.area for p in pieces], len(mesh.materials))
    colors = _pots(np.array([material.mean_color for material in mesh.materials]), area)
    shown = [piece for piece in pieces if piece.seen.mean() > SHOWN or piece.seen.sum() > 2 * POINTS**2]
    leaves, others = _crowd(shown, hand)
    if leaves:
        hull = Hull(np.concatenate([leaf.points for leaf in leaves]), 0.9 * hand.width)
        _draw_foliage(drawing, leaves, hull, colors, hand, dice)
        others = _outside(others, hull)
    dabs = 0
    for piece in sorted(others, key=lambda piece: -piece.size):
        small = piece.size <= SMALL * hand.width
        if small and dabs >= MOST_DABS:
            continue
        rod = rod_of(piece, THICKEST_ROPE * hand.width)
        if rod is None and piece.area > hand.width**2:
            _draw_surface(drawing, piece, colors[piece.material], hand, dice)
        elif rod and (not small or _worth_a_dab(piece, rod, hand)):
            dabs += small
            _draw_rod(drawing, rod, colors[piece.material], hand, dice)
    return drawing.glb()


def _hand(mesh: Mesh, dice: Dice) -> Hand:
    """Slender objects are drawn with a finer brush."""
    bulk = float(np.ptp(mesh.vertices, axis=0).prod()) ** (1 / 3)
    width = dice.uniform(0.06, 0.1) * float(np.clip(bulk / 1.2, 0.6, 1.1))
    return Hand(width, dice.uniform(0.98, 1.12), dice.uniform(2.0, 7.0), width * dice.uniform(0.02, 0.06))


def _pots(colors: np.ndarray, area: np.ndarray) -> np.ndarray:
    """For each colour [M, 3] the one of few that the hand takes for it; area [M] says how much of it there is.

    Like colours come out of one pot, and if there are too many pots still, the least used goes into its likest. A pot
    has the colour of which there is most.
    """
    pots = [[index] for index in np.argsort(-area)]
    while len(pots) > 1:
        first = colors[[pot[0] for pot in pots]]
        apart = np.linalg.norm(first[:, None] - first, axis=2) + np.diag(np.full(len(pots), np.inf))
        a, b = divmod(int(np.argmin(apart)), len(pots))
        if apart[a, b] > ALIKE:
            if len(pots) <= COLORS:
                break
            b = int(np.argmin([area[pot].sum() for pot in pots]))
            a = int(np.argmin(apart[b]))
        kept, gone = (pots[k] for k in (min(a, b), max(a, b)))  # the pots stay sorted by their first colour's area
        kept += gone
        pots.remove(gone)
    taken = np.empty_like(colors)
    for pot in pots:
        taken[pot] = colors[pot[0]]
    return taken


def _crowd(pieces: list[Piece], hand: Hand) -> tuple[list[Piece], list[Piece]]:
    """Small sheets that crowd together, and all other pieces."""
    small = [piece for piece in pieces if piece.size < SMALL * hand.width and _is_leaf(piece)]
    if len(small) < FEWEST_LEAVES:
        return [], pieces
    places = np.array([piece.points.mean(axis=0) for piece in small])
    area = np.array([piece.area for piece in small])
    crowd = crowded(places, area, 2 * float(np.median([piece.size for piece in small])))
    if crowd.mean() < 0.5 or area[crowd].sum() < CROWN_SHARE * sum(piece.area for piece in pieces):
        return [], pieces
    leaves = [piece for piece, one in zip(small, crowd, strict=True) if one]
    among = {id(piece) for piece in leaves}
    return leaves, [piece for piece in pieces if id(piece) not in among]


def _is_leaf(piece: Piece) -> bool:
    """A broad sheet of few triangles: needles and spines are slender, petals are finely bent."""
    return piece.open and len(piece.faces) <= 12 and piece.area > 0.12 * piece.size**2


def _outside(pieces: list[Piece], hull: Hull) -> list[Piece]:
    """The pieces as they are seen where foliage is around them."""
    pieces = [replace(piece, seen=piece.seen & ~hull.holds(piece.points)) for piece in pieces]
    return [piece for piece in pieces if piece.seen.mean() > SHOWN]


def _draw_foliage(
    drawing: Drawing, leaves: list[Piece], hull: Hull, colors: np.ndarray, hand: Hand, dice: Dice
) -> None:
    """Sweeps around the hull of all leaves, each in the colour of the leaf under its middle."""
    points = np.concatenate([leaf.points for leaf in leaves])
    material = np.concatenate([np.full(len(leaf.points), leaf.material) for leaf in leaves])
    width = CROWN * hand.width
    places, normals = hull.surface(width / POINTS, dice.generator)
    tilt = dice.normal(0.25, 3) + np.array([0, 0, 1])
    field = circles(places.mean(axis=0), tilt / np.linalg.norm(tilt))
    for sweep in sweep_over(Cloud(places, normals, width), field, dice.generator, hand.spacing, hand.longest):
        nearest = np.argmin(((points - sweep.points[len(sweep.points) // 2]) ** 2).sum(axis=1))
        drawing.ribbon(sweep.points, sweep.normals, width, colors[material[nearest]])


def _draw_surface(drawing: Drawing, piece: Piece, color: np.ndarray, hand: Hand, dice: Dice) -> None:
    """Sweeps over what can be seen of a piece."""
    points, normals = piece.points[piece.seen], piece.normals[piece.seen]
    field = field_for(piece.points, piece.normals, dice)
    for sweep in sweep_over(Cloud(points, normals, hand.width), field, dice.generator, hand.spacing, hand.longest):
        drawing.ribbon(sweep.points, sweep.normals, hand.width, color)


def _worth_a_dab(piece: Piece, rod: Rod, hand: Hand) -> bool:
    length, thickness = piece.size, 2 * float(np.median(rod.halves[:, 0]))
    return length > FINEST * hand.width and (thickness > 0.3 * FINEST * hand.width or length > 2 * hand.width)


def _draw_rod(drawing: Drawing, rod: Rod, color: np.ndarray, hand: Hand, dice: Dice) -> None:
    """A band for a sheet, one rope for what is round, a few side by side for what is broad."""
    wide, narrow = (float(np.median(rod.halves[:, k])) for k in range(2))
    thinnest = 0.15 * hand.width
    if rod.flat:
        facing = np.cross(np.gradient(rod.points, axis=0), rod.wide)
        drawing.ribbon(rod.points, facing, 2 * np.maximum(rod.halves[:, 0], thinnest), color)
        return
    length = float(np.linalg.norm(np.diff(rod.points, axis=0), axis=1).sum())
    ropes = int(np.clip(round(wide / max(narrow, thinnest)), 1, 3)) if length > 2.5 * wide else 1
    radii = rod.radii if ropes == 1 else np.maximum(rod.halves[:, 1], rod.halves[:, 0] / ropes)
    for k in range(ropes):
        aside = (2 * k + 1 - ropes) / ropes * rod.halves[:, :1] * rod.wide
        drawing.tube(rod.points + aside, np.maximum(radii * dice.uniform(0.95, 1.1), thinnest), color)
