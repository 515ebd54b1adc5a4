"""An object in a material that nobody makes it of: "a marble chair", "a knitted car", "a golden apple".

If cars are always painted and houses always of brick, a prior learns the word as a part of the object. Where the same
object stands there in one material after another, and in colours that leave the material open, only the word tells.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.world.colors import COLORS
from training.world.dice import Dice
from training.world.materials import COLORS_OF, MATERIAL_WORDS, METALS, Material
from training.world.model import Mesh
from training.world.thing import Thing, article
from training.world.true_mesh import triangles

WHOLE = 0.5  # of the time every part changes, else only the one of which there is most
MAIN = 0.6  # share of the surface from which a part may change alone: a smaller one is often the plate, or the fins
PAINTED = 0.4  # of the time a material that has a colour of its own gets another: painted brick, stained wood
KNITTED = "knitted"  # as often said as "woollen"


def dressed(thing: Thing, mesh: Mesh, dice: Dice) -> tuple[Thing, list[Material]]:
    """The object's words and materials in another dress; the normalised mesh tells how large each part is."""
    material = dice.choose([word for word in MATERIAL_WORDS if word != thing.material])
    color = _color(dice, material)
    areas = slot_areas(mesh)
    largest = int(np.argmax(areas))
    alone = areas[largest] / areas.sum() >= MAIN and not dice.chance(WHOLE)
    materials = [
        MATERIAL_WORDS[material](dice, color) if slot == largest or not alone else old
        for slot, old in enumerate(mesh.materials)
    ]
    said = KNITTED if material == "woollen" and dice.chance(0.5) else material
    words = f"{color} {said}" if color else said
    details = thing.phrase.partition(" with ")[2] if alone else ""
    phrase = article(f"{words} {thing.kind}") + (f" with {details}" if details else "")
    return replace(thing, phrase=phrase, color=color, material=material), materials


def _color(dice: Dice, material: str) -> str | None:
    """A colour word that stands before the material, or None for its own colour."""
    if material in METALS:
        return None
    if material in COLORS_OF:
        return dice.choose(COLORS_OF[material])
    return dice.choose(tuple(COLORS)) if dice.chance(PAINTED) else None


def slot_areas(mesh: Mesh) -> np.ndarray:
    """The surface of each material [M]."""
    faces, slots = triangles(mesh)
    a, b, c = (mesh.vertices[faces[:, k]] for k in range(3))
    return np.bincount(slots, np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2, len(mesh.materials))
