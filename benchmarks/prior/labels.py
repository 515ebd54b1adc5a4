"""What there is to know about a picture: kind, colour, material, view, and what it suffers from."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from training.examples import sort_of
from training.pictures import Meta, Renders
from training.world.colors import COLORS
from training.world.dressing import KNITTED
from training.world.materials import MATERIAL_WORDS

ATTRIBUTES = ("kind", "color", "material", "view", "corruption")
CLEAN = "none"  # the word of a picture that nothing is wrong with
VIEWS = ("front view", "side view", "back view", "overhead view", "close-up")
SYNONYMS = {"woollen": (KNITTED,)}  # words that a phrase may have in an attribute's place


def attribute(meta: Meta, name: str) -> str | None:
    """A render's kind, colour, material or view; None where its phrase names none.

    The first packed renders do not tell colour and material; there they are read off the words before the
    noun: "a white marble vase with red flowers" is white and of marble.
    """
    if name in meta or name in ("kind", "view"):
        return meta[name]
    known = {"color": COLORS, "material": MATERIAL_WORDS}
    for word in meta["phrase"].split()[1:]:
        if word in known[name]:
            return word
        if not any(word in words for words in known.values()):
            break
    return None


def said(meta: Meta, name: str) -> str | None:
    """The word that a render's phrase has for its colour or material: "knitted" for woollen. None where it has none."""
    word = attribute(meta, name)
    possible = [] if word is None else [word, *SYNONYMS.get(word, ())]
    return next((each for each in possible if re.search(rf"\b{each}\b", meta["phrase"])), None)


def photographs(renders: Renders) -> Renders:
    """The renders that are neither sketches nor artefacts."""
    return renders.select(lambda meta: sort_of(meta) in ("photo", "scene"))


def spread(metas: Sequence[Meta], count: int, rng: np.random.Generator) -> list[int]:
    """`count` indices (fewer if there are not as many), evenly over the objects: a second view of any only
    when all have had a first."""
    turn: dict[int, int] = {}
    keys = []
    for index in rng.permutation(len(metas)).tolist():
        name = metas[index]["object"]
        turn[name] = turn.get(name, 0) + 1
        keys.append((turn[name], len(keys), index))
    return [index for _, _, index in sorted(keys)[:count]]
