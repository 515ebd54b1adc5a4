"""A tiny guided prior of the real classes with random weights: it draws nothing, but it sees its guide."""

from __future__ import annotations

from pathlib import Path

import torch

from distill.controls import GUIDE_CHANNELS
from distill.priors.guide_head import GuideHead
from tests.distill.priors.tiny_stable_diffusion import save_tiny

PATCH, FEATURES = 4, 2


def save_tiny_guided(folder: Path) -> Path:
    """Pictures of 32 pixels, x of 48 x 8 x 8."""
    seen, made = (3 + GUIDE_CHANNELS) * PATCH**2, (3 + FEATURES) * PATCH**2
    save_tiny(folder, prediction_type="v_prediction", channels=seen, out_channels=made, vae=False)
    torch.manual_seed(3)
    head = GuideHead(patch=PATCH, features=FEATURES, width=8, depth=1)
    with torch.no_grad():
        for weight in head.parameters():
            weight.normal_(0, 0.1)
    head.save_pretrained(str(folder / "head"))
    return folder
