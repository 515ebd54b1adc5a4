"""One small sweep for all rules: the same points, the same captions, one criterion.

A point multiplies the rule's strength (its guidance scale, say) and takes one of the same few learning rates. Where
Adam does not feel the strength (a weight of the whole gradient) the learning rate of the rule's own stage beside the
first one's is moved instead, so that no rule has more points than another.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.distill.figures import Array, Judge
from benchmarks.distill.methods import Tuning
from benchmarks.distill.subjects import Subject

STRENGTHS = (0.25, 1.0)
CRITERION = (
    "the lowest squared MMD (KID with all pictures in one subset) of the sweep's pictures from the references; of "
    "those that lie within one standard error of the lowest, the one whose kinds and colours the classifier "
    "recognises most often"
)


@dataclass(frozen=True)
class Point:
    """What a point of the sweep reached; `behind`: how much further than the nearest it lies, and that one's error."""

    tuning: Tuning
    distance: float
    behind: float
    error: float
    agreement: float
    chosen: bool = False


def points(lrs: Sequence[float]) -> list[Tuning]:
    """The same for every rule."""
    return [Tuning(strength, lr) for lr, strength in itertools.product(lrs, STRENGTHS)]


def judge_points(judge: Judge, pictures: Mapping[Tuning, Array], subjects: Sequence[Subject]) -> list[Point]:
    """All points of a rule, one of them chosen by CRITERION. Pictures are [seeds, captions, S, S, 3]."""
    distances = {tuning: judge.distance(images) for tuning, images in pictures.items()}
    nearest = min(distances, key=lambda tuning: distances[tuning])
    found = []
    for tuning, images in pictures.items():
        behind = judge.difference(images, pictures[nearest])
        share = judge.agreement(images, subjects)
        found.append(Point(tuning, distances[tuning], behind.mean, behind.error, share))
    best = choose(found)
    return [replace(one, chosen=one is best) for one in found]


def choose(found: Sequence[Point]) -> Point:
    """By CRITERION; the nearest where agreement is the same, too."""
    tied = [one for one in found if one.behind <= one.error]
    return min(tied, key=lambda one: (-one.agreement, one.distance))


def chosen(found: Sequence[Point]) -> Tuning:
    """The tuning of the chosen point."""
    return next(one.tuning for one in found if one.chosen)
