"""A mean and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.error:.3f}"


def estimate(values: Array, groups: Array | None = None, weights: Array | None = None) -> Estimate:
    """The (weighted) mean of values [N].

    `groups` [N] names what each is of: several views of one object are no independent witnesses, so the error
    is that over groups (the cluster-robust one). Raises ValueError for fewer than two groups.
    """
    weighting = np.ones(len(values)) if weights is None else weights
    weighting = weighting / weighting.sum()
    mean = float((weighting * values).sum())
    _, group = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    count = group.max(initial=-1) + 1
    if count < 2:
        raise ValueError(f"{len(values)} values of {count} objects: an error needs two objects or more")
    residuals = np.bincount(group, weighting * (values - mean))
    return Estimate(mean, float(np.sqrt(np.square(residuals).sum() * count / (count - 1))))
