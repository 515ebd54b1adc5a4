"""Percentiles and the words for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percentile(seconds: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed: one that was measured, none in between. Raises ValueError for
    none."""
    if not len(seconds):
        raise ValueError("no measurement to take a percentile of")
    return float(np.percentile(np.asarray(seconds), percent, method="higher"))


def ms(seconds: float) -> str:
    """Seconds as milliseconds."""
    return f"{1000 * seconds:.1f}" if seconds < 0.1 else f"{1000 * seconds:.0f}"
