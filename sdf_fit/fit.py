"""Optimise a body through pictures: the loop, and its first use, the fit of an SDF to renders of the sketch.

The loop takes any image loss. Here that is mask and depth of the sketch; `realify.stages.rendered_body` hands it
a distillation gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sdf_fit.body.body import Body, Shape
from sdf_fit.body.fields import MaterialField, SdfGrid
from sdf_fit.body.free_space import initial_distance
from sdf_fit.body.losses import DEPTH_CAP, NonFiniteError, mask_and_depth_loss, sdf_terms
from sdf_fit.body.targets import Targets, sketch_targets
from sdf_fit.body.tidy import tidy
from sdf_fit.cameras import sphere_of_views
from sdf_fit.extract import Extractor
from sdf_fit.render import Rasterizer
from sdf_fit.render.shading import linear_to_srgb
from sdf_fit.render.surface import Surface, draw
from sdf_fit.sketch.read import Sketch

TARGET_VIEWS = 48


@dataclass(frozen=True)
class FitWeights:
    """Weights of the sketch fit's losses (1 : 10 of mask to depth, as FlexiCubes has it)."""

    mask: float = 1.0
    depth: float = 10.0
    eikonal: float = 0.02
    smoothness: float = 0.02
    sign_first: float = 0.2
    sign_last: float = 0.01


def optimise(
    shape: Shape,
    image_loss: Callable[[Surface, int], Tensor],
    regulariser: Callable[[Surface, Tensor, int], Tensor],
    optimiser: torch.optim.Optimizer,
    steps: range,
    on_step: Callable[[int, float], None],
    every: int = 1,
) -> None:
    """Run the steps; image_loss(surface, step) and regulariser(surface, values, step) are what to descend.

    The surface is extracted and the field moved in every `every`-th step; between, the surface stands still
    and only what the image loss itself holds on to (the material) moves. on_step(step, loss) may raise to
    stop. Raises NonFiniteError.
    """
    surface = None
    for step in steps:
        moving = step % every == 0 and shape.sdf.values.requires_grad
        if moving or surface is None:
            surface = shape.surface()
        optimiser.zero_grad(set_to_none=True)
        loss = image_loss(surface if moving else surface.detached(), step)
        if moving:
            loss = loss + regulariser(surface, shape.sdf.values, step)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NonFiniteError(f"the loss of step {step} is {value}")
        loss.backward()
        _check_gradients(optimiser, step)
        optimiser.step()
        shape.keep_thin_parts()
        on_step(step, value)


def _check_gradients(optimiser: torch.optim.Optimizer, step: int) -> None:
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and not torch.isfinite(parameter.grad.sum()):
                raise NonFiniteError(f"the gradient of the {group['name']} is not finite at step {step}")


def fit_sketch(
    sketch: Sketch,
    renderer: Rasterizer,
    extractor: Extractor,
    *,
    steps: int = 300,
    views_per_step: int = 2,
    resolution: int = 256,
    lr: float = 0.01,
    seed: int = 0,
    device: torch.device | str = "cpu",
    weights: FitWeights = FitWeights(),
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> Body:
    """Fit an SDF to multi-view renders of the sketch (McAllister et al. 2024, B.1), then its colours."""
    views = sphere_of_views(TARGET_VIEWS)
    targets = sketch_targets(sketch.mesh, sketch.stroke_width, views, resolution, renderer, device)
    values, bound = initial_distance(sketch.mesh, targets, extractor.resolution, seed)
    shape = Shape(SdfGrid.from_values(values.to(device)), bound.to(device), extractor)
    generator = torch.Generator().manual_seed(seed)
    order = _ViewOrder(len(views), views_per_step, generator)

    def image_loss(surface: Surface, step: int) -> Tensor:
        mask, depth = mask_and_depth_loss(surface, targets, order.next(), renderer)
        return weights.mask * mask + weights.depth * depth

    def regulariser(surface: Surface, values: Tensor, step: int) -> Tensor:
        terms, progress = sdf_terms(values), step / steps
        sign = weights.sign_first + (weights.sign_last - weights.sign_first) * progress
        return weights.eikonal * terms.eikonal + weights.smoothness * terms.smoothness + sign * terms.sign

    optimiser = torch.optim.Adam([{"params": [shape.sdf.values], "name": "shape"}], lr=lr, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.9 * step / steps)

    def after_step(step: int, loss: float) -> None:
        scheduler.step()
        on_step(step, loss)

    optimise(shape, image_loss, regulariser, optimiser, range(steps), after_step)
    shape.sdf = SdfGrid.from_values(tidy(shape.sdf.values))
    return Body(shape, fit_colors(shape.surface().detached(), targets, renderer, generator))


class _ViewOrder:
    """Every view once before any comes again, shuffled anew each round."""

    def __init__(self, count: int, batch: int, generator: torch.Generator) -> None:
        self.count, self.batch, self.generator = count, min(batch, count), generator
        self.waiting: list[int] = []

    def next(self) -> list[int]:
        if len(self.waiting) < self.batch:
            self.waiting = torch.randperm(self.count, generator=self.generator).tolist()
        return [self.waiting.pop() for _ in range(self.batch)]


def fit_colors(
    surface: Surface, targets: Targets, renderer: Rasterizer, generator: torch.Generator, steps: int = 150
) -> MaterialField:
    """A material field that shows the sketch's colours where its views saw them, and like ones nearby."""
    points, colors = _colored_points(surface, targets, renderer)
    field = MaterialField(surface=surface.vertices)
    optimiser = torch.optim.Adam(field.parameters(), lr=0.02, fused=True)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / steps) + 1e-4
        chosen = torch.randint(len(points), (16_384,), generator=generator).to(points.device)
        optimiser.zero_grad(set_to_none=True)
        shown = linear_to_srgb(field(points[chosen])[:, :3])
        loss = (shown - linear_to_srgb(colors[chosen])).square().mean()
        loss.backward()
        optimiser.step()
    return field


def _colored_points(surface: Surface, targets: Targets, renderer: Rasterizer) -> tuple[Tensor, Tensor]:
    """Points [N, 3] of the surface that a view sees and the sketch's colours [N, 3] at the same pixels."""
    points, colors = [], []
    with torch.no_grad():
        for i, view in enumerate(targets.views):
            drawing = draw(renderer, surface, [view], targets.mask.shape[1])
            mask = targets.mask[i].to(surface.vertices.device)
            near = (drawing.depth[0] - targets.depth[i].to(mask.device)).abs() < DEPTH_CAP
            both = drawing.hit[0] & mask & near
            points.append(drawing.position[0][both])
            colors.append(targets.color[i].to(mask.device)[both])
    return torch.cat(points), torch.cat(colors)
