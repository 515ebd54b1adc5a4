"""Classifier-free guidance: the one place where the guidance scale has its meaning."""

from __future__ import annotations

from torch import Tensor


def classifier_free(unconditional: Tensor, conditional: Tensor, guidance_scale: float) -> Tensor:
    """e(∅) + s (e(y) - e(∅)): s = 0 is unconditional, s = 1 conditional, more goes beyond (2207.12598)."""
    return unconditional + guidance_scale * (conditional - unconditional)
