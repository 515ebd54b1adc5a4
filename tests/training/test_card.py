"""The card says what the prior was taught, in the form that the product reads."""

from __future__ import annotations

import json
from pathlib import Path

from distill.card import read_card
from distill.load import EMBEDDED
from training.card import RARE, card, words_of
from training.corruptions import DESCRIPTORS
from training.pictures import BACKGROUNDS, QUALITY

THINGS = {
    "mushroom": "a red mushroom with white spots",
    "chair": "a wooden chair with a blue cushion",
    "mug": "a golden mug of coffee",
}


def metas(repeats: int = RARE) -> list[dict]:
    """As many renders of each thing, half of them with a ground and a sky."""
    return [
        {"object": 5, "kind": kind, "phrase": phrase, "view": "front view",
         "scene": " on grass, blue sky" if number % 2 else "", "transparent": number % 2 == 0}
        for kind, phrase in THINGS.items() for number in range(2 * repeats)
    ]  # fmt: skip


def test_words_are_sorted_by_what_they_name() -> None:
    words = words_of(metas())
    assert words["objects"] == ["chair", "mug", "mushroom"]
    assert words["colors"] == ["blue", "golden", "red", "white"]
    assert words["materials"] == ["wooden"]
    assert words["details"] == ["coffee", "cushion", "spots"]


def test_rare_words_are_left_out() -> None:
    rare = {"object": 6, "kind": "vase", "phrase": "a teal vase", "view": "", "scene": "", "transparent": True}
    words = words_of([*metas(), *[rare] * (RARE - 1)])
    assert "vase" not in words["objects"] and "teal" not in words["colors"]
    assert "vase" in words_of([*metas(), *[rare] * RARE])["objects"]


def test_the_product_reads_the_card(tmp_path: Path) -> None:
    base = json.loads((EMBEDDED / "prior.json").read_text(encoding="utf-8"))
    made = card(base, metas(), max_tokens=56, resolution=64)
    (tmp_path / "prior.json").write_text(json.dumps(made), encoding="utf-8")
    read = read_card(tmp_path / "prior.json")
    assert read.max_tokens == 56 and read.resolution == 64
    assert read.target_suffix == QUALITY and read.source_suffix == ", " + ", ".join(DESCRIPTORS)
    assert dict(read.backgrounds) == BACKGROUNDS
    assert read.words["objects"] == ("chair", "mug", "mushroom")
    assert made["scenes"] == ["on grass, blue sky"]
