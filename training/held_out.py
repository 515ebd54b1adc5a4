"""Pictures with captions to grade a prior by, drawn evenly over the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from distill.prior import Prior, PromptEmbeds
from training.corruptions import Picture
from training.labels import photographs, spread
from training.pictures import Framed, Meta, Renders, frame, wordings


@dataclass(frozen=True)
class Example:
    """A picture [S, S, 3] with the words around it, of a render."""

    framed: Framed
    meta: Meta

    @property
    def image(self) -> Picture:
        return self.framed.image

    @property
    def caption(self) -> str:
        """The longest of its captions."""
        return wordings(self.meta, self.framed)[0]


def examples(renders: Renders, count: int, rng: np.random.Generator, size: int) -> list[Example]:
    """`count` pictures; a render serves again, framed anew, only when all have served. ValueError without any."""
    renders = photographs(renders)
    if not len(renders):
        raise ValueError("no held-out renders (object ids divisible by 25) in the data: give more shards")
    chosen: list[int] = []
    while len(chosen) < count:
        chosen += spread(renders.metas, count - len(chosen), rng)
    return [Example(frame(renders.images[i], renders.metas[i], rng, size), renders.metas[i]) for i in chosen]


def halves(renders: Renders) -> tuple[Renders, Renders]:
    """Renders of a random half of each kind's objects (always the same), and of the other. Kinds take turns as
    object ids rise: halves by id alone could be of different kinds."""
    rng = np.random.default_rng(0)
    kinds: dict[str, set[int]] = {}
    for meta in renders.metas:
        kinds.setdefault(meta["kind"], set()).add(meta["object"])
    first = {name for objects in kinds.values() for name in rng.permutation(sorted(objects))[::2]}
    one = renders.select(lambda meta: meta["object"] in first)
    return one, renders.select(lambda meta: meta["object"] not in first)


def encoded(prior: Prior, images: Sequence[Picture]) -> Tensor:
    """The prior's x [B, C, h, w] of pictures [S, S, 3]."""
    with torch.no_grad():
        return prior.encode(torch.from_numpy(np.stack(images)).to(prior.device))


def embedded(prior: Prior, captions: Sequence[str], suffix: str = "") -> PromptEmbeds:
    """Captions with a suffix; over the token limit the captions' last pieces make room for it."""
    return prior.embed([fitting(prior, caption, suffix) for caption in captions])


def fitting(prior: Prior, caption: str, suffix: str = "") -> str:
    """The caption and the suffix, without as many of the caption's last pieces as the token limit asks for."""
    pieces = caption.split(", ")
    while len(pieces) > 1 and len(prior.tokenize(", ".join(pieces) + suffix)) > prior.style.max_tokens:
        pieces.pop()
    return ", ".join(pieces) + suffix
