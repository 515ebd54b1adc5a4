"""The prior as a classifier (Li et al. 2023, arXiv 2303.16203): which caption explains a picture best?

The captions differ in one attribute. The one under which the prior predicts v (its own training loss) with the
lowest error wins, over the same noise draws at evenly spread timesteps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.yardstick import markdown
from distill.prior import Prior
from training.corruptions import DESCRIPTORS, Picture, corrupt
from training.countdown import countdown
from training.estimate import Estimate, estimate
from training.held_out import Example, embedded, encoded
from training.labels import CLEAN, attribute

RANGE = (0.15, 0.9)  # of the timesteps: below, words matter little; above, there is little to see
BATCH = 64  # predictions at once


@dataclass(frozen=True)
class Retrieval:
    """How often the right word of `words` won; what guessing and the commonest word reach."""

    accuracy: Estimate
    words: int
    chance: float
    commonest: float
    pictures: int


@dataclass(frozen=True)
class Question:
    """A picture, its captions with each word in turn, and which of them is right."""

    image: Picture
    captions: list[str]
    answer: int
    object: int


def grade_retrieval(
    prior: Prior,
    pictures: Sequence[Example],
    words: dict[str, list[str]],
    draws: int = 8,
    severity: float = 0.7,
    seed: int = 0,
) -> dict[str, Retrieval]:
    """Of each attribute in `words`, on the pictures that have it."""
    found = {}
    for name, several in words.items():
        rng = np.random.default_rng(seed)
        asked = [made for each in pictures if (made := question(prior, each, name, several, severity, rng))]
        if len({each.object for each in asked}) < 2 or len(several) < 2:
            continue
        generator = torch.Generator().manual_seed(seed)
        right = np.array([
            np.argmin(errors(prior, each, draws, generator)) == each.answer
            for each in countdown(asked, f"retrieval, {name} of {len(several)}")
        ], float)  # fmt: skip
        common = np.bincount([each.answer for each in asked]).max() / len(asked)
        accuracy = estimate(right, np.array([each.object for each in asked]))
        found[name] = Retrieval(accuracy, len(several), 1 / len(several), float(common), len(asked))
    return found


def question(
    prior: Prior, picture: Example, name: str, words: Sequence[str], severity: float, rng: np.random.Generator
) -> Question | None:
    """What to ask about a picture; None if its caption does not tell the attribute."""
    image, truth = picture.image, truth_of(picture, name, words, rng)
    if truth is None or truth not in words:
        return None
    if name == "corruption" and truth in DESCRIPTORS:
        image = corrupt(image, truth, severity, rng)
    captions = [with_word(prior.style.prefix, picture, name, word) for word in words]
    return Question(image, captions, words.index(truth), picture.meta["object"])


def truth_of(picture: Example, name: str, words: Sequence[str], rng: np.random.Generator) -> str | None:
    """The attribute's word; a corruption is drawn, for the picture has none yet."""
    if name == "corruption":
        return str(rng.choice(words))
    return picture.framed.view if name == "view" else attribute(picture.meta, name)


def with_word(prefix: str, picture: Example, name: str, word: str) -> str:
    """The picture's caption with another word for one attribute.

    For the kind it is "a KIND", with nothing else about the object: details would give the kind away.
    """
    phrase, around, view = picture.meta["phrase"], picture.framed.surroundings, picture.framed.view
    suffix = ""
    if name == "kind":
        phrase = word
    elif name == "view":
        view = word
    elif name == "corruption":
        suffix = "" if word == CLEAN else f", {word}"
    else:
        phrase = re.sub(rf"\b{attribute(picture.meta, name)}\b", word, phrase, count=1)
    return f"{prefix}{with_article(phrase)}{around}, {view}{suffix}"


def with_article(phrase: str) -> str:
    """ "an orange mug" for "a orange mug" and for "orange mug"."""
    bare = re.sub(r"^an? ", "", phrase)
    return f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}"


def errors(prior: Prior, asked: Question, draws: int, generator: torch.Generator) -> np.ndarray:
    """Mean squared error of v [K] under each of K captions; the noise is the same for all."""
    count = len(asked.captions)
    x = encoded(prior, [asked.image]).expand(draws, -1, -1, -1)
    noise = torch.randn(x.shape, generator=generator).to(prior.device)
    steps = np.linspace(*RANGE, draws) * len(prior.schedule)
    t = torch.from_numpy(steps.round().astype(np.int64)).to(prior.device)
    x_t = prior.schedule.add_noise(x, t, noise)
    embeds = embedded(prior, asked.captions)
    pairs = torch.cartesian_prod(torch.arange(count), torch.arange(draws)).to(prior.device)
    parts = []
    for caption, draw in (part.unbind(1) for part in pairs.split(BATCH)):
        predicted = prior.predict_noise(x_t[draw], t[draw], embeds[caption])
        # With x_t given, an error in v is the error in the noise over alpha.
        parts.append(((predicted - noise[draw]) / prior.schedule.alpha(t[draw])).square().mean(dim=(1, 2, 3)))
    return torch.cat(parts).view(count, draws).mean(dim=1).cpu().numpy()


def report(found: dict[str, Retrieval]) -> str:
    """As markdown."""
    rows = [
        [name, str(one.words), str(one.accuracy), f"{one.chance:.3f}", f"{one.commonest:.3f}", str(one.pictures)]
        for name, one in found.items()
    ]
    return markdown(["attribute", "words", "right", "chance", "commonest word", "pictures"], rows)
