"""Does the bridge point from a spoilt picture to the clean one, for each of the ten descriptors?

A bridge moves a picture along -(e(y_tgt) - e(y_src)) (distill/rules/bridge.py). At a corrupted picture, noised to
timestep t, this is held against (clean - corrupted) by its cosine: 0 is chance, 1 the way straight back. Under guides,
which show the clean object's colours, what is beside the object stays clean: in training it was so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.estimate import Estimate, estimate
from benchmarks.prior.goals import Goal
from benchmarks.prior.held_out import Example, encoded, prompts_of
from benchmarks.yardstick import markdown
from distill.prior import Prior, predict_together
from training.corruptions import DESCRIPTORS, Picture, corrupt
from training.countdown import countdown

TIMESTEPS = (200, 400, 600, 800)  # of 1000
NEEDED = 9  # descriptors out of ten


@dataclass(frozen=True)
class Cosines:
    """Of one descriptor, over pairs: at each timestep and over all, with its own word as the source; over all
    with another descriptor's; over all between the prior's whole target and source suffixes."""

    by_timestep: list[Estimate]
    own: Estimate
    another: Estimate
    suffixes: Estimate

    @property
    def passes(self) -> bool:
        """Whether the mean is over two standard errors."""
        return self.own.mean > 2 * self.own.error


def grade_descriptors(
    prior: Prior, pictures: Sequence[Example], severity: float = 0.7, seed: int = 0, batch: int = 16
) -> dict[str, Cosines]:
    """The cosines of each descriptor on the same pictures and noise, under the pictures' guides if they have some."""
    objects = np.array([picture.meta["object"] for picture in pictures])
    found = {}
    for descriptor in countdown(DESCRIPTORS, "descriptors"):
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        parts = [
            cosines(prior, pictures[start : start + batch], descriptor, severity, rng, generator)
            for start in range(0, len(pictures), batch)
        ]
        own, another, suffixes = np.concatenate(parts, axis=2)
        found[descriptor] = Cosines(
            by_timestep=[estimate(row, objects) for row in own],
            own=estimate(own.mean(axis=0), objects),
            another=estimate(another.mean(axis=0), objects),
            suffixes=estimate(suffixes.mean(axis=0), objects),
        )
    return found


def cosines(
    prior: Prior,
    pictures: Sequence[Example],
    descriptor: str,
    severity: float,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> np.ndarray:
    """[3, timesteps, B]: with its own word, another's, and the suffixes."""
    another = DESCRIPTORS[(DESCRIPTORS.index(descriptor) + 3) % len(DESCRIPTORS)]
    spoilt = encoded(prior, [corrupted(picture, descriptor, severity, rng) for picture in pictures])
    wanted = encoded(prior, [picture.image for picture in pictures]) - spoilt
    suffixes = ("", f", {descriptor}", f", {another}", prior.card.target_suffix, prior.card.source_suffix)
    prompts = [prompts_of(prior, pictures, suffix) for suffix in suffixes]
    rows = []
    for timestep in TIMESTEPS:
        t = torch.full((len(pictures),), timestep * len(prior.schedule) // 1000, device=prior.device)
        noise = torch.randn(spoilt.shape, generator=generator).to(prior.device)
        x_t = prior.schedule.add_noise(spoilt, t, noise)
        plain, own, other, target, source = predict_together(prior, x_t, t, *prompts)
        rows.append([_cosine(own - plain, wanted), _cosine(other - plain, wanted), _cosine(source - target, wanted)])
    return np.array(rows).swapaxes(0, 1)


def corrupted(picture: Example, descriptor: str, severity: float, rng: np.random.Generator) -> Picture:
    """The picture spoilt; where a guide is sure of what is there, beside the object, it stays as it is."""
    spoilt, coverage = corrupt(picture.image, descriptor, severity, rng), picture.framed.coverage
    if picture.guide is None or coverage is None:
        return spoilt
    return spoilt * coverage + picture.image * (1 - coverage)


def _cosine(first: Tensor, second: Tensor) -> np.ndarray:
    return F.cosine_similarity(first.flatten(1), second.flatten(1)).cpu().numpy()


def report(found: dict[str, Cosines]) -> str:
    """As markdown."""
    header = ["descriptor", *map(str, TIMESTEPS), "mean", "over 2 errors", "another's word", "whole suffixes"]
    rows = [
        [
            descriptor, *(f"{each.mean:.2f} ± {each.error:.2f}" for each in one.by_timestep), str(one.own),
            "yes" if one.passes else "no", str(one.another), str(one.suffixes),
        ]
        for descriptor, one in found.items()
    ]  # fmt: skip
    return markdown(header, rows)


def goals(found: dict[str, Cosines]) -> list[Goal]:
    """Nine of ten by their words alone."""
    passed = sum(one.passes for one in found.values())
    name = "descriptors that point back by their word alone, over two errors"
    return [Goal(name, f"{passed} of {len(found)}", f"≥ {NEEDED}", passed >= NEEDED)]
