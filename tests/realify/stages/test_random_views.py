"""Photographs: their gradient, the words that go with them, and where their cameras look."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill.card import METERED, PriorCard, read_card
from distill.load import EMBEDDED
from realify.settings import Render
from realify.stages.random_views import camera_ranges, render_views, sample_look, sample_setups
from sdf_fit import WORKING_RADIUS
from sdf_fit.body.body import Body
from sdf_fit.cameras import camera_positions
from sdf_fit.render.shading import linear_to_srgb
from tests.realify.stages.stage_bodies import RADIUS, RENDERER, ball_body

SIZE = 48
EMBEDDED_CARD = read_card(EMBEDDED / "prior.json")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def body() -> Body:
    return ball_body()


def take(body: Body, look: str = "textured", supersample: int = 1) -> Tensor:
    surface = body.surface()
    setups = sample_setups(Render(views=2), EMBEDDED_CARD, SIZE, surface.vertices.detach(), seeded(1))
    return render_views(RENDERER, surface, body.material, setups, SIZE, supersample, look)  # type: ignore[arg-type]


def gradients(body: Body, image: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Of a random weighing of the image: to the distances and to the material's grid."""
    body.zero_grad()
    (image * torch.randn(image.shape, generator=seeded(2))).sum().backward()
    return body.shape.sdf.values.grad, body.material.grid.features.grad


def test_the_gradient_reaches_shape_and_material(body: Body) -> None:
    image = take(body)
    assert image.shape == (2, SIZE, SIZE, 3) and image.min() >= 0 and image.max() <= 1
    for gradient in gradients(body, image):
        assert gradient is not None and gradient.isfinite().all() and gradient.any()


@pytest.mark.parametrize("look", ["textureless", "normals"])
def test_looks_without_texture_leave_the_material_alone(look: str, body: Body) -> None:
    shape, material = gradients(body, take(body, look))
    assert shape is not None and shape.isfinite().all() and shape.any()
    assert material is None


def test_a_surface_that_stands_still_gives_the_material_alone_a_gradient(body: Body) -> None:
    surface = body.surface().detached()
    setups = sample_setups(Render(views=1), EMBEDDED_CARD, SIZE, surface.vertices, seeded(1))
    shape, material = gradients(body, render_views(RENDERER, surface, body.material, setups, SIZE))
    assert shape is None and material is not None and material.any()


def test_supersampling_refines_the_same_picture(body: Body) -> None:
    one, four = take(body), take(body, supersample=2)
    assert one.shape == four.shape and 0 < (one - four).abs().mean() < 0.01


def test_outside_the_body_the_background_is_what_it_was(body: Body) -> None:
    surface = body.surface()
    setups = sample_setups(Render(views=1, close_up=0.0), EMBEDDED_CARD, SIZE, surface.vertices.detach(), seeded(3))
    image = render_views(RENDERER, surface, body.material, setups, SIZE)
    expected = linear_to_srgb(setups[0].background)
    assert torch.equal(image[0, 0], expected[0]) and torch.equal(image[0, :, -1], expected[:, -1])
    assert not torch.equal(image[0, SIZE // 2, SIZE // 2], expected[SIZE // 2, SIZE // 2])


def test_background_words_name_the_background() -> None:
    aims = torch.zeros(1, 3)
    words = []
    for seed in range(60):
        for setup in sample_setups(Render(views=2), EMBEDDED_CARD, 16, aims, seeded(seed)):
            words.append(setup.background_word)
            if setup.background_word is not None:
                color = torch.tensor(EMBEDDED_CARD.backgrounds[setup.background_word])
                assert (linear_to_srgb(setup.background).mean((0, 1)) - color).abs().max() < 0.1
    named = [word for word in words if word]
    assert set(named) == set(EMBEDDED_CARD.backgrounds)
    assert len(named) / len(words) == pytest.approx(0.5, abs=0.13)
    wordless = replace(EMBEDDED_CARD, backgrounds={})
    assert all(setup.background_word is None for setup in sample_setups(Render(views=8), wordless, 16, aims, seeded()))
    always = Render(views=8, random_background=0.0)
    assert all(setup.background_word for setup in sample_setups(always, EMBEDDED_CARD, 16, aims, seeded()))


def test_view_words_name_the_view() -> None:
    words = EMBEDDED_CARD.views
    seen = set()
    for seed in range(40):
        for setup in sample_setups(Render(views=4), EMBEDDED_CARD, 4, torch.zeros(1, 3), seeded(seed)):
            view, word = setup.view, setup.view_word
            seen.add(word)
            off_front = abs((view.azimuth + 180) % 360 - 180)
            if view.close_up:
                assert word == words["close_up"]
            elif view.elevation > 60:
                assert word == words["overhead"]
            elif off_front < 45:
                assert word == words["front"]
            else:
                assert word == (words["back"] if off_front > 135 else words["side"])
    assert seen == set(words.values())


def test_close_ups_look_at_the_body(body: Body) -> None:
    """Every one shows surface in its middle, and it fills much of the picture, where the body stands aside too."""
    aims = body.surface().vertices.detach() + torch.tensor([0.25, 0.1, 0.0])
    render = Render(views=6, close_up=1.0)
    for setup in sample_setups(render, EMBEDDED_CARD, 8, aims, seeded()):
        target = torch.tensor(setup.view.target)
        assert (target - torch.tensor([0.25, 0.1, 0.0]) * 0.6).norm() < RADIUS
        camera = camera_positions([setup.view])[0]
        axis = F.normalize(target - camera, dim=0)
        offset = torch.tensor([0.25, 0.1, 0.0]) - camera
        assert (offset - (offset @ axis) * axis).norm() < RADIUS  # the view's axis meets the ball


def test_the_priors_own_cameras() -> None:
    """Distances in its card are in radii of the bounding sphere; docs/conventions.md's stand in without a card."""
    ranges = camera_ranges(EMBEDDED_CARD, 0.3)
    cameras = EMBEDDED_CARD.cameras
    assert cameras is not None and ranges.fovy == (cameras.fovy, cameras.fovy)
    for seed in range(30):
        render = Render(views=4)
        for setup in sample_setups(render, EMBEDDED_CARD, 4, torch.zeros(1, 3), seeded(seed)):
            low, high = cameras.close_up_distance if setup.view.close_up else cameras.distance
            assert low - 1e-3 <= setup.view.distance / WORKING_RADIUS <= high + 1e-3
            assert cameras.elevation[0] <= setup.view.elevation <= cameras.elevation[1]
    others = camera_ranges(PriorCard(resolution=64, max_tokens=77), 0.2)
    assert others.close_up_share == 0.2 and others.fill == (0.6, 1.0) and others.close_up_fill == (1.5, 2.5)


def test_looks_keep_their_shares() -> None:
    generator = seeded(4)
    looks = [sample_look(0.4, generator) for _ in range(2000)]
    shares = [looks.count(look) / 2000 for look in ("textured", "textureless", "normals")]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.04)
    assert {sample_look(0.0, generator) for _ in range(50)} == {"textured"}


def test_one_generator_state_gives_one_set_of_shots() -> None:
    aims = torch.randn(20, 3, generator=seeded(5)) * 0.4
    first, again, other = (sample_setups(Render(), EMBEDDED_CARD, 8, aims, seeded(seed)) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.background, two.background)
        assert (one.view, one.light, one.background_word) == (two.view, two.light, two.background_word)
    assert [setup.view for setup in first] != [setup.view for setup in other]
    assert math.isfinite(first[0].light.strength)


def test_the_cards_exposure_sets_how_bright_photographs_are() -> None:
    """Each prior's photographs show white at a level of their own."""
    aims = torch.zeros(1, 3)
    dim, bright = (
        sample_setups(Render(views=4), PriorCard(64, 77, exposure=exposure), 8, aims, torch.Generator().manual_seed(0))
        for exposure in (0.5, 1.0)
    )
    for one, other in zip(dim, bright, strict=True):
        assert (one.view, one.light.direction) == (other.view, other.light.direction)
        assert 2 * one.light.strength == pytest.approx(other.light.strength)
        assert 2 * one.light.sky[1] == pytest.approx(other.light.sky[1])


def test_the_embedded_prior_keeps_its_own_and_others_are_metered(tmp_path: Path) -> None:
    card = json.loads((EMBEDDED / "prior.json").read_text())
    assert read_card(EMBEDDED / "prior.json").exposure == card.pop("exposure") == 0.65
    (tmp_path / "prior.json").write_text(json.dumps(card))
    assert read_card(tmp_path / "prior.json").exposure == METERED == PriorCard(64, 77).exposure
