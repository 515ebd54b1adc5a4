"""What the prior draws: sheets to look at, agreement with the classifier, distances from held-out renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from benchmarks.picture_measures import measure
from benchmarks.yardstick import markdown
from distill.ddim import sample_ddim
from distill.prior import Prior, PromptEmbeds
from training.classifier import Classifier, Score, answers, features_of, random_features, score
from training.corruptions import DESCRIPTORS
from training.countdown import countdown
from training.distances import Kid, c2st, frechet, kid, spectrum_gap, standardised
from training.estimate import Estimate
from training.held_out import Example, embedded
from training.labels import CLEAN, attribute

BATCH = 32  # samples at once
TILE, LABEL, LINE, MARGIN = 128, 110, 14, 8  # pixels of a sheet: a sample, text at the left, its lines, paper
PAPER, INK = (236, 236, 236), (60, 60, 60)


def draw_samples(
    prior: Prior, prompts: PromptEmbeds, steps: int, scale: float | None, seed: int, label: str
) -> np.ndarray:
    """Images [N, S, S, 3], 0..1, of N embedded prompts. No scale: the prior's."""
    unconditional, generator = prior.embed([""]), torch.Generator().manual_seed(seed)
    parts = []
    for start in countdown(range(0, len(prompts), BATCH), label):
        some = prompts[start : start + BATCH]
        parts.append(prior.decode(sample_ddim(prior, some, unconditional, generator, steps, scale)).cpu().numpy())
    return np.concatenate(parts)


def scale_sheet(
    prior: Prior, captions: Sequence[str], scales: Sequence[float], path: Path, steps: int, seed: int
) -> None:
    """A PNG: a row for each guidance scale, a column for each caption (quality words added), one noise each."""
    prompts = embedded(prior, captions, prior.style.target_suffix)
    rows = {
        f"scale {scale:g}": draw_samples(prior, prompts, steps, scale, seed, f"sheet, scale {scale:g}")
        for scale in scales
    }
    write_sheet(rows, captions, path)


def word_sheet(prior: Prior, captions: Sequence[str], path: Path, steps: int, seed: int) -> None:
    """A PNG: what quality words and each descriptor do, at the prior's own guidance scale."""
    suffixes = {"quality words": prior.style.target_suffix, "nothing": ""}
    suffixes |= {word: f", {word}" for word in DESCRIPTORS} | {"all ten": prior.style.source_suffix}
    rows = {
        word: draw_samples(prior, embedded(prior, captions, suffix), steps, None, seed, f"sheet, {word}")
        for word, suffix in suffixes.items()
    }
    write_sheet(rows, captions, path)


def write_sheet(rows: dict[str, np.ndarray], captions: Sequence[str], path: Path) -> None:
    """Rows of images [N, S, S, 3] under N captions."""
    font = ImageFont.load_default(11)
    texts = [_wrapped(caption, font, TILE - 8) for caption in captions]
    head = MARGIN + LINE * max(text.count("\n") + 1 for text in texts)
    sheet = Image.new("RGB", (LABEL + len(captions) * TILE + MARGIN, head + len(rows) * TILE + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, text in enumerate(texts):
        pen.text((LABEL + column * TILE + 3, 4), text, INK, font)
    for row, (name, images) in enumerate(rows.items()):
        top = head + row * TILE
        pen.text((MARGIN, top + TILE // 2 - 8), _wrapped(name, font, LABEL - 2 * MARGIN), INK, font)
        for column, image in enumerate(images):
            picture = Image.fromarray((image * 255 + 0.5).astype(np.uint8))
            sheet.paste(picture.resize((TILE - 2, TILE - 2), Image.Resampling.BICUBIC), (LABEL + column * TILE, top))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """In lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines).strip()


@dataclass(frozen=True)
class Distances:
    """Of a set of pictures from real ones, in one network's features."""

    kid: Kid
    frechet: float
    c2st: Estimate


@dataclass(frozen=True)
class Look:
    """Means over whole pictures, and how far their spectrum is from that of real ones, in decibels."""

    saturation: float
    clipped: float
    high_frequencies: float
    spectrum_gap: float


@dataclass(frozen=True)
class SampleGrades:
    """`real` are held-out pictures with the captions of the samples, `others` those of other objects: real from
    others is the floor under samples from others."""

    agreement: dict[str, dict[str, Score]]  # attribute: samples, real
    distances: dict[str, dict[str, Distances]]  # features: samples, real
    looks: dict[str, Look]  # samples, real, others


def grade_samples(
    samples: np.ndarray, real: Sequence[Example], others: Sequence[Example], classifier: Classifier | None, seed: int
) -> SampleGrades:
    """Samples [N, S, S, 3] drawn for the captions of the real pictures. Without a classifier: on random
    features alone."""
    sets = {
        "samples": samples,
        "real": np.stack([each.image for each in real]),
        "others": np.stack([each.image for each in others]),
    }
    networks = {"untrained": random_features(seed)} | ({"classifier": classifier} if classifier else {})
    return SampleGrades(
        agreement=agreement(classifier, sets, real) if classifier else {},
        distances={name: _distances(network, sets, real, others, seed) for name, network in networks.items()},
        looks={name: _look(images, sets["others"]) for name, images in sets.items()},
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
    network: Classifier, sets: dict[str, np.ndarray], real: Sequence[Example], others: Sequence[Example], seed: int
) -> dict[str, Distances]:
    base, samples, own = standardised(*(features_of(network, sets[name]) for name in ("others", "samples", "real")))
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


def _look(images: np.ndarray, reference: np.ndarray) -> Look:
    figures = measure((images * 255 + 0.5).astype(np.uint8), np.ones(images.shape[:3], bool))
    return Look(figures.saturation, figures.clipped, figures.high_frequencies, spectrum_gap(images, reference))


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
        [name, f"{one.saturation:.3f}", f"{one.clipped:.3f}", f"{one.high_frequencies:.2f}", f"{one.spectrum_gap:.2f}"]
        for name, one in grades.looks.items()
    ]
    tables = [
        markdown(["classifier agrees on", "samples", "real pictures", "commonest word", "pictures"], agreed),
        markdown(["from other real pictures", "KID x 1000", "Fréchet", "C2ST"], distances),
        markdown(["", "saturation", "clipped", "high frequencies, %", "spectrum gap, dB"], looks),
    ]
    return "\n\n".join(tables if agreed else tables[1:])
