"""Pictures with captions, and guides where they are asked for, to grade a prior by; drawn evenly over the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.prior.labels import photographs, spread
from distill.prior import Prior, PromptEmbeds
from training.corruptions import Picture
from training.examples import clean_example
from training.guides import draw_roughness
from training.pictures import Framed, Meta, Renders, frame, wordings


@dataclass(frozen=True)
class Example:
    """A picture [S, S, 3] with the words around it, of a render; and its guide [7, S, S] if it was asked for."""

    framed: Framed
    meta: Meta
    guide: np.ndarray | None = None

    @property
    def image(self) -> Picture:
        return self.framed.image

    @property
    def caption(self) -> str:
        """The longest of its captions."""
        return wordings(self.meta, self.framed)[0]

    @property
    def mask(self) -> np.ndarray:
        """Where the object is, [S, S] bool; everywhere in a scene."""
        if self.framed.coverage is None:
            return np.ones(self.image.shape[:2], bool)
        return self.framed.coverage[..., 0] > 0.5


def examples(
    renders: Renders, count: int, rng: np.random.Generator, size: int, guided: bool = False, move: bool = True
) -> list[Example]:
    """`count` pictures; a render serves again, framed anew, only when all have served.

    `guided`: with guides as coarse as a real sketch's; the renders must be `guidable` ones. ValueError without any.
    """
    renders = photographs(renders)
    if not len(renders):
        raise ValueError("no held-out renders (object ids divisible by 25) in the data: give more shards")
    chosen: list[int] = []
    while len(chosen) < count:
        chosen += spread(renders.metas, count - len(chosen), rng)
    if not guided:
        return [Example(frame(renders.images[i], renders.metas[i], rng, size, move), renders.metas[i]) for i in chosen]
    return [guided_example(renders, i, rng, size, move=move) for i in chosen]


def guided_example(
    renders: Renders, index: int, rng: np.random.Generator, size: int, strength: float = 1.0, move: bool = False
) -> Example:
    """A render and its guide, as coarse as a real sketch's."""
    rough = draw_roughness(rng, strength)
    framed, guide = clean_example(renders, index, rng, size, strength, rough, move)
    return Example(framed, renders.metas[index], guide)


def guidable(renders: Renders) -> Renders:
    """Those that a guide can be made of: on a transparent film, with passes and conditions. ValueError without any."""
    kept = [i for i, meta in enumerate(renders.metas) if meta["transparent"] and renders.known_of(i) is not None]
    if not kept:
        raise ValueError(
            f"none of {len(renders)} renders can have a guide: they want light passes (shards of today's world) and "
            "conditions, made by python -m training.conditions --data SHARDS"
        )
    known = [renders.known_of(i) for i in kept]
    return Renders([renders.images[i] for i in kept], [renders.metas[i] for i in kept], known)


def halves(renders: Renders) -> tuple[Renders, Renders]:
    """Renders of a random half of each kind's objects (always the same), and of the other. Kinds take turns as
    object ids rise: halves by id alone could be of different kinds. Odd ones out go to the two halves in turn."""
    rng = np.random.default_rng(0)
    kinds: dict[str, set[int]] = {}
    for meta in renders.metas:
        kinds.setdefault(meta["kind"], set()).add(meta["object"])
    first: set[int] = set()
    seen = 0
    for objects in kinds.values():
        first.update(rng.permutation(sorted(objects))[seen % 2 :: 2].tolist())
        seen += len(objects)
    one = renders.select(lambda meta: meta["object"] in first)
    return one, renders.select(lambda meta: meta["object"] not in first)


def encoded(prior: Prior, images: Sequence[Picture]) -> Tensor:
    """The prior's x [B, C, h, w] of pictures [S, S, 3]."""
    with torch.no_grad():
        return prior.encode(torch.from_numpy(np.stack(images)).to(prior.device))


def embedded(
    prior: Prior, captions: Sequence[str], suffix: str = "", guides: Sequence[np.ndarray | None] | None = None
) -> PromptEmbeds:
    """Captions with a suffix, and the guides [7, S, S] beside them where there are some; over the token limit the
    captions' last pieces make room for the suffix."""
    prompts = prior.embed([fitting(prior, caption, suffix) for caption in captions])
    there = [guide for guide in guides or () if guide is not None]
    if not there:
        return prompts
    if len(there) != len(captions):
        raise ValueError(f"{len(there)} guides for {len(captions)} captions: wanted one for each, or none")
    return replace(prompts, controls=torch.from_numpy(np.stack(there)).to(prior.device))


def prompts_of(prior: Prior, pictures: Sequence[Example], suffix: str = "") -> PromptEmbeds:
    """The pictures' captions with a suffix, under their guides."""
    captions, guides = [each.caption for each in pictures], [each.guide for each in pictures]
    return embedded(prior, captions, suffix, guides)


def fitting(prior: Prior, caption: str, suffix: str = "") -> str:
    """The caption and the suffix, without as many of the caption's last pieces as the token limit asks for."""
    pieces = caption.split(", ")
    while len(pieces) > 1 and len(prior.tokenize(", ".join(pieces) + suffix)) > prior.card.max_tokens:
        pieces.pop()
    return ", ".join(pieces) + suffix
