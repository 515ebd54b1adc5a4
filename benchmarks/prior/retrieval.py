"""The prior as a classifier (Li et al. 2023, arXiv 2303.16203): which caption explains a picture best?

The captions differ in one attribute. The one under which the prior predicts v (its own training loss) with the
lowest error wins, over the same noise draws at evenly spread timesteps. To save time the right word stands against a
few others, drawn anew for each picture, so guessing is the same for all attributes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.estimate import Estimate, estimate
from benchmarks.prior.errors import timesteps, v_errors
from benchmarks.prior.held_out import Example, embedded, encoded
from benchmarks.prior.labels import attribute, said
from benchmarks.yardstick import markdown
from distill.prior import Prior
from training.countdown import countdown

CHOICES = 8  # words that a picture is asked about


@dataclass(frozen=True)
class Retrieval:
    """How often the right word won, of how many, and what guessing reaches on average."""

    accuracy: Estimate
    chance: float
    pictures: int


@dataclass(frozen=True)
class Question:
    """A picture, its captions with each word in turn, and which of them is right."""

    picture: Example
    captions: list[str]
    answer: int


def grade_retrieval(
    prior: Prior, pictures: Sequence[Example], words: Mapping[str, Sequence[str]], count: int, draws: int, seed: int = 0
) -> dict[str, Retrieval]:
    """Of each attribute in `words`, on the first `count` pictures that have it, under their guides if they have some.

    An attribute that fewer than two of the pictures name, or that has one word alone, is left out.
    """
    found = {}
    for name, several in words.items():
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        questions = [asked for each in pictures if (asked := question(prior, each, name, several, rng))][:count]
        objects = np.array([asked.picture.meta["object"] for asked in questions])
        if len(several) < 2 or len(set(objects.tolist())) < 2:
            continue
        right = [
            float(errors(prior, asked, draws, generator).argmin() == asked.answer)
            for asked in countdown(questions, f"retrieval, {name}")
        ]
        chance = float(np.mean([1 / len(asked.captions) for asked in questions]))
        found[name] = Retrieval(estimate(np.array(right), objects), chance, len(questions))
    return found


def unguided(pictures: Sequence[Example]) -> list[Example]:
    """The same pictures without their guides."""
    return [replace(each, guide=None) for each in pictures]


def question(
    prior: Prior, picture: Example, name: str, words: Sequence[str], rng: np.random.Generator
) -> Question | None:
    """What to ask about a picture; None if its caption does not tell the attribute."""
    truth = attribute(picture.meta, name)
    if truth not in words or (name != "kind" and said(picture.meta, name) is None):
        return None
    others = [word for word in words if word != truth]
    chosen = [truth, *rng.choice(others, min(CHOICES - 1, len(others)), replace=False).tolist()]
    order = rng.permutation(len(chosen)).tolist()
    captions = [with_word(prior.card.prefix, picture, name, chosen[i]) for i in order]
    return Question(picture, captions, order.index(0))


def with_word(prefix: str, picture: Example, name: str, word: str) -> str:
    """The picture's caption with another word for one attribute; its own word stays as it was said.

    For the kind it is "a KIND", with nothing else about the object: details would give the kind away.
    """
    phrase = picture.meta["phrase"]
    if name == "kind":
        phrase = word
    elif word != attribute(picture.meta, name):
        phrase = re.sub(rf"\b{said(picture.meta, name)}\b", word, phrase, count=1)
    return f"{prefix}{with_article(phrase)}{picture.framed.surroundings}, {picture.framed.view}"


def with_article(phrase: str) -> str:
    """ "an orange mug" for "a orange mug" and for "orange mug"."""
    bare = re.sub(r"^an? ", "", phrase)
    return f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}"


def errors(prior: Prior, asked: Question, draws: int, generator: torch.Generator) -> np.ndarray:
    """Mean squared error of v [K] under each of K captions; the noise is the same for all."""
    count = len(asked.captions)
    x = encoded(prior, [asked.picture.image])
    noise = torch.randn(draws, *x.shape[1:], generator=generator).to(prior.device)
    guides = None if asked.picture.guide is None else [asked.picture.guide] * count
    prompts = embedded(prior, asked.captions, guides=guides)
    caption, draw = torch.cartesian_prod(torch.arange(count), torch.arange(draws)).unbind(1)
    found = v_errors(prior, x[[0] * len(draw)], timesteps(prior, draws)[draw], noise[draw], prompts[caption])
    return found.view(count, draws).mean(dim=1).cpu().numpy()


def report(found: Mapping[str, Mapping[str, Retrieval]]) -> str:
    """As markdown, of retrievals by how they were done: "guided", "unguided"."""
    rows = [
        [name, how, str(one.accuracy), f"{one.chance:.3f}", str(one.pictures)]
        for how, several in found.items()
        for name, one in several.items()
    ]
    return markdown(["attribute", "pictures are", "right", "chance", "pictures"], rows)
