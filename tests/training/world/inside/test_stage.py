"""What Blender knows of a view agrees with what was put on the stage; run by ../test_stage.py in Blender's Python."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from training.world.colors import COLORS, to_linear
from training.world.dice import Dice
from training.world.materials import Material, plain
from training.world.model import Mesh, Model
from training.world.parts import box, sphere
from training.world.passes import FRESNEL, Passes, exposure, light_of, neutral
from training.world.scene import Stage
from training.world.surroundings import ENVIRONMENTS, Environment, Sun, Surroundings, ground_material
from training.world.views import View

SIZE, LEVEL = 48, 0.8
FRONT = View("front view", 0.0, 15.0, 3.1, (0.0, 0.0, 1.0))
PALE = (0.75, 0.75, 0.75)
SKY = Surroundings("", None, PALE, PALE, 1.0, None, None, None, LEVEL)
SUNNY = replace(SKY, sky_strength=0.3, sun=Sun((0.5, -0.5, 0.7), 5.0, 4.0, (1.0, 0.85, 0.7)))


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(SIZE)


def ball(material: Material) -> Mesh:
    model = Model()
    model.add(sphere(), material)
    return model.normalised()


def two_cubes(left: Material, right: Material) -> Mesh:
    """Side by side, as the front view shows them."""
    model = Model()
    model.add(box(), left, smooth=False, move=(-0.6, 0, 0.5))
    model.add(box(), right, smooth=False, move=(0.6, 0, 0.5))
    return model.normalised()


def seen(stage: Stage, around: Surroundings, view: View = FRONT, transparent: bool = True) -> Passes:
    stage.dress(around)
    return stage.photograph(view, seed=1, transparent=transparent)


def linear(image: Image.Image) -> np.ndarray:
    return to_linear(np.asarray(image)[..., :3] / 255)


def whole(passes: Passes) -> np.ndarray:
    """Pixels [S, S] that show nothing but the object."""
    return np.asarray(passes.base)[..., 3] == 255


def light(passes: Passes) -> np.ndarray:
    """Linear [S, S, 3]."""
    return light_of(np.asarray(passes.light.resize(passes.picture.size, Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("around", [SKY, SUNNY], ids=["sky", "sun"])
@pytest.mark.parametrize("color", ["grey", "red", "white"])
def test_a_picture_is_its_base_colour_times_its_light(stage: Stage, color: str, around: Surroundings) -> None:
    """Of what mirrors nothing, but for the tone; else what is mirrored makes up for some of what the tone takes."""
    for specular in (0.0, 0.5):
        stage.show(ball(plain(Dice(1), color, roughness=0.9, specular=specular)))
        passes = seen(stage, around)
        shaded = linear(passes.base) * light(passes)
        assert whole(passes).mean() > 0.2
        if not specular:
            gap = (linear(passes.picture) - neutral(shaded))[whole(passes)]
            assert np.abs(gap.mean(axis=0)).max() < 0.01
            assert np.quantile(np.abs(gap), 0.9) < 0.03
        gap = (linear(passes.picture) - shaded)[whole(passes)]
        assert np.abs(gap.mean(axis=0)).max() < 1.1 * FRESNEL


def test_the_light_is_the_lamps_whatever_the_object_is_made_of(stage: Stage) -> None:
    lights = []
    for color in ("black", "yellow"):
        stage.show(ball(plain(Dice(1), color)))
        passes = seen(stage, SUNNY)
        lights.append(light(passes)[whole(passes)])
    np.testing.assert_allclose(*lights, atol=0.05)
    red, _, blue = lights[0].mean(axis=0)
    assert red > 1.05 * blue, "the sun is yellowish"
    assert passes.light.size == (SIZE // 2, SIZE // 2)
    assert exposure(light(passes), whole(passes).astype(float), LEVEL) == pytest.approx(1, abs=0.05)


def test_every_part_keeps_its_material_and_changes_it_alone(stage: Stage) -> None:
    words = [("red", "blue"), ("green", "blue"), ("yellow", "purple")]
    worn = [[plain(Dice(1), left), plain(Dice(2), right)] for left, right in words]
    stage.show(two_cubes(*worn[0]))
    for colors, materials in zip(words, worn, strict=True):
        stage.wear(materials)
        passes = seen(stage, SKY)
        for half, color in zip((np.s_[:, : SIZE // 2 - 2], np.s_[:, SIZE // 2 + 2 :]), colors, strict=True):
            mean = np.asarray(passes.base)[half][whole(passes)[half]][:, :3].mean(axis=0) / 255
            np.testing.assert_allclose(mean, COLORS[color], atol=0.1)


def test_the_surface_is_told(stage: Stage) -> None:
    rough, metal = plain(Dice(1), "grey", roughness=0.8), plain(Dice(2), "grey", roughness=0.3, metallic=1.0)
    stage.show(two_cubes(rough, metal))
    passes = seen(stage, SKY)
    surface = np.asarray(passes.surface) / 255
    for half, material in ((np.s_[:, : SIZE // 2 - 2], rough), (np.s_[:, SIZE // 2 + 2 :], metal)):
        roughness, metallic, nothing = surface[half][whole(passes)[half]].mean(axis=0)
        assert roughness == pytest.approx(material.roughness, abs=0.05)
        assert metallic == pytest.approx(material.metallic, abs=0.02)
        assert nothing == 0


def test_a_ground_shows_in_the_picture_and_nowhere_else(stage: Stage) -> None:
    stage.show(ball(plain(Dice(1), "blue")))
    far = replace(FRONT, distance=4.5)
    lonely = seen(stage, SKY, far)
    grounded = seen(stage, replace(SKY, ground=ground_material(Dice(1), "grass")), far, transparent=False)
    assert (lonely.picture.mode, grounded.picture.mode) == ("RGBA", "RGB")
    corner = np.s_[-4:, :4]
    red, green, blue = np.asarray(grounded.picture)[corner].reshape(-1, 3).mean(axis=0)
    assert green > red > blue, "grass"
    coverages = [np.asarray(passes.base)[..., 3].astype(float) for passes in (lonely, grounded)]
    assert np.abs(coverages[0] - coverages[1]).mean() < 1
    assert light(grounded)[corner].max() == 0


def test_a_photograph_leaves_all_as_it_was(stage: Stage) -> None:
    stage.show(ball(plain(Dice(1), "blue")))
    around = replace(SKY, ground=ground_material(Dice(1), "sand"))
    first, second = (seen(stage, around, transparent=False) for _ in range(2))
    for name in ("picture", "light", "base", "surface"):
        np.testing.assert_array_equal(np.asarray(getattr(first, name)), np.asarray(getattr(second, name)))


def test_blender_has_every_environment(stage: Stage) -> None:
    """Raises RuntimeError for a picture that is not there."""
    for name in ENVIRONMENTS:
        stage.dress(replace(SKY, environment=Environment(name, 0.0)))


def test_a_turned_environment_lights_from_elsewhere(stage: Stage) -> None:
    stage.show(ball(plain(Dice(1), "white")))
    sides = []
    for turn in (0.0, 180.0):
        shown = light(seen(stage, replace(SKY, environment=Environment("sunset", turn)))).mean(axis=(0, 2))
        sides.append(np.log(shown[SIZE // 4] / shown[-SIZE // 4]))
    assert sides[0] * sides[1] < 0 and min(np.abs(sides)) > 0.1
    plain_sky = light(seen(stage, SKY)).mean(axis=(0, 2))
    assert abs(np.log(plain_sky[SIZE // 4] / plain_sky[-SIZE // 4])) < 0.05, "the environment has stayed"
