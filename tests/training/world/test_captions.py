"""Sentences for pictures."""

from __future__ import annotations

import numpy as np

from training.world.captions import VIEWS, caption, wordings
from training.world.dice import Dice
from training.world.parts import sphere
from training.world.surroundings import (
    ENVIRONMENTS,
    GROUND_WORDS,
    LEVELS,
    draw_scene,
    draw_transparent,
)
from training.world.thing import GROUNDS
from training.world.views import draw_view, view_word

BALL = sphere()[0] + (0, 0, 1)  # an object that stands on the ground


def test_a_caption_names_what_where_and_from_where() -> None:
    full = caption("a red mug", "side view", " on grass, blue sky")
    assert full == "a photo of a red mug on grass, blue sky, side view"
    assert caption("a red mug") == "a photo of a red mug"
    assert caption("a red mug", "close-up", medium="a sketch of") == "a sketch of a red mug, close-up"


def test_wordings_go_from_the_longest_on_and_never_repeat() -> None:
    forms = wordings("a vase", "front view", ", white background")
    assert forms[0] == "a photo of a vase, white background, front view"
    assert len(set(forms)) == len(forms) == 6
    assert all("a vase" in form for form in forms)
    assert len(wordings("a vase", "front view")) == 4


def test_view_words() -> None:
    assert [view_word(azimuth, 10) for azimuth in (0, 44, -90, 134, 180, -136)] == [
        "front view", "front view", "side view", "side view", "back view", "back view"
    ]  # fmt: skip
    assert view_word(0, 70) == "overhead view"
    assert view_word(180, 70, close_up=True) == "close-up"


def test_views_stay_in_their_ranges() -> None:
    dice = Dice(3)
    views = [draw_view(dice, BALL, grounded=index % 2 == 0) for index in range(300)]
    assert {view.word for view in views} == set(VIEWS)
    for index, view in enumerate(views):
        assert (4 if index % 2 == 0 else -10) <= view.elevation <= 85
        assert -180 <= view.azimuth <= 180
        assert (1.4 if view.word == "close-up" else 2.5) <= view.distance <= 3.84
        assert view.place()[2] > 0 or index % 2, "a camera under the ground"


def test_close_ups_look_at_the_surface_on_all_sides() -> None:
    dice, middle = Dice(4), np.array([0, 0, 1])
    tall = BALL * (0.2, 0.2, 1)
    for vertices, depth in ((BALL, 0.45), (tall, 0.41)):
        views = [draw_view(dice, vertices, grounded=False) for _ in range(400)]
        aims = np.array([view.target for view in views if view.word == "close-up"])
        assert 70 < len(aims) < 140
        off = np.linalg.norm(aims[:, None] - vertices, axis=2).min(axis=1)
        assert off.max() < depth
        reach = 0.4 * np.abs(vertices - middle).max(axis=0)
        assert ((aims - middle).max(axis=0) > reach).all() and ((aims - middle).min(axis=0) < -reach).all()


def test_cameras_stand_where_their_angles_say() -> None:
    """Azimuth 0 in front (-Y in Blender), 90 on +X; the target's Y-up is glTF's."""
    dice = Dice(0)
    for _ in range(20):
        view = draw_view(dice, BALL, grounded=False)
        away = view.place() - view.target
        if abs(view.azimuth) < 80:
            assert away[1] < 0
        assert (away[0] > 0) == (view.azimuth > 0)
        x, y, z = view.target
        assert view.target_y_up() == (x, z, -y)


def test_surroundings_say_what_shows() -> None:
    dice = Dice(1)
    assert set(GROUND_WORDS) == set(GROUNDS)
    for ground in GROUNDS:
        around = draw_scene(dice, (ground,))
        assert around.scene.startswith(GROUND_WORDS[ground])
        assert around.scene[0] in " ,"
        assert (around.ground is None) == (ground in ("water", "none"))
        assert (around.sun is None) != (around.key is None)
    assert draw_transparent(dice).scene == ""


def test_half_of_the_lonely_stand_in_an_environment() -> None:
    dice = Dice(2)
    drawn = [draw_transparent(dice) for _ in range(200)]
    environments = [around.environment for around in drawn if around.environment is not None]
    assert 70 < len(environments) < 130
    assert {environment.name for environment in environments} == set(ENVIRONMENTS)
    assert np.ptp([environment.turn for environment in environments]) > 300
    for around in drawn:
        assert LEVELS[0] <= around.level <= LEVELS[1]
        assert around.environment is None or (around.sun is None and around.rim is None)
    assert {around.key is None for around in drawn if around.environment} == {True, False}
