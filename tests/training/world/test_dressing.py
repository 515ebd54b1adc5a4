"""Objects in other materials: what is said of them is what they wear."""

from __future__ import annotations

import numpy as np
import pytest

from training.world import dressing
from training.world.colors import COLORS
from training.world.dice import Dice
from training.world.dressing import KNITTED, MAIN, dressed, slot_areas
from training.world.kinds import KINDS
from training.world.materials import COLORS_OF, MATERIAL_WORDS, METALS, Material, plain
from training.world.model import Mesh, Model
from training.world.parts import box
from training.world.thing import Thing, article

DRESSES = 12
Dress = tuple[Thing, Mesh, Thing, list[Material]]  # as it was, and as it is


@pytest.fixture(scope="module")
def dresses() -> list[Dress]:
    """Some of every kind."""
    made = []
    for number, make in enumerate(KINDS.values()):
        thing = make(Dice(number))
        mesh = thing.model.normalised()
        made += [(thing, mesh, *dressed(thing, mesh, Dice(100 * number + k))) for k in range(DRESSES)]
    return made


def marks(material: Material) -> tuple[object, ...]:
    """What tells a material from the others, whatever its colour and its dice."""
    return material.texture, material.bump, material.specular, material.detail, material.metallic, material.fine


def changed(mesh: Mesh, materials: list[Material]) -> list[int]:
    return [slot for slot, (old, new) in enumerate(zip(mesh.materials, materials, strict=True)) if old != new]


def test_the_phrase_names_colour_and_material(dresses: list[Dress]) -> None:
    for before, _, after, _ in dresses:
        assert after.kind == before.kind and after.material != before.material
        assert after.material in MATERIAL_WORDS
        materials = ("woollen", KNITTED) if after.material == "woollen" else (after.material,)
        color = f"{after.color} " if after.color else ""
        assert after.phrase.split(" with ")[0] in {article(f"{color}{word} {after.kind}") for word in materials}


def test_colours_are_those_that_the_material_comes_in(dresses: list[Dress]) -> None:
    for *_, after, _ in dresses:
        if after.material in METALS:
            assert after.color is None
        elif after.material in COLORS_OF:
            assert after.color in COLORS_OF[after.material]
        else:
            assert after.color is None or after.color in COLORS
    painted = [after.color for *_, after, _ in dresses if after.material in ("brick", "wooden", "stone", "wicker")]
    assert 0.2 < np.mean([color is not None for color in painted]) < 0.6


def test_the_parts_that_change_are_of_what_is_said(dresses: list[Dress]) -> None:
    for _, mesh, after, materials in dresses:
        assert after.material is not None
        samples = [MATERIAL_WORDS[after.material](Dice(k), after.color) for k in range(25)]
        colors = np.array([sample.mean_color for sample in samples])
        for slot in changed(mesh, materials):
            assert marks(materials[slot]) in {marks(sample) for sample in samples}, after.phrase
            assert np.abs(colors - materials[slot].mean_color).max(axis=1).min() < 0.12, after.phrase


def test_the_largest_part_changes_and_the_others_only_all_together(dresses: list[Dress]) -> None:
    alone = 0
    for _, mesh, _, materials in dresses:
        areas, slots = slot_areas(mesh), changed(mesh, materials)
        assert len(materials) == len(mesh.materials) == len(areas)
        assert int(np.argmax(areas)) in slots
        assert len(slots) in (1, len(materials))
        if len(slots) < len(materials):
            alone += 1
            assert areas.max() >= MAIN * areas.sum(), "a mere detail was changed"
            assert all(materials[slot] is mesh.materials[slot] for slot in range(len(materials)) if slot not in slots)
    assert 0.1 < alone / len(dresses) < 0.6


def test_details_are_named_where_their_parts_stay(dresses: list[Dress]) -> None:
    kept = 0
    for before, mesh, after, materials in dresses:
        details = after.phrase.partition(" with ")[2]
        if details:
            kept += 1
            assert before.phrase.endswith(f" with {details}")
            assert len(changed(mesh, materials)) == 1
        elif len(changed(mesh, materials)) < len(materials):
            assert " with " not in before.phrase
    assert kept > 5


def test_the_same_dice_give_the_same_dress() -> None:
    thing = KINDS["chair"](Dice(3))
    mesh = thing.model.normalised()
    own = list(mesh.materials)
    (one, first), (other, second) = (dressed(thing, mesh, Dice(8)) for _ in range(2))
    assert first == second and one.phrase == other.phrase
    assert len({dressed(thing, mesh, Dice(seed))[0].phrase for seed in range(20)}) > 10
    assert mesh.materials == own, "the object's own materials are not touched"


def test_wool_is_also_called_knitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dressing, "MATERIAL_WORDS", {"woollen": MATERIAL_WORDS["woollen"]})
    thing = KINDS["mug"](Dice(1))
    mesh = thing.model.normalised()
    things = [dressed(thing, mesh, Dice(seed))[0] for seed in range(30)]
    assert {after.material for after in things} == {"woollen"}
    assert 5 < sum(KNITTED in after.phrase for after in things) < 25


def test_parts_are_as_large_as_their_surface() -> None:
    model = Model()
    model.add(box(), plain(Dice(1), "red"), scale=(2, 1, 3))
    model.add(box(), plain(Dice(2), "blue"))
    np.testing.assert_allclose(slot_areas(model.mesh()), (22, 6))
