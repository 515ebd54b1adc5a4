"""Every kind of object, for many ids: a phrase in the captions' grammar and a sound, cheap mesh that its id decides."""

from __future__ import annotations

import numpy as np
import pytest

from training.world.colors import COLORS
from training.world.dice import Dice
from training.world.kinds import KINDS
from training.world.materials import MATERIAL_WORDS, METALS
from training.world.thing import GROUNDS, Thing, article

SEEDS = range(700, 708)
MOST_FACES = 15_000
_made: dict[str, list[Thing]] = {}


@pytest.fixture(params=sorted(KINDS))
def things(request: pytest.FixtureRequest) -> list[Thing]:
    """Some things of one kind, made once for all tests."""
    kind = request.param
    if kind not in _made:
        _made[kind] = [KINDS[kind](Dice(seed)) for seed in SEEDS]
    return _made[kind]


def test_kinds_stand_in_order() -> None:
    assert list(KINDS) == sorted(KINDS)


def test_the_phrase_follows_the_grammar(things: list[Thing]) -> None:
    for thing in things:
        first, *rest = thing.phrase.split()
        assert first == article(rest[0]).split()[0], thing.phrase
        assert thing.phrase == thing.phrase.strip() and "  " not in thing.phrase
        assert thing.kind in KINDS


def test_the_words_that_are_claimed_occur_in_the_phrase(things: list[Thing]) -> None:
    for thing in things:
        words = f" {thing.phrase.replace(',', ' ')} "
        if thing.color is not None:
            assert thing.color in COLORS or thing.color in METALS
            assert f" {thing.color} " in words, thing.phrase
        if thing.material is not None:
            assert thing.material in MATERIAL_WORDS
            assert f" {thing.material} " in words, thing.phrase


def test_grounds_are_known(things: list[Thing]) -> None:
    assert all(thing.grounds and set(thing.grounds) <= set(GROUNDS) for thing in things)


def test_the_mesh_is_sound_and_cheap(things: list[Thing]) -> None:
    for thing in things:
        mesh = thing.model.normalised()
        assert len(mesh.faces) <= MOST_FACES, f"{thing.phrase}: {len(mesh.faces)} faces"
        assert np.isfinite(mesh.vertices).all(), thing.phrase
        low, high = mesh.vertices.min(0), mesh.vertices.max(0)
        assert np.linalg.norm(mesh.vertices - (low + high) / 2, axis=1).max() == pytest.approx(1), thing.phrase
        assert low[2] == pytest.approx(0)
        assert min(len(face) for face in mesh.faces) >= 3
        assert max(max(face) for face in mesh.faces) < len(mesh.vertices)
        assert set(mesh.material_index) == set(range(len(mesh.materials))), f"{thing.phrase}: a material lies unused"


def test_the_same_id_gives_the_same_thing(things: list[Thing]) -> None:
    kind = next(name for name, made in _made.items() if made is things)
    for seed, thing in list(zip(SEEDS, things, strict=True))[:2]:
        again = KINDS[kind](Dice(seed))
        assert again.phrase == thing.phrase
        one, other = thing.model.mesh(), again.model.mesh()
        np.testing.assert_array_equal(one.vertices, other.vertices)
        assert one.faces == other.faces and one.materials == other.materials


def test_ids_give_different_things(things: list[Thing]) -> None:
    assert len({thing.phrase for thing in things}) >= 3, {thing.phrase for thing in things}
    assert len({thing.model.mesh().vertices.tobytes() for thing in things}) == len(things)
