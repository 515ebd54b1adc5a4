"""An arm's pictures and what they took, from its cells in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.distill.cells import Arm, Array, Machine, Outcome


@dataclass(frozen=True)
class Made:
    """Pictures [seeds, captions, S, S, 3] uint8; seconds of work, predictions and trainings of the network for one
    picture; how many are made at a time, and on which machines they were."""

    images: Array
    seconds: float
    evaluations: float
    trainings: float
    batch: int
    made_on: frozenset[str]

    def part(self, seeds: int, captions: int) -> Array:
        """The first pictures."""
        return self.images[:seeds, :captions]


def gather(arm: Arm, machine: Machine, batch: int, cache: Path) -> Made:
    """All of an arm's cells, none of which may be missing."""
    cells = arm.cells(machine, batch)
    outcomes = [[Outcome.load(cell.file(cache)) for cell in seed] for seed in cells]
    images = np.stack([np.concatenate([outcome.images for outcome in seed]) for seed in outcomes])
    flat = [outcome for seed in outcomes for outcome in seed]
    count = images.shape[0] * images.shape[1]
    return Made(
        images=images,
        seconds=sum(outcome.seconds for outcome in flat) / count,
        evaluations=sum(outcome.evaluations for outcome in flat) / count,
        trainings=sum(outcome.trainings for outcome in flat) / count,
        batch=len(cells[0][0].starts),
        made_on=frozenset(outcome.made_on for outcome in flat),
    )
