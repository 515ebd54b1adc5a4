"""What the prior is told of the shots it is shown: the prompts' words, a multi-view prior's cameras, and the control
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
from realify.stages.rasterised import Exposed, Shot


def describe_shots(prior: Prior, prompts: PromptTable, shots: Sequence[Shot]) -> PromptBatch:
    """The prompts of the prior's pictures, each of `prior.views` shots one after another."""
    pictures = shots[:: prior.views]
    batch = prompts.batch([shot.view_word or None for shot in pictures], [shot.background_word for shot in pictures])
    return _with_cameras(cast(MultiViewPrior, prior), batch, shots) if prior.views > 1 else batch


def show_controls(
    prior: Prior, prompts: PromptBatch, exposed: Exposed, drawn: Material, look: Look, strength: float
) -> PromptBatch:
    """The prompts with what the prior wants to see of the shots, the same beside each; see `control_pictures`.

    Where it wants to see nothing, nothing is drawn.
    """
    if not prior.controls:
        return prompts
    seen = join_views(control_pictures(prior.controls, exposed, drawn, look, strength), prior.views).to(prior.device)
    return prompts.map(lambda embeds: replace(embeds, controls=seen))


def _with_cameras(prior: MultiViewPrior, batch: PromptBatch, shots: Sequence[Shot]) -> PromptBatch:
    def by_picture(angles: list[float]) -> Tensor:
        return torch.tensor(angles).view(-1, prior.views)

    azimuths = by_picture([shot.view.azimuth for shot in shots])
    elevations = by_picture([shot.view.elevation for shot in shots])
    return batch.map(lambda embeds: prior.with_cameras(embeds, azimuths, elevations))
