"""Bilinear texture look-up, one torch function for every device."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def bilinear_texture(image: Tensor, uv: Tensor) -> Tensor:
    """image [B or 1, H, W, C], uv [B, h, w, 2] in 0..1 (row 0 of the image at v = 0) → [B, h, w, C]."""
    batch = uv.shape[0]
    planes = image.permute(0, 3, 1, 2).expand(batch, -1, -1, -1)
    sampled = F.grid_sample(planes, uv * 2 - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled.permute(0, 2, 3, 1)
