"""The stream of training examples: picture and caption, clean, corrupted, painted or sketched, from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.corruptions import WHOLE_LISTS, Picture, painterly, random_corruption
from training.guides import (
    EXACT,
    EXACT_LIGHT_SHARE,
    Roughness,
    blank,
    draw_roughness,
    draw_strength,
    fitted_guide,
    guide,
    painted_guide,
)
from training.pictures import QUALITY, Framed, Known, Meta, Renders, frame, on_backdrop, to_linear, wordings

EMPTY_SHARE = 0.07  # captions left empty, for classifier-free guidance
CORRUPTED_SHARE = 0.34
PAINTED_SHARE = 0.04
FITTED_SHARE = 0.6  # of the guides of a sketched object are of the body that the product fits to its sketch
FROM_PAINTING_SHARE = 0.05  # photographs whose guide is a painting of them
# Of those neither corrupted nor painted, half carry the quality words.
QUALITY_SHARE = 0.5
LONGEST_SHARE = 0.85  # captions that say all there is to say
BASE_COLOR_SHARE = 0.15  # of the pictures are of the surface alone, without light
BASE_COLOR = "the base colour of"
# How often each sort of render is drawn, where there are enough of it.
SORTS = {"photo": 0.70, "scene": 0.18, "sketch": 0.05, "artefact": 0.07}
MOST_OFTEN = 5.0  # times as often as all renders together: a few are not to be learnt by heart


class Batch(NamedTuple):
    """pictures [B, 3, S, S] in -1..1, their guides [B, 7, S, S] in 0..1 (distill/controls.py), and their captions."""

    pictures: Tensor
    guides: Tensor
    captions: list[str]


class Example(NamedTuple):
    """A picture [S, S, 3] with its guide [7, S, S] and a caption."""

    image: Picture
    guide: np.ndarray
    caption: str


def sort_of(meta: Meta) -> str:
    """What a render is: a photo on a transparent film, a scene with ground and sky, a sketch, or the artefact
    of a first stage of distillation."""
    if meta.get("medium") == "a sketch of":
        return "sketch"
    if meta.get("artefact"):
        return "artefact"
    return "photo" if meta["transparent"] else "scene"


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """How often each sort is drawn, given its number of renders: as in SORTS, up to the limit of MOST_OFTEN."""
    total = sum(counts.values())
    limits = {sort: MOST_OFTEN * count / total for sort, count in counts.items()}
    found: dict[str, float] = {}
    while True:
        free = {sort: SORTS[sort] for sort in counts if sort not in found}
        scale = (1 - sum(found.values())) / sum(free.values())
        above = [sort for sort, share in free.items() if share * scale > limits[sort]]
        if not above:
            return {sort: found.get(sort, SORTS[sort] * scale) for sort in counts}
        found.update({sort: limits[sort] for sort in above})


class Examples(IterableDataset[Batch]):
    """Endless batches; batch number k is the same whoever asks, so that training resumes at any k."""

    def __init__(self, renders: Renders, batch_size: int, size: int = 128, seed: int = 0, start: int = 0) -> None:
        self.renders, self._batch_size, self._size = renders, batch_size, size
        self._seed, self._start = seed, start
        sorts = np.array([sort_of(meta) for meta in renders.metas])
        self._members = {sort: np.flatnonzero(sorts == sort) for sort in SORTS if (sorts == sort).any()}
        chances = shares({sort: len(members) for sort, members in self._members.items()})
        self._chances = np.array(list(chances.values()))

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        number = self._start + first
        while True:
            yield self.batch(number)
            number += stride

    def batch(self, number: int) -> Batch:
        """Batch `number` of the stream."""
        rng = np.random.default_rng((self._seed, number))
        return collate([self._example(rng) for _ in range(self._batch_size)])

    def _example(self, rng: np.random.Generator) -> Example:
        sort = list(self._members)[int(rng.choice(len(self._members), p=self._chances))]
        index = int(rng.choice(self._members[sort]))
        meta, known = self.renders.metas[index], self.renders.known_of(index)
        framed = frame(self.renders.images[index], meta, rng, self._size)
        if known is not None and rng.random() < BASE_COLOR_SHARE:
            framed, meta, lit = base_color(framed, known), meta | {"medium": BASE_COLOR}, False
        else:
            lit = True
        longest, *shorter = wordings(meta, framed)
        caption = longest if rng.random() < LONGEST_SHARE or not shorter else str(rng.choice(shorter))
        seen = _guide(framed, known, meta, lit, rng)
        image, caption = _treated(framed.image, caption, sort, rng) if lit else (framed.image, caption)
        if framed.coverage is not None and seen[3].any():  # what the guide is sure of is so
            image = image * framed.coverage + framed.image * (1 - framed.coverage)
        if lit and known is not None and rng.random() < FROM_PAINTING_SHARE:
            seen = painted_guide(painterly(framed.image, rng), draw_strength(rng))
        return Example(image, seen, "" if rng.random() < EMPTY_SHARE else caption)


def collate(examples: Sequence[Example]) -> Batch:
    """One batch of examples of one size."""
    pictures, guides, captions = zip(*examples, strict=True)
    return Batch(
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) * 2 - 1, torch.from_numpy(np.stack(guides)),
        list(captions),
    )  # fmt: skip


def base_color(framed: Framed, known: Known) -> Framed:
    """The surface without light, in the photograph's place."""
    assert framed.coverage is not None and framed.backdrop is not None
    pixels = framed.framing.cut(known.base)
    return replace(framed, image=on_backdrop(to_linear(pixels[..., :3]), pixels[..., 3:], framed.backdrop))


def _guide(framed: Framed, known: Known | None, meta: Meta, lit: bool, rng: np.random.Generator) -> np.ndarray:
    strength = draw_strength(rng)
    if known is None or not strength:
        return blank(framed.framing.size)
    if known.fitted is not None and rng.random() < FITTED_SHARE:
        return fitted_guide(framed, known, meta, strength, rng, lit)
    rough = draw_roughness(rng, strength)
    return guide(framed, known, meta, strength, rough, rng, lit, exact_light=bool(rng.random() < EXACT_LIGHT_SHARE))


def clean_example(
    renders: Renders, index: int, rng: np.random.Generator, size: int, strength: float = 1.0,
    rough: Roughness = EXACT, move: bool = False,
) -> tuple[Framed, np.ndarray]:  # fmt: skip
    """A render as it is and its guide: for validation and grades."""
    meta, known = renders.metas[index], renders.known_of(index)
    framed = frame(renders.images[index], meta, rng, size, move)
    if known is None:
        return framed, blank(size)
    return framed, guide(framed, known, meta, strength, rough, rng)


def _treated(image: Picture, caption: str, sort: str, rng: np.random.Generator) -> tuple[Picture, str]:
    """The picture as it is or spoilt or painted, and the caption that says so."""
    draw = rng.random()
    if sort == "artefact":
        return image, caption + WHOLE_LISTS[0]
    if draw < CORRUPTED_SHARE:
        image, suffix, _ = random_corruption(image, rng)
        return image, caption + suffix
    if draw < CORRUPTED_SHARE + PAINTED_SHARE:
        return painterly(image, rng), caption + ", painting"
    good = sort != "sketch" and rng.random() < QUALITY_SHARE
    return image, caption + (QUALITY if good else "")


def stream(examples: Examples, workers: int = 1) -> Iterator[Batch]:
    """The batches in their order, made ahead of time in processes of their own."""
    return iter(DataLoader(examples, batch_size=None, num_workers=workers, prefetch_factor=4))
