"""From outcomes to figures: how far the arms lie from renders, with the spread over seeds and objects.

Every picture stands on the same plain backgrounds. The yardstick of a distance is the `references`: renders of
other objects with the same phrases. The held-out objects' own renders, held against them in the same way and
number, give the floor that a result could reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from benchmarks.distances import c2st, frechet, kid, spectrum_gap, squared_mmd, standardised
from benchmarks.picture_measures import measure
from benchmarks.prior.classifier import Classifier
from benchmarks.prior.features import agreement, features
from benchmarks.realism.objects import TestObject, masks, on_backgrounds
from benchmarks.realism.result import Outcome
from training.pictures import BACKGROUNDS

Array = np.ndarray[Any, np.dtype[Any]]
Aim = Literal["lower", "higher", "as renders", "½"]
SIZES = (64, 128)
FOLDS = 5
COLORS = [BACKGROUNDS[name] for name in sorted(BACKGROUNDS)]


@dataclass(frozen=True)
class Row:
    """One figure. `arms` holds each arm's values [seeds, objects], or [seeds, 1] where all objects count together;
    `renders` the same of the renders [1, objects] or [1, 1]; `deviation` that of KID's subsets."""

    name: str
    pixels: str
    goal: Aim
    arms: Mapping[str, Array]
    renders: Array | None = None
    deviation: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Evidence:
    """The outcomes of all seeds, arms and objects, none missing: outcomes[arm][seed][object]."""

    things: Sequence[TestObject]
    outcomes: Mapping[str, Sequence[Sequence[Outcome]]]

    @property
    def seeds(self) -> int:
        return len(next(iter(self.outcomes.values())))

    def each(self, value: Callable[[TestObject, Outcome], float]) -> dict[str, Array]:
        """A value of every outcome: [seeds, objects] for each arm."""
        return {
            arm: np.array([[value(*pair) for pair in zip(self.things, seed, strict=True)] for seed in several])
            for arm, several in self.outcomes.items()
        }


@dataclass(frozen=True)
class Sets:
    """All pictures at one size on backgrounds, [N, S, S, 3] uint8: of results (as Evidence.outcomes), of the
    objects' own renders and of the references, one array for each object."""

    evidence: Evidence
    size: int

    def _shown(self, pictures: Array) -> Array:
        return on_backgrounds(pictures, COLORS, self.size)

    @cached_property
    def results(self) -> dict[str, list[list[Array]]]:
        return {
            arm: [[self._shown(outcome.pictures) for outcome in seed] for seed in several]
            for arm, several in self.evidence.outcomes.items()
        }

    @cached_property
    def renders(self) -> list[Array]:
        return [self._shown(thing.renders) for thing in self.evidence.things]

    @cached_property
    def references(self) -> list[Array]:
        return [self._shown(thing.references) for thing in self.evidence.things]


def rows(evidence: Evidence, trained: Sequence[Classifier], untrained: Sequence[Classifier]) -> list[Row]:
    """All figures. Without trained classifiers there is no agreement, and features are those of untrained ones."""
    sets = [Sets(evidence, size) for size in SIZES]
    found = []
    kinds = {"classifier": trained, "untrained": untrained}
    for name, networks in kinds.items():
        if networks:
            for one in sets:
                found += _distances(one, networks, name, with_c2st=name == "classifier" or not trained)
    for one in sets:
        found.append(_spectrum(one))
        found += _saturation(one)
    if trained:
        found += _agreements(sets[0], trained)
    found.append(Row("silhouette IoU with the sketch", "", "higher", evidence.each(lambda _, made: made.iou)))
    found.append(Row("F-score against the true mesh", "", "higher", evidence.each(lambda _, made: made.f_score)))
    return found


def _distances(sets: Sets, networks: Sequence[Classifier], name: str, with_c2st: bool) -> list[Row]:
    """KID, Fréchet distance and C2ST, over all objects together."""
    references = features(networks, np.concatenate(sets.references))
    own = features(networks, np.concatenate(sets.renders))
    arms = {
        arm: [features(networks, np.concatenate(seed)) for seed in several] for arm, several in sets.results.items()
    }
    every = [own, *(seed for several in arms.values() for seed in several)]
    references, own, *flat = standardised(references, *every)
    it = iter(flat)
    arms = {arm: [next(it) for _ in several] for arm, several in arms.items()}

    label, pixels = f"{name} features", str(sets.size)
    kids = {arm: [_kid(seed, references) for seed in several] for arm, several in arms.items()}
    floor = _kid(own, references)
    deviation = {arm: float(np.mean([found.deviation for found in several])) for arm, several in kids.items()}
    means = {arm: _column([found.mean for found in several]) for arm, several in kids.items()}
    gaps = {arm: _column([frechet(seed, references) for seed in several]) for arm, several in arms.items()}
    deviation["renders"] = floor.deviation
    alone = {arm: np.array([_mmd_of_each(sets, seed, references) for seed in several]) for arm, several in arms.items()}
    found = [
        Row(f"KID, {label}", pixels, "lower", means, _column([floor.mean]), deviation),
        Row(f"KID by object, {label}", pixels, "lower", alone, np.array([_mmd_of_each(sets, own, references)])),
        Row(f"Fréchet distance, {label}", pixels, "lower", gaps, _column([frechet(own, references)])),
    ]
    count = len(sets.evidence.things)
    if with_c2st and count > 1:
        names = [np.repeat(np.arange(count), [len(part) for part in each]) for each in (sets.renders, sets.references)]

        def told_apart(these: Array) -> float:
            rng = np.random.default_rng(0)
            return c2st(these, references, rng, (names[0], names[1]), folds=min(FOLDS, count)).mean

        apart = {arm: _column([told_apart(seed) for seed in several]) for arm, several in arms.items()}
        found.append(Row(f"C2ST accuracy, {label}", pixels, "½", apart, _column([told_apart(own)])))
    return found


def _mmd_of_each(sets: Sets, these: Array, references: Array) -> list[float]:
    """Each object's pictures against those of its own phrase alone, without subsets: there are too few."""
    count = len(sets.evidence.things)
    ends = np.cumsum([len(part) for part in sets.references])[:-1]
    return [squared_mmd(*pair) for pair in zip(np.split(these, count), np.split(references, ends), strict=True)]


def _kid(these: Array, references: Array) -> Any:
    return kid(these, references, np.random.default_rng(0))


def _spectrum(sets: Sets) -> Row:
    def gap(pictures: Array, index: int) -> float:
        return spectrum_gap(pictures / 255, sets.references[index] / 255)

    arms = {
        arm: np.array([[gap(pictures, i) for i, pictures in enumerate(seed)] for seed in several])
        for arm, several in sets.results.items()
    }
    renders = np.array([[gap(pictures, i) for i, pictures in enumerate(sets.renders)]])
    return Row("spectrum gap, dB", str(sets.size), "lower", arms, renders)


def _saturation(sets: Sets) -> list[Row]:
    """Saturation of the object's pixels, and how far it is from the references'."""
    things, outcomes = sets.evidence.things, sets.evidence.outcomes

    def saturation(shown: Array, pictures: Array) -> float:
        return measure(shown, masks(pictures, sets.size)).saturation

    wanted = np.array(
        [[saturation(shown, thing.references) for shown, thing in zip(sets.references, things, strict=True)]]
    )
    own = np.array([[saturation(shown, thing.renders) for shown, thing in zip(sets.renders, things, strict=True)]])
    arms = {
        arm: np.array(
            [
                [saturation(shown, made.pictures) for shown, made in zip(*pair, strict=True)]
                for pair in zip(several, outcomes[arm], strict=True)
            ]
        )
        for arm, several in sets.results.items()
    }
    gaps = {arm: np.abs(values - wanted) for arm, values in arms.items()}
    return [
        Row("saturation", str(sets.size), "as renders", arms, own),
        Row("saturation gap", str(sets.size), "lower", gaps, np.abs(own - wanted)),
    ]


def _agreements(sets: Sets, networks: Sequence[Classifier]) -> list[Row]:
    """How often the classifiers say the caption's kind, colour and material of a picture."""
    found = []
    for attribute, label in (("kind", "kind"), ("color", "colour"), ("material", "material")):
        words = [getattr(thing, attribute) for thing in sets.evidence.things]
        known = [i for i, word in enumerate(words) if word]
        if not known:
            continue

        def share(parts: Sequence[Array], attribute: str = attribute, words: Sequence[str] = words) -> list[float]:
            return [agreement(networks, parts[i], attribute, words[i]) for i, word in enumerate(words) if word]

        arms = {arm: np.array([share(seed) for seed in several]) for arm, several in sets.results.items()}
        renders = np.array([share(sets.renders)])
        found.append(Row(f"agreement on the {label} ({len(known)} objects)", "64", "higher", arms, renders))
    return found


def _column(values: Sequence[float]) -> Array:
    return np.array(values, float)[:, None]
