"""What is drawn and what it is held against: captions and pictures of the world's held-out renders.

Captions come from half of the objects of each kind, references from the other half: no rule and no prior has seen
either, and the captions' own pictures, held against the references, give the floor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prior.held_out import Example, examples, halves
from benchmarks.prior.labels import attribute
from distill.prior import Prior
from distill.prompts import PromptPair, build_prompts
from training.pictures import read_renders

RENDERS = Path(__file__).parents[1] / "data" / "held_out.tar.gz"
SIZE = 64  # pixels of a picture
REFERENCES = 512
FOR_THE_SWEEP = 12  # captions that only constants are chosen by

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Subject:
    """A caption in the parts that a user gives, what there is to see, and a real picture of it [64, 64, 3] uint8."""

    words: str
    background: str | None
    view: str
    kind: str
    color: str | None
    object: int
    picture: Array = field(repr=False, compare=False)

    @property
    def caption(self) -> str:
        """As a user would say it all."""
        around = f", {self.background} background" if self.background else ""
        return f"{self.words}{around}, {self.view}"


@dataclass(frozen=True)
class Subjects:
    """Captions to choose constants by, captions to compare on, and references [N, 64, 64, 3] uint8."""

    sweep: list[Subject]
    compared: list[Subject]
    references: Array


def read_subjects(count: int, path: Path = RENDERS) -> Subjects:
    """`count` captions to compare on; fewer are always the beginning of more."""
    if not path.exists():
        raise FileNotFoundError(
            f"no renders {path}: pack some with python -m benchmarks.distill.make_set data/world/*.tar"
        )
    described, others = halves(read_renders([path]).of("held_out"))
    chosen = examples(described, FOR_THE_SWEEP + count, np.random.default_rng(0), SIZE)
    real = examples(others, REFERENCES, np.random.default_rng(1), SIZE)
    subjects = [subject(each) for each in chosen]
    return Subjects(
        subjects[:FOR_THE_SWEEP], subjects[FOR_THE_SWEEP:], np.stack([as_bytes(each.image) for each in real])
    )


def subject(picture: Example) -> Subject:
    """A picture's caption in its parts."""
    named = re.fullmatch(r", (\w+) background", picture.framed.surroundings)
    return Subject(
        words=f"a photo of {picture.meta['phrase']}",
        background=named[1] if named else None,
        view=picture.framed.view,
        kind=picture.meta["kind"],
        color=attribute(picture.meta, "color"),
        object=picture.meta["object"],
        picture=as_bytes(picture.image),
    )


def as_bytes(images: Array) -> Array:
    """0..1 to uint8."""
    return (np.clip(images, 0, 1) * 255 + 0.5).astype(np.uint8)


def pairs_of(prior: Prior, subjects: Sequence[Subject], source_suffix: str | None = None) -> tuple[PromptPair, ...]:
    """Target and source of each subject, perhaps with other descriptors in the source.

    Raises ValueError where words would have to be cut: then the rules would draw something else.
    """
    kept = prior.card
    prior.card = replace(kept, source_suffix=source_suffix) if source_suffix else kept
    try:
        pairs = tuple(build_prompts(prior, each.words, each.view, each.background) for each in subjects)
    finally:
        prior.card = kept
    if cut := [pair.target for pair in pairs if pair.cut]:
        raise ValueError(f"no room for all words of {cut[0]!r} and {len(cut) - 1} more: give shorter descriptors")
    return pairs
