"""Rings of views for a multi-view prior: how they stand, how they are tiled, and a stage with a tiny MVDream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distill.card import PriorCard
from distill.load import load_prior
from distill.prior import Prior, PromptEmbeds
from distill.priors.base import DiffusersPrior
from distill.priors.mvdream import MVDream, camera_vectors
from distill.prompts import PromptTable
from distill.rules.rule import PromptBatch
from distill.rules.stage import StagePlan
from distill.schedule import TimestepRange, TimestepSchedule
from realify.settings import Render
from realify.stages.random_views import count_pictures, render_views, sample_rings, tile
from sdf_fit.body.losses import NonFiniteError
from sdf_fit.cameras import View
from tests.distill.priors.tiny_mvdream import save_tiny_mvdream
from tests.realify.stages.stage_bodies import RENDERER, ball_body, rendered, small_settings, stage

ALWAYS = TimestepSchedule(TimestepRange(0.2, 0.8), TimestepRange(0.2, 0.8), 0.0)


@pytest.fixture(scope="module")
def mvdream(tmp_path_factory: pytest.TempPathFactory) -> tuple[MVDream, PromptTable]:
    folder: Path = tmp_path_factory.mktemp("mvdream")
    save_tiny_mvdream(folder)
    prior = load_prior(str(folder), "cpu", "float32")
    assert isinstance(prior, MVDream)
    return prior, PromptTable(prior, "a red apple")


def card(**changes: object) -> PriorCard:
    return replace(PriorCard(resolution=64, max_tokens=77), **changes)  # type: ignore[arg-type]


def rings(views: int, seed: int = 0, how: PriorCard | None = None) -> list[list[View]]:
    setups = sample_rings(Render(views=views), how or card(), 8, 4, torch.Generator().manual_seed(seed))
    return [[setup.view for setup in setups[i : i + 4]] for i in range(0, len(setups), 4)]


@pytest.mark.parametrize(("views", "pictures"), [(1, 1), (4, 1), (5, 1), (6, 2), (8, 2), (11, 3), (64, 16)])
def test_views_are_rounded_to_whole_pictures(views: int, pictures: int) -> None:
    assert count_pictures(Render(views=views), 4) == len(rings(views)) == pictures
    assert count_pictures(Render(views=views), 1) == views


def test_a_ring_goes_around_the_body() -> None:
    starts = []
    for seed in range(20):
        for ring in rings(8, seed):
            first = ring[0]
            for i, view in enumerate(ring):
                assert view.azimuth == pytest.approx((first.azimuth + 90 * i) % 360)
                assert replace(view, azimuth=first.azimuth) == first  # all else is shared
            assert not first.close_up and first.target == (0, 0, 0) and first.elevation < 60
            starts.append(first.azimuth)
    assert min(starts) < 30 and max(starts) > 330


def test_a_ring_stands_in_one_light_before_one_background() -> None:
    named = card(backgrounds={"grey": (0.5, 0.5, 0.5), "white": (0.9, 0.9, 0.9)})
    setups = sample_rings(Render(views=8, random_background=0.3), named, 8, 4, torch.Generator().manual_seed(1))
    for ring in (setups[:4], setups[4:]):
        assert all(setup.light == ring[0].light and setup.background is ring[0].background for setup in ring)
        assert {setup.background_word for setup in ring} == {ring[0].background_word}
        assert {setup.view_word for setup in ring} == {""}
    assert setups[0].light != setups[4].light


def test_shots_are_tiled_in_reading_order() -> None:
    body = ball_body()
    surface = body.surface()
    setups = sample_rings(Render(views=8), card(), 16, 4, torch.Generator().manual_seed(2))
    images = render_views(RENDERER, surface, body.material, setups, 16)
    tiled = tile(images, 4)
    assert tiled.shape == (2, 32, 32, 3)
    for picture, four in zip(tiled, images.split(4), strict=True):
        corners = picture[:16, :16], picture[:16, 16:], picture[16:, :16], picture[16:, 16:]
        assert all(torch.equal(corner, image) for corner, image in zip(corners, four, strict=True))
    assert tile(images, 1) is images
    tiled.sum().backward()
    assert body.shape.sdf.values.grad is not None


class Witness:
    """Asks for nothing and keeps the prompts it is given."""

    name = "witness"

    def __init__(self) -> None:
        self.seen: list[tuple[Tensor, Tensor, PromptBatch]] = []

    def init(self, prior: Prior, before: object = None) -> None:
        return None

    def step(
        self,
        state: None,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, None]:
        self.seen.append((x, t, prompts))
        return torch.zeros_like(x), None


def test_the_prior_is_told_the_cameras_of_its_pictures(mvdream: tuple[MVDream, PromptTable]) -> None:
    rule = Witness()
    plan = StagePlan("stage1", 2, rule, ALWAYS)
    begun = stage("stage1", ball_body(), *mvdream, small_settings(render__views=8), plan)
    looked: list[list[View]] = []
    begun.run(lambda loss: looked.append(rendered(begun).looking))
    assert rendered(begun).size == 32 and rendered(begun).picture_size == 64  # four views on the prior's size
    for (x, t, prompts), views in zip(rule.seen, looked, strict=True):
        assert x.shape == (2, *mvdream[0].shape) and t.shape == (2,) and len(views) == 8
        azimuths, elevations = (
            torch.tensor([getattr(view, angle) for view in views]).view(2, 4) for angle in ("azimuth", "elevation")
        )
        for embeds in (prompts.target, prompts.source, prompts.unconditional, prompts.negative):
            assert embeds.camera is not None
            assert torch.allclose(embeds.camera, camera_vectors(azimuths, elevations))
    assert rule.seen[0][1].tolist() != rule.seen[1][1].tolist()


@pytest.mark.parametrize("name", ["stage1", "stage2"])
def test_a_stage_moves_the_body(name: str, mvdream: tuple[DiffusersPrior, PromptTable]) -> None:
    body, before = ball_body(), ball_body()
    settings = small_settings(render__views=4, stage1__steps=3, stage2__steps=3)
    begun = stage(name, body, *mvdream, settings)
    pulls: list[float] = []
    begun.run(lambda loss: pulls.append(rendered(begun).pull))
    assert len(pulls) == 3 and min(pulls) > 0
    assert not torch.equal(body.shape.sdf.values, before.shape.sdf.values)
    assert not torch.equal(body.material.grid.features, before.material.grid.features)
    assert all(parameter.isfinite().all() for parameter in body.parameters())


def test_a_picture_that_breaks_names_its_four_views(
    mvdream: tuple[MVDream, PromptTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior, prompts = mvdream
    sound = prior.predict_noise

    def broken(x_t: Tensor, t: Tensor, embeds: PromptEmbeds) -> Tensor:
        noise = sound(x_t, t, embeds)
        noise[1::2] = torch.nan  # the second picture, under every prompt
        return noise

    monkeypatch.setattr(prior, "predict_noise", broken)
    begun = stage("stage1", ball_body(), prior, prompts, small_settings(render__views=8))
    with pytest.raises(NonFiniteError) as caught:
        begun.run(lambda loss: None)
    assert caught.value.message.count("azimuth") == 4
    assert len({round(view.azimuth) % 90 for view in rendered(begun).looking}) <= 2  # one ring, but for rounding
