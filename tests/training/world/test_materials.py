"""Materials: every named one is a sound value, looks like its colour from afar, and differs from throw to throw."""

from __future__ import annotations

import numpy as np
import pytest

from training.world import materials
from training.world.colors import COLORS, darker, mix, to_linear, to_rgb, vary
from training.world.dice import Dice
from training.world.materials import COLORS_OF, MATERIAL_WORDS, TEXTURES, Material, named_material

MAKERS = [
    "bark", "brick", "ceramic", "clay", "copper", "dark_glass", "dough", "fabric", "frosting", "fruit_skin", "glaze",
    "gold", "leaf", "leather", "marble", "moss", "painted_metal", "petal_skin", "plain", "planks", "plaster", "plastic",
    "rubber", "rubble", "rusty_iron", "silver", "soil", "stone", "wicker", "wood", "wool",
]  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_is_sound_for_many_seeds(name: str) -> None:
    for seed in range(20):
        material = getattr(materials, name)(Dice(seed))
        assert material.texture in TEXTURES
        for color in (material.color, material.second, material.third or material.color, material.mean_color):
            assert all(0 <= channel <= 1 for channel in color)
        for share in ("roughness", "metallic", "bump", "coat", "subsurface", "specular"):
            assert 0 <= getattr(material, share) <= 1, share
        assert material.ramp[0] < material.ramp[1] and material.scale > 0


@pytest.mark.parametrize("name", MAKERS)
def test_follows_its_seed(name: str) -> None:
    make = getattr(materials, name)
    assert make(Dice(3)) == make(Dice(3))
    assert make(Dice(3)) != make(Dice(4))


@pytest.mark.parametrize("word", COLORS_OF)
def test_looks_like_its_colour_from_afar(word: str) -> None:
    """Nearer to the word's own colour, light or dark, than to any other saturated colour."""
    vivid = [
        color for color in ("red", "green", "blue", "yellow", "orange", "purple", "teal") if color in COLORS_OF[word]
    ]
    for color in vivid:
        seen = to_rgb(MATERIAL_WORDS[word](Dice(5), color).mean_color)
        angles = {other: _angle(seen, to_rgb(COLORS[other])) for other in vivid}
        assert min(angles, key=lambda other: angles[other]) == color


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    """Between two colours as directions: blind to lightness."""
    return float(np.arccos(np.clip(first @ second / np.linalg.norm(first) / np.linalg.norm(second), -1, 1)))


def test_there_are_words_and_functions_enough() -> None:
    assert len(MAKERS) >= 22
    assert {MATERIAL_WORDS[word].__name__ for word in MATERIAL_WORDS} <= set(MAKERS)
    assert set(COLORS_OF) <= set(MATERIAL_WORDS)


def test_a_named_material_says_what_it_is() -> None:
    for seed in range(40):
        named = named_material(Dice(seed), tuple(MATERIAL_WORDS))
        assert named.words == " ".join(word for word in (named.color, named.material) if word)
        assert (named.color is not None) == (named.material in COLORS_OF)


def test_arrays_become_tuples_and_an_unknown_texture_is_told() -> None:
    material = Material("noise", np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2, 0.3]))  # pyright: ignore[reportArgumentType]
    assert hash(material) == hash(Material("noise", (0.1, 0.2, 0.3), (0.1, 0.2, 0.3)))
    with pytest.raises(ValueError, match=r"'nois'.*noise, voronoi"):
        Material("nois", (0, 0, 0), (0, 0, 0))


def test_colours_add_up() -> None:
    np.testing.assert_allclose(to_linear((0, 0.5, 1)), (0, 0.21404, 1), atol=1e-5)
    np.testing.assert_allclose(mix("white", "black", 0.5), (to_rgb("white") + to_rgb("black")) / 2)
    np.testing.assert_allclose(darker((0.4, 0.5, 0.8), 2), (0.8, 1, 1))
    varied = np.array([vary(Dice(seed), "teal") for seed in range(200)])
    np.testing.assert_allclose(varied.mean(0), COLORS["teal"], atol=0.02)
