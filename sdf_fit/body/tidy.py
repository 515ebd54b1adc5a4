"""Voids and crumbs: parts of a field that no picture ever shows, so that no picture can remove them."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

CRUMB_SHARE = 0.002  # a part with less than this share of the largest part's grid vertices is no part


@torch.no_grad()
def tidy(values: Tensor) -> Tensor:
    """SDF values [R+1]^3 with enclosed outside regions filled and floating crumbs of inside removed.

    The signs of both are turned over, sizes kept. Regions are connected through the six neighbours on the grid.
    """
    field = values.cpu().numpy()
    inside = np.asarray(ndimage.binary_fill_holes(field < 0))
    parts = np.empty(inside.shape, np.int32)
    ndimage.label(inside, output=parts)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0  # the outside
    inside &= (sizes >= CRUMB_SHARE * sizes.max())[parts]
    # a vertex turned inside has to be strictly negative, and one turned outside may be zero
    tidied = np.where(inside, -np.maximum(np.abs(field), 1e-6), np.abs(field))
    return torch.from_numpy(np.where((field < 0) == inside, field, tidied)).to(values)
