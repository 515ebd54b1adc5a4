"""What the prior is told of the shots it is shown: the prompts' words, a multi-view prior's cameras, and what a
ControlNet sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import cast

import torch
from torch import Tensor

from distill.canvas import MultiViewPrior
from distill.prior import Prior, PromptEmbeds
from distill.prompts import PromptTable
from distill.rule import PromptBatch
from realify.photographs import Shot
from realify.structure import structure_pictures
from sdf_fit.render import Rasterizer
from sdf_fit.surface import Surface


def describe_shots(
    prior: Prior, prompts: PromptTable, shots: Sequence[Shot], surface: Surface, renderer: Rasterizer
) -> PromptBatch:
    """The prompts of the prior's pictures, each of `prior.views` shots one after another."""
    pictures = shots[:: prior.views]
    batch = prompts.batch([shot.view_word or None for shot in pictures], [shot.background_word for shot in pictures])
    if prior.views > 1:
        batch = _with_cameras(cast(MultiViewPrior, prior), batch, shots)
    if prior.structure:
        views, side = [shot.view for shot in shots], prior.style.resolution
        seen = structure_pictures(prior.structure, renderer, surface, views, side).to(prior.device)
        batch = _each(batch, lambda embeds: replace(embeds, structure=seen))
    return batch


def _with_cameras(prior: MultiViewPrior, batch: PromptBatch, shots: Sequence[Shot]) -> PromptBatch:
    def by_picture(angles: list[float]) -> Tensor:
        return torch.tensor(angles).view(-1, prior.views)

    azimuths = by_picture([shot.view.azimuth for shot in shots])
    elevations = by_picture([shot.view.elevation for shot in shots])
    return _each(batch, lambda embeds: prior.with_cameras(embeds, azimuths, elevations))


def _each(batch: PromptBatch, change: Callable[[PromptEmbeds], PromptEmbeds]) -> PromptBatch:
    return PromptBatch(*(change(getattr(batch, part.name)) for part in fields(batch)))
