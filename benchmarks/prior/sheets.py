"""Sheets of what a prior draws, to be looked at: a column for each caption, a row for each way to draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.prior.held_out import Example, prompts_of
from benchmarks.prior.sampling import draw_samples
from distill.prior import Prior
from realify.job.sheet import SheetRow, paint_sheet
from training.corruptions import DESCRIPTORS

TILE, GAP = 128, 2  # pixels of a sample and between two
SEEDS = (0, 1)

Rows = Mapping[str, np.ndarray]  # a title → images [N, S, S, 3], 0..1


def guide_pictures(pictures: Sequence[Example]) -> dict[str, np.ndarray]:
    """A row of the guides, if there are some."""
    guides = [each.guide[:3].transpose(1, 2, 0) for each in pictures if each.guide is not None]
    return {"guide": np.stack(guides)} if guides else {}


def scale_rows(prior: Prior, pictures: Sequence[Example], scales: Sequence[float], steps: int) -> dict[str, np.ndarray]:
    """Samples of the pictures' captions (quality words added) under their guides, at each guidance scale with two
    seeds."""
    prompts = prompts_of(prior, pictures, prior.card.target_suffix)
    return {
        f"scale {scale:g}, seed {seed}": draw_samples(prior, prompts, steps, scale, seed, f"sheet, scale {scale:g}")
        for scale in scales
        for seed in SEEDS
    }


def held_out_rows(prior: Prior, pictures: Sequence[Example], scales: Sequence[float], steps: int) -> Rows:
    """Guide, samples, samples without the guide, and the photograph."""
    rows = guide_pictures(pictures) | scale_rows(prior, pictures, scales, steps)
    if "guide" in rows:
        prompts = replace(prompts_of(prior, pictures, prior.card.target_suffix), controls=None)
        rows["without the guide"] = draw_samples(prior, prompts, steps, None, SEEDS[0], "sheet, without guide")
    return rows | {"photograph": np.stack([each.image for each in pictures])}


def material_rows(pictures: Sequence[Example], drawn: Rows) -> Rows:
    """Guide, samples under each word, and the photograph, in a material of its own."""
    return {**guide_pictures(pictures), **drawn, "photograph": np.stack([each.image for each in pictures])}


def word_rows(prior: Prior, pictures: Sequence[Example], steps: int) -> Rows:
    """What quality words and each descriptor do, under guides, at the prior's own guidance scale."""
    suffixes = {"quality words": prior.card.target_suffix, "nothing": ""}
    suffixes |= {word: f", {word}" for word in DESCRIPTORS} | {"all ten": prior.card.source_suffix}
    return guide_pictures(pictures) | {
        word: draw_samples(prior, prompts_of(prior, pictures, suffix), steps, None, SEEDS[0], f"sheet, {word}")
        for word, suffix in suffixes.items()
    }


def write_sheet(rows: Rows, captions: Sequence[str], path: Path) -> None:
    """Rows of images [N, S, S, 3] under N captions, in the file's own format."""
    painted = [SheetRow(captions=captions)]
    painted += [SheetRow(name, list((images.clip(0, 1) * 255 + 0.5).astype(np.uint8))) for name, images in rows.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    paint_sheet(painted, TILE, gap=GAP, lines=5).save(path, quality=90)
