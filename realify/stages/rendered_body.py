"""A body as a stage of score distillation optimises it (arXiv 2406.09417, B.1).

The prior is shown random photographs of the body, and the rule's gradient is descended through the renderer, into the
material and, at a lower learning rate, into the shape. A picture is one photograph, or as many as the prior has views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from distill.canvas import canvas_side
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.rule import NonFiniteGradient
from distill.rules.stage import StageRun
from realify.settings import Settings
from realify.stages.conditions import describe_views, show_controls
from realify.stages.random_views import Look, sample_look, sample_rings, sample_setups, shade_views, tile
from realify.stages.rasterized_views import RasterizedViews, ViewSetup, rasterize_views
from sdf_fit.body.body import Body
from sdf_fit.body.losses import (
    NonFiniteError,
    material_drift,
    normal_consistency,
    sdf_terms,
    silhouette_loss,
)
from sdf_fit.body.targets import Targets
from sdf_fit.cameras import View
from sdf_fit.fit import optimise
from sdf_fit.render import Rasterizer
from sdf_fit.render.surface import Surface

COLOR_POINTS = 1024  # of the surface, at which each step looks at the colours themselves
SPECKLE_SIZE = 0.01  # working units between a point and the neighbour it should resemble


def speckles(
    material: Callable[[Tensor], Tensor], surface: Surface, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Random points [N, 3] of the surface, the materials [N, 5] there, and by how much a neighbour's differs."""
    points = surface.sample(COLOR_POINTS, generator)
    near = points + torch.randn(points.shape, generator=generator).to(points.device) * SPECKLE_SIZE
    here, beside = material(torch.cat([points, near])).chunk(2)
    return points, here, (here - beside).abs().mean()


def where(stage: str, step: int, views: Sequence[View]) -> str:
    """The place that an error names."""
    names = [f"azimuth {view.azimuth:.0f}°, elevation {view.elevation:.0f}°" for view in views]
    return f"stage {stage}, step {step}, view {'; '.join(names)}"


class RenderedBody:
    """A body towards its prompts, in random renders, as `StageRun` optimises it."""

    def __init__(
        self,
        body: Body,
        prior: Prior,
        prompts: PromptTable,
        targets: Targets,
        renderer: Rasterizer,
        settings: Settings,
    ) -> None:
        self.body, self.prior, self.prompts = body, prior, prompts
        self.targets, self.renderer, self.settings = targets, renderer, settings
        across = canvas_side(prior.views)
        self.size = settings.render.resolution or prior.card.resolution // across  # of a photograph
        self.picture_size = self.size * across
        own, keep, guide = prior.card.defaults, settings.color.keep, settings.prior.guide
        self.keep_colors = own.keep_colors if keep is None else keep
        self.guide = own.guide if guide is None else guide
        self.pull = 0.0  # size of the current distillation gradient: its root mean square times the pixels
        self.looking: list[View] = []  # the views of the current step, to name in an error

    @property
    def every(self) -> int:
        """Steps between two that extract the surface anew."""
        return self.settings.geometry.every

    def groups(self) -> list[dict[str, Any]]:
        values, material = self.body.shape.sdf.values, list(self.body.material.parameters())
        lr = self.settings.geometry.lr
        return [
            {"params": [values.requires_grad_(lr > 0)], "lr": lr, "name": "shape"},
            {"params": material, "lr": self.settings.color.lr, "name": "material"},
        ]

    def descend(self, stage: StageRun, on_step: Callable[[float], None]) -> None:
        """on_step gets the loss. Raises NonFiniteError, which names stage, step and views."""
        try:
            optimise(
                self.body.shape,
                partial(self._image_loss, stage),
                partial(self._regulariser, stage.generator),
                stage.optimiser,
                range(stage.step, stage.plan.steps),
                lambda step, loss: on_step(loss),
                self.every,
            )
        except NonFiniteError as error:
            place = where(stage.name, stage.step, self.looking)
            raise NonFiniteError(f"{place}: {error.message}", error.fix) from error

    def state(self) -> dict[str, Any]:
        return {"body": self.body.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.body.load_state_dict(state["body"])

    def _image_loss(self, stage: StageRun, surface: Surface, step: int) -> Tensor:
        """½‖gradient‖² per picture, whose derivative with respect to the prior's x is the rule's gradient."""
        settings, generator = self.settings.render, stage.generator
        setups = self._sample_setups(surface, generator)
        # a surface that stands still learns nothing from a picture without its texture
        textureless = settings.textureless if surface.vertices.requires_grad else 0.0
        look = sample_look(textureless, generator)
        rasterized = rasterize_views(self.renderer, surface, setups, self.size, settings.supersample)
        x = self.prior.encode(tile(shade_views(rasterized, self.body.material, look), self.prior.views))
        self.looking = [setup.view for setup in setups]
        gradient = self._gradient(stage, x.detach(), rasterized, look)
        self.pull = float(gradient.square().mean().sqrt()) * self.picture_size**2
        loss = 0.5 * (x - (x.detach() - gradient)).square().sum() / len(x)
        return loss + self.pull * self._color_terms(surface, generator)

    def _sample_setups(self, surface: Surface, generator: torch.Generator) -> list[ViewSetup]:
        settings, card, views = self.settings.render, self.prior.card, self.prior.views
        if views > 1:
            return sample_rings(settings, card, self.size, views, generator)
        return sample_setups(settings, card, self.size, surface.vertices.detach(), generator)

    def _gradient(self, stage: StageRun, x: Tensor, rasterized: RasterizedViews, look: Look) -> Tensor:
        prior, setups = self.prior, rasterized.setups
        prompts = describe_views(prior, self.prompts, setups)
        prompts = show_controls(prior, prompts, rasterized, self.body.drawn, look, self.guide)
        try:
            return stage.gradient(x, prompts)
        except NonFiniteGradient as error:
            views = prior.views
            self.looking = [setup.view for i in error.images for setup in setups[i * views : (i + 1) * views]]
            raise NonFiniteError(str(error), error.fix) from error

    def _color_terms(self, surface: Surface, generator: torch.Generator) -> Tensor:
        """Speckles, and drift from the sketch's colours, at random points of the surface."""
        color, body = self.settings.color, self.body
        points, material, speckle = speckles(body.material, surface, generator)
        total = color.smoothness * speckle
        if self.keep_colors:
            with torch.no_grad():
                drawn = body.drawn(points)
            total = total + self.keep_colors * material_drift(material, drawn)
        return total

    def _regulariser(self, generator: torch.Generator, surface: Surface, values: Tensor, step: int) -> Tensor:
        """Weights are relative to the distillation gradient, so that they mean the same in both stages."""
        geometry = self.settings.geometry
        terms = sdf_terms(values)
        total = geometry.eikonal * terms.eikonal + geometry.laplacian * terms.smoothness
        if geometry.normal_consistency:
            total = total + geometry.normal_consistency * normal_consistency(surface)
        if geometry.keep_shape:
            chosen = torch.randint(len(self.targets.views), (1,), generator=generator).tolist()
            outline = silhouette_loss(surface, self.targets, chosen, self.renderer)
            total = total + geometry.keep_shape * outline
        return self.pull * total
