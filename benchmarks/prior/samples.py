"""What the prior's samples are like: agreement with the classifier, distances from held-out pictures, colour speckle,
and whether they are nearer to the photograph than the guide was.

The classifier answers at 64 pixels, which it was trained at. Distances are taken at 64 pixels, where the goal was set,
and at the picture's own size, where the same network sees finer things than it was trained on; the untrained network
sees the picture at its own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.distances import Kid, c2st, frechet, kid, speckle, spectrum_gap, standardised
from benchmarks.estimate import Estimate, estimate
from benchmarks.picture_measures import measure
from benchmarks.prior.classifier import SIZE, Classifier, Score, answers, features_of, random_features, score
from benchmarks.prior.goals import Goal
from benchmarks.prior.held_out import Example
from benchmarks.prior.labels import CLEAN, attribute
from benchmarks.yardstick import markdown

TOLD_APART, SPECKLED = 0.65, 1.2  # the goals for C2ST and for colour speckle beside the photographs'


@dataclass(frozen=True)
class Distances:
    """Of a set of pictures from real ones, in one network's features."""

    kid: Kid
    frechet: float
    c2st: Estimate


@dataclass(frozen=True)
class Look:
    """Means over whole pictures, how far their spectrum is from that of real ones, in decibels, and the colour speckle
    on the objects."""

    saturation: float
    clipped: float
    high_frequencies: float
    spectrum_gap: float
    speckle: float


@dataclass(frozen=True)
class Nearness:
    """Root mean square distances in sRGB on the object: of sample and of guide to the photograph, the first less the
    second of the same picture, and how often it is less."""

    sample: Estimate
    guide: Estimate
    further: Estimate
    nearer: float


@dataclass(frozen=True)
class SampleGrades:
    """`real` are held-out pictures with the captions and guides of the samples, `others` those of other objects: real
    from others is the floor under samples from others."""

    agreement: dict[str, dict[str, Score]]  # attribute: samples, real
    distances: dict[str, dict[str, Distances]]  # features: samples, real
    looks: dict[str, Look]  # samples, real, others
    nearness: Nearness | None  # of guided samples


def grade_samples(
    samples: np.ndarray, real: Sequence[Example], others: Sequence[Example], classifier: Classifier | None, seed: int
) -> SampleGrades:
    """Samples [N, S, S, 3] drawn for the captions (and guides) of the real pictures. Without a classifier: on random
    features alone."""
    sets = {
        "samples": samples,
        "real": np.stack([each.image for each in real]),
        "others": np.stack([each.image for each in others]),
    }
    masks = {"samples": real, "real": real, "others": others}
    sizes = sorted({SIZE, samples.shape[1]})
    networks = {f"untrained, {sizes[-1]} px": (random_features(seed), sizes[-1])}
    if classifier:
        networks |= {f"classifier, {size} px": (classifier, size) for size in sizes}
    return SampleGrades(
        agreement=agreement(classifier, sets, real) if classifier else {},
        distances={name: _distances(*network, sets, real, others, seed) for name, network in networks.items()},
        looks={
            name: _look(images, np.stack([each.mask for each in masks[name]]), sets["others"])
            for name, images in sets.items()
        },
        nearness=nearness(samples, real),
    )


def agreement(
    classifier: Classifier, sets: dict[str, np.ndarray], real: Sequence[Example]
) -> dict[str, dict[str, Score]]:
    """How often the classifier sees in samples, and in real pictures, what the caption says."""
    objects = [each.meta["object"] for each in real]
    said = {name: answers(classifier, sets[name]) for name in ("samples", "real")}
    found = {}
    for word in classifier.words:
        truth = [_told(each, word) for each in real]
        if len({name for name, known in zip(objects, truth, strict=True) if known}) > 1:
            found[word] = {name: score(said[name][word], truth, objects) for name in said}
    return found


def _told(picture: Example, name: str) -> str | None:
    if name == "corruption":
        return CLEAN
    return picture.framed.view if name == "view" else attribute(picture.meta, name)


def _distances(
    network: Classifier, size: int, sets: dict[str, np.ndarray], real: Sequence[Example], others: Sequence[Example],
    seed: int,
) -> dict[str, Distances]:  # fmt: skip
    base, samples, own = standardised(
        *(features_of(network, sets[name], size=size) for name in ("others", "samples", "real"))
    )
    groups = (
        np.array([each.meta["object"] for each in real]),
        np.array([each.meta["object"] for each in others]),
    )
    return {
        name: Distances(
            kid(features, base, np.random.default_rng(seed)),
            frechet(features, base),
            c2st(features, base, np.random.default_rng(seed), groups),
        )
        for name, features in {"samples": samples, "real": own}.items()
    }


def _look(images: np.ndarray, masks: np.ndarray, reference: np.ndarray) -> Look:
    figures = measure((images * 255 + 0.5).astype(np.uint8), np.ones(images.shape[:3], bool))
    return Look(
        figures.saturation, figures.clipped, figures.high_frequencies, spectrum_gap(images, reference),
        speckle(images, masks),
    )  # fmt: skip


def nearness(samples: np.ndarray, real: Sequence[Example]) -> Nearness | None:
    """None where the real pictures have no guides."""
    rows, objects = [], []
    for sample, picture in zip(samples, real, strict=True):
        if picture.guide is None or not picture.mask.any():
            continue
        guess = picture.guide[:3].transpose(1, 2, 0)
        rows.append([
            np.sqrt(np.square(image - picture.image)[picture.mask].mean()) for image in (sample, guess)
        ])  # fmt: skip
        objects.append(picture.meta["object"])
    if not rows:
        return None
    drawn, guide = np.array(rows).T
    groups = np.array(objects)
    return Nearness(
        estimate(drawn, groups), estimate(guide, groups), estimate(drawn - guide, groups),
        float((drawn < guide).mean()),
    )  # fmt: skip


def report(grades: SampleGrades) -> str:
    """As markdown."""
    agreed = [
        [name, str(two["samples"].accuracy), str(two["real"].accuracy), f"{two['real'].commonest:.3f}",
         str(two["real"].pictures)]
        for name, two in grades.agreement.items()
    ]  # fmt: skip
    distances = [
        [f"{what}, {features}", f"{1e3 * one.kid.mean:.1f} ± {1e3 * one.kid.deviation:.1f}", f"{one.frechet:.2f}",
         str(one.c2st)]
        for features, both in grades.distances.items()
        for what, one in both.items()
    ]  # fmt: skip
    looks = [
        [name, f"{one.saturation:.3f}", f"{one.clipped:.3f}", f"{one.high_frequencies:.2f}",
         f"{one.spectrum_gap:.2f}", f"{1e6 * one.speckle:.1f}"]
        for name, one in grades.looks.items()
    ]  # fmt: skip
    tables = [
        markdown(["classifier agrees on", "samples", "real pictures", "commonest word", "pictures"], agreed),
        markdown(["from other real pictures", "KID x 1000", "Fréchet", "C2ST"], distances),
        markdown(
            ["", "saturation", "clipped", "high frequencies, %", "spectrum gap, dB", "colour speckle x 10⁶"], looks
        ),
    ]
    if near := grades.nearness:
        tables.append(
            f"On the object, from the photograph: samples {near.sample}, guides {near.guide} (root mean square, sRGB); "
            f"samples less guides {near.further.mean:+.3f} ± {near.further.error:.3f}, nearer in {near.nearer:.0%}."
        )
    return "\n\n".join(tables if agreed else tables[1:])


def goals(grades: SampleGrades) -> list[Goal]:
    """Not to be told apart, no speckle, and nearer than the guide."""
    found = [
        Goal(f"C2ST, {name}", str(both["samples"].c2st), f"≤ {TOLD_APART}", both["samples"].c2st.mean <= TOLD_APART)
        for name, both in grades.distances.items()
        if name == f"classifier, {SIZE} px"
    ]
    ratio = grades.looks["samples"].speckle / grades.looks["real"].speckle
    found.append(Goal("colour speckle beside the photographs' own", f"{ratio:.2f} x", f"≤ {SPECKLED} x",
                      ratio <= SPECKLED))  # fmt: skip
    if near := grades.nearness:
        text = f"{near.sample} against {near.guide}"
        found.append(Goal("from the photograph: samples against guides", text, "nearer", near.further.mean < 0))
    return found
