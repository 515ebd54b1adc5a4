"""One guide under six material words: whether the words decide where the guide leaves the material open.

Every object is shown in the same two browns, which brick, wood, plaster, wool, gold and marble can all be near to, and
drawn once for each word. The classifier, which sees 64 pixels, says which material it takes the sample for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.estimate import Estimate, estimate
from benchmarks.prior.classifier import Classifier, answers
from benchmarks.prior.goals import Goal
from benchmarks.prior.held_out import Example, embedded, guided_example
from benchmarks.prior.labels import SYNONYMS
from benchmarks.prior.retrieval import with_article
from benchmarks.prior.sampling import draw_samples
from benchmarks.yardstick import markdown
from distill.prior import Prior
from training.pictures import Renders
from training.world.colors import mix
from training.world.dressing import KNITTED

WORDS = ("brick", "wooden", "plaster", KNITTED, "golden", "marble")
OPEN = mix("beige", "brown", 0.35)  # sRGB
SHADES = (1.0, 0.86, 1.12)  # of the parts in turn
NEEDED = 0.6


@dataclass(frozen=True)
class Materials:
    """How often the classifier says the word's own material: of all that it knows, of these six alone, and of real
    pictures of such materials; by word, of all; and what it says instead, the most often said first."""

    all: Estimate
    six: Estimate
    real: Estimate | None
    by_word: dict[str, float]
    said: dict[str, dict[str, int]]


def open_pictures(renders: Renders, count: int, rng: np.random.Generator, size: int) -> list[Example]:
    """Pictures of objects of as many kinds as there are, up to `count`, whose guides leave the material open; not from
    above and not near by, so that one sees what they are."""
    kinds: dict[str, int] = {}
    for index in rng.permutation(len(renders)).tolist():
        meta = renders.metas[index]
        if meta["view"] in ("front view", "side view"):
            kinds.setdefault(meta["kind"], index)
    chosen = [kinds[kind] for kind in sorted(kinds)]
    return [guided_example(_opened(renders), chosen[i], rng, size) for i in rng.permutation(len(chosen))[:count]]


def _opened(renders: Renders) -> Renders:
    metas = [{**meta, "palette": [(OPEN * SHADES[i % len(SHADES)]).clip(0, 1).tolist()
                                  for i in range(len(meta["palette"]))]}
             for meta in renders.metas]  # fmt: skip
    return Renders(renders.images, metas, renders.known)


def draw_materials(prior: Prior, pictures: Sequence[Example], steps: int, seed: int) -> dict[str, np.ndarray]:
    """Samples [N, S, S, 3] under each word; an object has the same noise for all."""
    guides, suffix = [each.guide for each in pictures], prior.card.target_suffix
    found = {}
    for word in WORDS:
        prompts = embedded(prior, [caption(prior, each, word) for each in pictures], suffix, guides)
        found[word] = draw_samples(prior, prompts, steps, None, seed, f"materials, {word}")
    return found


def caption(prior: Prior, picture: Example, word: str) -> str:
    """ "a photo of a brick mug, white background, side view"."""
    phrase = with_article(f"{word} {picture.meta['kind']}")
    return f"{prior.card.prefix}{phrase}{picture.framed.surroundings}, {picture.framed.view}"


def grade_materials(
    classifier: Classifier, pictures: Sequence[Example], drawn: Mapping[str, np.ndarray], real: Sequence[Example]
) -> Materials:
    """`drawn` under each word from the pictures; `real`: any held-out pictures, of which those in one of the six
    materials count."""
    names = {word: _label(word) for word in drawn}
    six = {"material": list(names.values())}
    free = {word: answers(classifier, images)["material"] for word, images in drawn.items()}
    held = {word: answers(classifier, images, among=six)["material"] for word, images in drawn.items()}
    objects = np.array([each.meta["object"] for each in pictures] * len(drawn))
    known = [each for each in real if each.meta["material"] in six["material"]]
    own = None
    if len({each.meta["object"] for each in known}) > 1:
        seen = answers(classifier, np.stack([each.image for each in known]))["material"]
        right = np.array([name == each.meta["material"] for name, each in zip(seen, known, strict=True)], float)
        own = estimate(right, np.array([each.meta["object"] for each in known]))
    return Materials(
        all=estimate(_right(free, names), objects),
        six=estimate(_right(held, names), objects),
        real=own,
        by_word={word: float(np.mean([name == names[word] for name in said])) for word, said in free.items()},
        said={word: dict(Counter(said).most_common(3)) for word, said in free.items()},
    )


def _label(word: str) -> str:
    """The classifier's name for a material word."""
    return next((name for name, others in SYNONYMS.items() if word in others), word)


def _right(said: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> np.ndarray:
    return np.array([name == names[word] for word, several in said.items() for name in several], float)


def report(found: Materials) -> str:
    """As markdown."""
    rows = [
        [word, f"{share:.2f}", ", ".join(f"{name} {count}" for name, count in found.said[word].items())]
        for word, share in found.by_word.items()
    ]
    real = f"; of real pictures in one of them it is right in {found.real}" if found.real else ""
    text = f"The word's own material: {found.all} of all materials, {found.six} of the six alone (guessing: "
    text += f"{1 / len(found.by_word):.2f}){real}."
    return f"{markdown(['word', 'right', 'what the classifier says'], rows)}\n\n{text}"


def goals(found: Materials) -> list[Goal]:
    """The issue's .60."""
    name = "one guide, six material words: the classifier names the word's own"
    return [Goal(name, str(found.all), f"≥ {NEEDED}", found.all.mean >= NEEDED)]
