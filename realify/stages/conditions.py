"""What the prior is told of the views it is shown: the prompts' words, a multi-view prior's cameras, and the control
pictures that it wants to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from distill.canvas import MultiViewPrior, join_views
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.rule import PromptBatch
from realify.stages.control_images import control_pictures
from realify.stages.random_views import Look, Material
from realify.stages.rasterized_views import RasterizedViews, ViewSetup


def describe_views(prior: Prior, prompts: PromptTable, setups: Sequence[ViewSetup]) -> PromptBatch:
    """The prompts of the prior's pictures, each of `prior.views` setups one after another."""
    pictures = setups[:: prior.views]
    words = [setup.view_word or None for setup in pictures]
    batch = prompts.batch(words, [setup.background_word for setup in pictures])
    return _with_cameras(cast(MultiViewPrior, prior), batch, setups) if prior.views > 1 else batch


def show_controls(
    prior: Prior, prompts: PromptBatch, rasterized: RasterizedViews, drawn: Material, look: Look, strength: float
) -> PromptBatch:
    """The prompts with what the prior wants to see of the setups, the same beside each; see `control_pictures`.

    Where it wants to see nothing, nothing is drawn.
    """
    if not prior.controls:
        return prompts
    seen = join_views(control_pictures(prior.controls, rasterized, drawn, look, strength), prior.views).to(prior.device)
    return prompts.map(lambda embeds: replace(embeds, controls=seen))


def _with_cameras(prior: MultiViewPrior, batch: PromptBatch, setups: Sequence[ViewSetup]) -> PromptBatch:
    def by_picture(angles: list[float]) -> Tensor:
        return torch.tensor(angles).view(-1, prior.views)

    azimuths = by_picture([setup.view.azimuth for setup in setups])
    elevations = by_picture([setup.view.elevation for setup in setups])
    return batch.map(lambda embeds: prior.with_cameras(embeds, azimuths, elevations))
