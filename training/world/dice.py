"""Random choices of one object, all from one seed: the same seed throws the same dice."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")


class Dice:
    """Draws in the words that the kinds of objects use; `generator` is there for whole arrays."""

    def __init__(self, seed: int):
        self.generator = np.random.default_rng(seed)

    def uniform(self, low: float, high: float) -> float:
        return float(self.generator.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return int(self.generator.integers(low, high + 1))

    def choose(self, sequence: Sequence[Item]) -> Item:
        return sequence[self.integer(0, len(sequence) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self.generator.random() < probability)

    def normal(self, scale: float = 1.0, size: int | tuple[int, ...] | None = None) -> Any:
        """A float, or an array of shape `size`, around 0."""
        draw = self.generator.normal(0.0, scale, size)
        return float(draw) if size is None else draw

    def vector(self, low: float, high: float) -> np.ndarray:
        """[3], every component between `low` and `high`."""
        return self.generator.uniform(low, high, 3)
