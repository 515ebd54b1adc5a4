"""A small body, a small job and two priors for the tests of photographs and stages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from distill.prior import Prior
from distill.priors.gaussian import GaussianPrior
from distill.prompts import PromptTable
from distill.rules.stage import StagePlan, StageRun
from distill.schedule import NoiseSchedule
from realify.settings import Settings, apply, preset
from realify.stages.plan import plan_stages
from realify.stages.rendered_body import RenderedBody
from sdf_fit.body.body import Body, Shape
from sdf_fit.body.fields import MaterialField, SdfGrid
from sdf_fit.body.targets import silhouette_targets
from sdf_fit.extract.tets import TetGrid
from sdf_fit.render.numba import NumbaRasterizer
from tests.sdf_fit.shapes import ball, grid_points

RENDERER = NumbaRasterizer()
GRID, RADIUS = 20, 0.6
RED = (0.9, 0.1, 0.1)  # sRGB
SMALL = {"fit.grid": GRID, "render.views": 2, "render.supersample": 1, "geometry.every": 1}


def ball_body() -> Body:
    """A grey ball in the middle of the working frame."""
    shape = Shape(
        SdfGrid.from_values(grid_points(GRID).norm(dim=-1) - RADIUS),
        torch.full([GRID + 1] * 3, torch.inf),
        TetGrid(GRID),
    )
    return Body(shape, MaterialField(surface=shape.surface().vertices.detach()))


def small_settings(**changes: Any) -> Settings:
    """The draft with few views, and with dotted keys written with two underscores."""
    return apply(preset("draft"), SMALL | {key.replace("__", "."): value for key, value in changes.items()})


def red_prior(size: int = 16) -> GaussianPrior:
    """It knows red pictures for any prompt and grey ones for none."""

    def mean_of(prompt: str) -> Tensor:
        color = torch.tensor(RED) if "red" in prompt else torch.full((3,), 0.5)
        darker = 0.1 * ("blurry" in prompt)  # the source's descriptors
        return ((color - darker) * 2 - 1)[:, None, None].expand(3, size, size).clone()

    return GaussianPrior(mean_of, 0.3, NoiseSchedule.from_alphas_cumprod(torch.linspace(0.999, 0.001, 1000)))


def stage(
    name: str, body: Body, prior: Prior, prompts: PromptTable, settings: Settings, plan: StagePlan | None = None
) -> StageRun:
    """The stage of that name on the ball, its random draws from the settings' seed."""
    plans = {each.name: each for each in plan_stages(settings, prior.card.defaults)}
    targets = silhouette_targets(ball(4, RADIUS), 0.1, RENDERER)
    generator = torch.Generator().manual_seed(settings.seed)
    rendered = RenderedBody(body, prior, prompts, targets, RENDERER, settings)
    return StageRun(plan or plans[name], rendered, prior, generator)


def rendered(run: StageRun) -> RenderedBody:
    """What the stage optimises."""
    assert isinstance(run.optimised, RenderedBody)
    return run.optimised
