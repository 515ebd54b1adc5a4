"""Stages with a tiny Stable Diffusion and a ControlNet that sees the body, from settings to moved vertices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from distill.load import load_prior
from distill.prior import Prior
from distill.priors.base import DiffusersPrior
from distill.priors.options import PriorOptions
from distill.prompts import PromptTable
from distill.rule import PromptBatch
from realify.conditions import describe_shots
from realify.photographs import sample_shots
from realify.structure import structure_pictures
from sdf_fit.body import Body
from tests.distill.tiny_controlnet import save_tiny_controlnet
from tests.distill.tiny_stable_diffusion import save_tiny
from tests.realify.stage_bodies import RENDERER, ball_body, small_settings, stage


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A prior's and a ControlNet's."""
    prior = save_tiny(tmp_path_factory.mktemp("sd"))
    return prior, save_tiny_controlnet(tmp_path_factory.mktemp("nets") / "tiny", prior)


def load(folders: tuple[Path, Path], controlnet: str, **options: Any) -> tuple[DiffusersPrior, PromptTable]:
    """`controlnet`: what it sees, or nothing."""
    named = f"{controlnet}:{folders[1]}" if controlnet else ""
    prior = load_prior(str(folders[0]), "cpu", "float32", options=PriorOptions(controlnet=named, **options))
    return prior, PromptTable(prior, "a red apple")


def moved(prior: Prior, prompts: PromptTable, name: str = "sds") -> Body:
    body = ball_body()
    stage(name, body, prior, prompts, small_settings(sds__steps=3, bridge__steps=3)).run(lambda loss: None)
    return body


@pytest.mark.parametrize("structure", ["depth", "normal"])
def test_every_prompt_comes_with_the_pictures_of_its_shots(structure: str, folders: tuple[Path, Path]) -> None:
    prior, prompts = load(folders, structure)
    surface, settings = ball_body().surface(), small_settings(render__views=3).render
    shots = sample_shots(settings, prior.style, 8, surface.vertices.detach(), torch.Generator().manual_seed(0))
    batch = describe_shots(prior, prompts, shots, surface, RENDERER)
    views = [shot.view for shot in shots]
    wanted = structure_pictures(structure, RENDERER, surface, views, prior.style.resolution)  # type: ignore[arg-type]
    assert isinstance(batch, PromptBatch) and wanted.shape == (3, 3, 32, 32)
    for embeds in (batch.target, batch.source, batch.unconditional, batch.negative):
        assert embeds.structure is not None and torch.equal(embeds.structure, wanted)


@pytest.mark.parametrize("name", ["sds", "bridge"])
def test_a_stage_moves_the_body(name: str, folders: tuple[Path, Path]) -> None:
    before, body = ball_body(), moved(*load(folders, "depth"), name)
    assert not torch.equal(body.shape.sdf.values, before.shape.sdf.values)
    assert not torch.equal(body.material.grid.features, before.material.grid.features)
    assert all(parameter.isfinite().all() for parameter in body.parameters())


def test_what_it_sees_matters(folders: tuple[Path, Path]) -> None:
    """One seed, one ControlNet: depth, normals, and none lead to three bodies; at strength 0 it is none."""
    bodies = [moved(*load(folders, structure)).material.grid.features for structure in ("depth", "normal", "")]
    assert not any(torch.equal(bodies[i], bodies[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    unseen = moved(*load(folders, "depth", controlnet_scale=0.0)).material.grid.features
    assert torch.allclose(unseen, bodies[2], atol=1e-3)
