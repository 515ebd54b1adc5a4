"""From pictures to figures: how far each method's lie from renders, and which of two methods lies nearer.

Features are those of the small classifier (benchmarks/prior/classifier.py), each scaled to deviation 1 over the
references.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distances import (
    among_others,
    frechet,
    kernel,
    kid,
    radial_spectrum,
    spectrum_gap,
    squared_mmd,
    standardised,
)
from benchmarks.distill.subjects import Subject, Subjects
from benchmarks.estimate import Estimate, estimate
from benchmarks.picture_measures import measure
from benchmarks.prior.classifier import Classifier, answers, features_of, load_classifier

WEIGHTS = Path(__file__).parents[1] / "data" / "classifier" / "classifier.safetensors"
HIGHEST_OCTAVE = 16  # waves a picture and more, of the 31 that 64 pixels can show
HALVES = 400  # draws of half of the captions

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Spread:
    """A mean and its standard deviation over seeds (0 for one seed)."""

    mean: float
    deviation: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.deviation:.3f}" if self.seeds > 1 else f"{self.mean:.3f}"


@dataclass(frozen=True)
class Figures:
    """Of a method's pictures. `kid_subsets`: KID's deviation over its subsets; `high_octave`: the power at the
    highest octave beside the references', in decibels (below 0: smooth, above: grainy); agreement: how often the
    classifier says the caption's word."""

    pictures: int
    kid: Spread
    kid_subsets: float
    frechet: Spread
    saturation: Spread
    high_octave: Spread
    spectrum_gap: Spread
    kind: Estimate
    color: Estimate | None


class Judge:
    """Measures pictures against a set's references."""

    def __init__(self, subjects: Subjects, network: Classifier | None = None) -> None:
        self._network = network or load_classifier(WEIGHTS)
        self._references = subjects.references
        self._raw = features_of(self._network, subjects.references)
        self._known = standardised(self._raw)[0]
        self.reference_saturation = _saturation(subjects.references)

    def features(self, images: Array) -> Array:
        """[..., D] of images [..., S, S, 3]."""
        flat = images.reshape(-1, *images.shape[-3:])
        return standardised(self._raw, features_of(self._network, flat))[1].reshape(*images.shape[:-3], -1)

    def distance(self, images: Array) -> float:
        """The unbiased squared MMD of all pictures at once: KID with one subset that holds everything."""
        features = self.features(images)
        return squared_mmd(features.reshape(-1, features.shape[-1]), self._known)

    def agreement(self, images: Array, subjects: Sequence[Subject]) -> float:
        """Share of kinds and known colours that the classifier recognises, of images [seeds, captions, S, S, 3]."""
        kinds, colors = self._right(images, subjects, "kind"), self._right(images, subjects, "color")
        return float(np.mean([*kinds[1], *colors[1]]))

    def figures(self, images: Array, subjects: Sequence[Subject]) -> Figures:
        """Of images [seeds, captions, S, S, 3] uint8 of these captions."""
        features = self.features(images)
        size = max(2, min(features.shape[1], len(self._known)) // 2)
        kids = [kid(seed, self._known, np.random.default_rng(0), subset_size=size) for seed in features]
        kind, color = (self._estimate(images, subjects, name) for name in ("kind", "color"))
        assert kind is not None  # every caption names one
        return Figures(
            pictures=features.shape[0] * features.shape[1],
            kid=spread([found.mean for found in kids]),
            kid_subsets=float(np.mean([found.deviation for found in kids])),
            frechet=spread([frechet(seed, self._known) for seed in features]),
            saturation=spread([_saturation(seed) for seed in images]),
            high_octave=spread([self._high_octave(seed) for seed in images]),
            spectrum_gap=spread([spectrum_gap(seed / 255, self._references / 255) for seed in images]),
            kind=kind,
            color=color,
        )

    def difference(self, one: Array, other: Array) -> Estimate:
        """How much further `one` lies from the references than `other`, in squared MMD, for images
        [seeds, captions, S, S, 3] of the same captions and seeds.

        The error is the deviation over halves of the captions (the same of both), which is that of the whole.
        """
        seeds, captions = (min(one.shape[i], other.shape[i]) for i in (0, 1))
        far, near = (self._remoteness(images[:seeds, :captions]) for images in (one, other))
        rng = np.random.default_rng(0)
        half = max(captions // 2, 2)
        halves = [rng.choice(captions, half, replace=False) for _ in range(HALVES)]
        everything = np.arange(captions)
        return Estimate(far(everything) - near(everything), float(np.std([far(some) - near(some) for some in halves])))

    def _remoteness(self, images: Array) -> Callable[[Array], float]:
        """The squared MMD of the pictures of chosen captions, without the references' own part of it."""
        features = self.features(images).astype(np.float64)
        flat = features.reshape(-1, features.shape[-1])
        within, across = kernel(flat, flat), kernel(flat, self._known.astype(np.float64)).mean(axis=1)
        places = np.arange(len(flat)).reshape(images.shape[:2])

        def remoteness(captions: Array) -> float:
            chosen = places[:, captions].ravel()
            return among_others(within[np.ix_(chosen, chosen)]) - 2 * float(across[chosen].mean())

        return remoteness

    def _high_octave(self, images: Array) -> float:
        have, want = (radial_spectrum(some / 255)[HIGHEST_OCTAVE - 1 :].sum() for some in (images, self._references))
        return float(10 * np.log10(have / want))

    def _estimate(self, images: Array, subjects: Sequence[Subject], attribute: str) -> Estimate | None:
        """None where fewer than two objects have the attribute."""
        objects, right = self._right(images, subjects, attribute)
        return estimate(right, objects) if len(set(objects.tolist())) > 1 else None

    def _right(self, images: Array, subjects: Sequence[Subject], attribute: str) -> tuple[Array, Array]:
        """Objects, and whether the classifier says the caption's word, of the pictures whose caption has one."""
        said = [answers(self._network, seed)[attribute] for seed in images]
        known = [i for i, each in enumerate(subjects) if getattr(each, attribute)]
        right = [float(words[i] == getattr(subjects[i], attribute)) for words in said for i in known]
        return np.array([subjects[i].object for _ in said for i in known]), np.array(right)


def spread(values: Sequence[float]) -> Spread:
    """Of one value for each seed."""
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0, len(values))


def _saturation(images: Array) -> float:
    return measure(images, np.ones(images.shape[:3], bool)).saturation
