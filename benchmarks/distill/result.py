"""All that the page tells, as far as it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.distill.cells import Arm
from benchmarks.distill.cost import Costs
from benchmarks.distill.figures import Figures, Judge
from benchmarks.distill.gather import Made
from benchmarks.distill.methods import FULL
from benchmarks.distill.paper import FID, Order, ranked_pairs
from benchmarks.distill.plan import Size
from benchmarks.distill.subjects import Array, Subject
from benchmarks.distill.sweep import Point
from benchmarks.estimate import Estimate


@dataclass(frozen=True)
class Row:
    """A method's figures, what it took, and its most memory in MB (None: unknown)."""

    figures: Figures
    made: Made
    megabytes: float | None


@dataclass
class Result:
    """Rows by the names of arms, empty where a part was not made. `floor` are the captions' own renders."""

    size: Size
    sweep: dict[str, list[Point]] = field(default_factory=dict)
    floor: Figures | None = None
    table_1: dict[str, Row] = field(default_factory=dict)
    orders_1: list[Order] = field(default_factory=list)
    table_3: dict[str, Row] = field(default_factory=dict)
    singles_3: dict[str, Figures] = field(default_factory=dict)
    orders_3: list[Order] = field(default_factory=list)
    ablations: dict[str, Row] = field(default_factory=dict)
    from_sds: dict[str, Estimate] = field(default_factory=dict)
    from_bridge: dict[str, Estimate] = field(default_factory=dict)
    speed: str = ""

    @property
    def made_on(self) -> frozenset[str]:
        """All machines that made pictures of the tables."""
        rows = [*self.table_1.values(), *self.table_3.values(), *self.ablations.values()]
        return frozenset().union(*(row.made.made_on for row in rows))


@dataclass(frozen=True)
class Examiner:
    """Turns what was made into rows."""

    judge: Judge
    subjects: Sequence[Subject]
    costs: Costs

    def row(self, arm: Arm, made: Made) -> Row:
        subjects = self.subjects[: made.images.shape[1]]
        return Row(self.judge.figures(made.images, subjects), made, self.costs.megabytes(arm.how))

    def difference(self, one: Made, other: Made) -> Estimate:
        """On the captions and seeds that both have."""
        seeds, captions = (min(one.images.shape[i], other.images.shape[i]) for i in (0, 1))
        return self.judge.difference(one.part(seeds, captions), other.part(seeds, captions))

    def order(self, better: str, worse: str, made: Mapping[str, Made]) -> Order:
        return Order(better, worse, (FID[better], FID[worse]), self.difference(made[worse], made[better]))

    def orders(self, made: Mapping[str, Made]) -> list[Order]:
        """All pairs of table 1."""
        return [self.order(*pair, made) for pair in ranked_pairs(list(made))]

    def full_orders(self, singles: Mapping[str, Made], full: Mapping[str, Made]) -> list[Order]:
        """Each whole path, which the paper has before its single step."""
        return [self.order(FULL[rule], rule, {**singles, **full}) for rule in FULL if FULL[rule] in full]

    def alike(self, made: Made, other: Made) -> Figures:
        """Of the first pictures of `made`, as many as `other` has."""
        seeds, captions = other.images.shape[:2]
        return self.judge.figures(made.part(seeds, captions), self.subjects[:captions])


def pictures_of(subjects: Sequence[Subject]) -> Array:
    """The captions' own renders as one seed, [1, captions, S, S, 3]."""
    return np.stack([each.picture for each in subjects])[None]
