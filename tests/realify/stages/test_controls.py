"""Stages with priors that want to see the body: tiny ControlNets and a tiny guided prior, from settings to moved
vertices; nothing is drawn twice, and nothing for a prior that does not ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill.controls import KNOWN, ControlKind
from distill.load import load_prior
from distill.prior import Prior
from distill.priors.base import DiffusersPrior
from distill.priors.options import PriorOptions
from distill.prompts import PromptTable
from distill.rules.rule import PromptBatch
from realify.stages.conditions import describe_views, show_controls
from realify.stages.control_images import control_pictures
from realify.stages.random_views import sample_setups
from realify.stages.rasterized_views import rasterize_views
from sdf_fit.body.body import Body
from sdf_fit.render.numba import NumbaRasterizer
from tests.distill.priors.tiny_controlnet import save_tiny_controlnet
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.distill.priors.tiny_stable_diffusion import save_tiny
from tests.realify.stages.stage_bodies import RENDERER, ball_body, red_prior, rendered, small_settings, stage


@dataclass(frozen=True)
class Folders:
    """Of a prior, a ControlNet beside it, and a guided prior."""

    prior: Path
    net: Path
    guided: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    prior = save_tiny(tmp_path_factory.mktemp("sd"))
    net = save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "tiny", prior)
    return Folders(prior, net, save_tiny_guided(tmp_path_factory.mktemp("guided")))


def load(folders: Folders, *kinds: ControlKind, scale: float = 1.0) -> tuple[DiffusersPrior, PromptTable]:
    """A prior that wants to see these kinds, and its prompts."""
    if kinds == ("guide",):
        prior = load_prior(str(folders.guided), "cpu", "float32")
    else:
        named = ",".join(f"{kind}:{folders.net}" for kind in kinds)
        options = PriorOptions(controlnet=named, controlnet_scale=(scale,))
        prior = load_prior(str(folders.prior), "cpu", "float32", options=options)
    return prior, PromptTable(prior, "a red apple")


def moved(prior: Prior, prompts: PromptTable, name: str = "stage1", **settings: Any) -> Body:
    body = ball_body()
    small = small_settings(stage1__steps=3, stage2__steps=3, **settings)
    stage(name, body, prior, prompts, small).run(lambda loss: None)
    return body


def colors(body: Body) -> Tensor:
    return body.material.grid.features


@pytest.mark.parametrize("kinds", [("depth",), ("normal",), ("color",), ("guide",), ("depth", "normal", "color")])
def test_every_prompt_comes_with_the_pictures_of_its_shots(kinds: tuple[ControlKind, ...], folders: Folders) -> None:
    prior, prompts = load(folders, *kinds)
    body, settings = ball_body(), small_settings(render__views=3).render
    surface = body.surface()
    setups = sample_setups(settings, prior.card, 32, surface.vertices.detach(), torch.Generator().manual_seed(0))
    rasterized = rasterize_views(RENDERER, surface, setups, 32)
    batch = show_controls(prior, describe_views(prior, prompts, setups), rasterized, body.drawn, "textured", 0.5)
    wanted = control_pictures(kinds, rasterized, body.drawn, "textured", 0.5)
    assert isinstance(batch, PromptBatch) and prior.controls == kinds
    for embeds in (batch.target, batch.source, batch.unconditional, batch.negative):
        assert embeds.controls is not None and torch.equal(embeds.controls, wanted)


@pytest.mark.parametrize("name", ["stage1", "stage2"])
@pytest.mark.parametrize("kinds", [("depth",), ("depth", "color"), ("guide",)])
def test_a_stage_moves_the_body(kinds: tuple[ControlKind, ...], name: str, folders: Folders) -> None:
    before, body = ball_body(), moved(*load(folders, *kinds), name)
    assert not torch.equal(body.shape.sdf.values, before.shape.sdf.values)
    assert not torch.equal(colors(body), colors(before))
    assert all(parameter.isfinite().all() for parameter in body.parameters())


def test_what_a_controlnet_sees_matters(folders: Folders) -> None:
    """One seed, one ControlNet: depth, normals, and none lead to three bodies; at strength 0 it is none."""
    depth, normal = colors(moved(*load(folders, "depth"))), colors(moved(*load(folders, "normal")))
    none = colors(moved(*load(folders)))
    assert not any(torch.equal(one, other) for one, other in ((depth, normal), (depth, none), (normal, none)))
    unseen = colors(moved(*load(folders, "depth", scale=0.0)))
    assert torch.allclose(unseen, none, atol=1e-3)


def test_the_guide_and_its_strength_matter(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    """At strength 0 it is as if there were none; where nothing is set the prior's own, 1, holds."""
    prior, prompts = load(folders, "guide")
    whole, own, half, off = (colors(moved(prior, prompts, prior__guide=each)) for each in (1.0, None, 0.5, 0.0))
    assert torch.equal(own, whole)
    assert not torch.equal(half, whole) and not torch.equal(off, half)
    monkeypatch.setattr(prior, "controls", ())
    assert torch.equal(colors(moved(prior, prompts)), off)


def test_a_whole_stage_hands_over_the_guide_of_each_step(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    prior, prompts = load(folders, "guide")
    known: list[float] = []
    predict = prior.predict_noise

    def watched(x_t: Tensor, t: Tensor, embeds: Any) -> Tensor:
        known.append(float(embeds.controls[:, KNOWN].max()))
        return predict(x_t, t, embeds)

    monkeypatch.setattr(prior, "predict_noise", watched)
    moved(prior, prompts, prior__guide=0.7, render__textureless=0.0)
    assert known == pytest.approx([0.7] * 3)


class CountingRasterizer(NumbaRasterizer):
    """Counts what it rasterises."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def rasterize(self, pos_clip: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        self.count += 1
        return super().rasterize(pos_clip, tri, resolution)


def count_rasterised(prior: Prior, prompts: PromptTable) -> int:
    renderer = CountingRasterizer()
    job = stage("stage1", ball_body(), prior, prompts, small_settings(stage1__steps=3, geometry__keep_shape=0))
    rendered(job).renderer = renderer
    job.run(lambda loss: None)
    return renderer.count


@pytest.mark.parametrize("kinds", [(), ("depth", "normal", "color"), ("guide",)])
def test_nothing_is_rasterised_twice(kinds: tuple[ControlKind, ...], folders: Folders) -> None:
    assert count_rasterised(*load(folders, *kinds)) == 3


def test_nothing_is_drawn_for_a_prior_that_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Tensor:
        raise AssertionError("drawn for nobody")

    monkeypatch.setattr("realify.stages.conditions.control_pictures", fail)
    prior = red_prior()
    moved(prior, PromptTable(prior, "a red ball"))
