"""How much the captions say: the v loss under the right ones and under other pictures' ones, and without guides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.estimate import Estimate, estimate
from benchmarks.prior.errors import timesteps, v_errors
from benchmarks.prior.goals import Goal
from benchmarks.prior.held_out import Example, embedded, encoded
from benchmarks.yardstick import markdown
from distill.prior import Prior
from training.countdown import countdown


@dataclass(frozen=True)
class Losses:
    """Mean squared errors of v: under the right captions, under another picture's, and the second less the first of
    the same pictures and noise; the first without guides (the same where there are none)."""

    right: Estimate
    other: Estimate
    gap: Estimate
    unguided: Estimate


def grade_captions(prior: Prior, pictures: Sequence[Example], draws: int, seed: int = 0) -> Losses:
    """On pictures of two objects or more; each is given the caption of the picture half the set further on."""
    generator, half = torch.Generator().manual_seed(seed), len(pictures) // 2
    rows = []
    for index in countdown(range(len(pictures)), "captions"):
        picture, other = pictures[index], pictures[(index + half) % len(pictures)]
        ways = [(picture.caption, picture.guide), (other.caption, picture.guide), (picture.caption, None)]
        noise = torch.randn(draws, *prior.shape, generator=generator).to(prior.device)
        x, t = encoded(prior, [picture.image])[[0] * draws], timesteps(prior, draws)
        found = [v_errors(prior, x, t, noise, embedded(prior, [said], guides=[guide])[[0] * draws])
                 for said, guide in ways]  # fmt: skip
        rows.append([float(errors.mean()) for errors in found])
    right, other, unguided = np.array(rows).T
    objects = np.array([each.meta["object"] for each in pictures])
    return Losses(*(estimate(values, objects) for values in (right, other, other - right, unguided)))


def report(found: Losses) -> str:
    """As markdown."""
    header = ["v loss", "right captions", "another picture's", "gap", "right captions, no guide"]
    cells = [f"{each.mean:.4f} ± {each.error:.4f}" for each in (found.right, found.other, found.gap, found.unguided)]
    return markdown(header, [["", *cells]])


def goals(found: Losses) -> list[Goal]:
    """That captions matter at all."""
    share = found.gap.mean / found.right.mean
    text = f"{found.gap.mean:.4f} ± {found.gap.error:.4f} ({share:.0%} of the loss)"
    return [Goal("another picture's caption costs", text, "over two errors", found.gap.mean > 2 * found.gap.error)]
