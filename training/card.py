"""prior.json: what the product reads about the embedded prior, written from what it was trained on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from training.corruptions import DESCRIPTORS
from training.pictures import BACKGROUNDS, QUALITY, Meta
from training.world.colors import COLORS
from training.world.materials import MATERIAL_WORDS

NO_CONTENT = set(["a", "an", "the", "of", "in", "on", "with", "and", "its", "from", "to"])
# Words that stand before an object's noun and say of what sort it is: no objects by themselves.
QUALIFIERS = {
    "acoustic", "bare", "baseball", "bowler", "chocolate", "cowboy", "desk", "electric", "floor", "long", "low",
    "metal", "office", "party", "pickup", "round", "rocking", "rowing", "sailing", "slice", "straw", "street",
    "striped", "tiered", "top", "toy", "wedding", "witch", "wizard",
}  # fmt: skip
RARE = 8  # renders; a word on fewer has not been learnt
METALS = ("golden", "silver", "copper")
EXPOSURE = 0.7  # at which share of full scale the world's pictures show white, on the average


def words_of(metas: Sequence[Meta]) -> dict[str, list[str]]:
    """The words that captions used for objects, colours, materials and details, each sorted."""
    colors = {*COLORS, *METALS}
    materials = {word for name in MATERIAL_WORDS for word in name.split()} - set(METALS)
    heads: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for meta in metas:
        head, *details = re.split(r"\b(?:with|in|on|of)\b", meta["phrase"].lower())
        heads.update(set(re.findall(r"[a-z]+", head)))
        others.update(set(re.findall(r"[a-z]+", " ".join(details))))
    seen = heads + others

    def known(words: set[str]) -> list[str]:
        return sorted(word for word in words if seen[word] >= RARE)

    kinds = {meta["kind"] for meta in metas}
    objects = kinds | {word for word in heads if word not in colors | materials | NO_CONTENT | QUALIFIERS}
    return {
        "objects": known(objects),
        "colors": known(colors),
        "materials": known(materials),
        "details": known(set(seen) - colors - materials - NO_CONTENT - objects),
    }


def card(base: dict[str, Any], metas: Sequence[Meta], max_tokens: int, resolution: int) -> dict[str, Any]:
    """`base` (an earlier card, for the stages' constants) with everything that follows from the data."""
    scenes = Counter(meta["scene"].lstrip(" ,") for meta in metas if meta["scene"])
    return {
        "name": base["name"],
        "resolution": resolution,
        "max_tokens": max_tokens,
        "prefix": "a photo of ",
        "order": ["background", "view", "suffix"],
        "caption": "a photo of {words}, {background} background, {view}{target_suffix or source_suffix}",
        "views": {
            "front": "front view", "side": "side view", "back": "back view",
            "overhead": "overhead view", "close_up": "close-up",
        },
        "backgrounds": {name: list(color) for name, color in BACKGROUNDS.items()},
        "scenes": [scene for scene, count in scenes.most_common(18) if count >= RARE],
        "target_suffix": QUALITY,
        "source_suffix": ", " + ", ".join(DESCRIPTORS),
        "exposure": EXPOSURE,
        "cameras": base["cameras"],
        "defaults": base["defaults"],
        "words": words_of(metas),
    }  # fmt: skip
