"""The stream of examples: the same from anywhere, in the asked shares, and captions that say what was done."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch

from tests.training.tiny_world import tiny_renders
from training import examples as examples_module
from training.corruptions import WHOLE_LISTS
from training.examples import (
    CORRUPTED_SHARE,
    EMPTY_SHARE,
    MOST_OFTEN,
    PAINTED_SHARE,
    QUALITY_SHARE,
    SORTS,
    Batch,
    Examples,
    shares,
    sort_of,
    stream,
)
from training.pictures import QUALITY, Renders


def mixed(each: int = 10) -> Renders:
    """As many renders of every sort, which their phrases name."""
    marks = {
        "photo": {},
        "scene": {"transparent": False, "scene": " on grass"},
        "sketch": {"medium": "a sketch of"},
        "artefact": {"artefact": True},
    }
    plain = tiny_renders(range(each), views=1, size=16)
    metas = [meta | mark | {"phrase": f"one {sort}"} for sort, mark in marks.items() for meta in plain.metas]
    return Renders(plain.images * len(marks), metas)


def same(a: Batch, b: Batch) -> bool:
    return torch.equal(a.pictures, b.pictures) and a.captions == b.captions


def test_a_batch_is_the_same_for_the_same_number() -> None:
    renders = mixed()
    first, again = Examples(renders, 4, size=16), Examples(renders, 4, size=16)
    assert same(first.batch(3), again.batch(3))
    assert not same(first.batch(3), first.batch(4))
    assert not same(first.batch(3), Examples(renders, 4, size=16, seed=1).batch(3))
    pictures = first.batch(3).pictures
    assert pictures.shape == (4, 3, 16, 16) and pictures.dtype == torch.float32
    assert pictures.min() >= -1 and pictures.max() <= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_batches_in_order_from_anywhere(workers: int) -> None:
    examples = Examples(mixed(), 2, size=16, start=5)
    for number, batch in enumerate(islice(stream(examples, workers), 4), start=5):
        assert same(batch, examples.batch(number))


def test_sorts_are_drawn_as_often_as_asked() -> None:
    renders = mixed()
    assert [sort_of(meta) for meta in renders.metas] == [sort for sort in SORTS for _ in range(10)]
    examples = Examples(renders, 64, size=16)
    captions = [caption for number in range(14) for caption in examples.batch(number).captions]
    assert np.isclose(captions.count("") / len(captions), EMPTY_SHARE, atol=0.03)
    said = [caption for caption in captions if caption]
    for sort, share in SORTS.items():
        assert np.isclose(np.mean([f"one {sort}" in caption for caption in said]), share, atol=0.05)


def test_few_renders_of_a_sort_are_not_drawn_over_and_over() -> None:
    assert shares({"scene": 1000}) == pytest.approx({"scene": 1.0})
    plenty = dict.fromkeys(SORTS, 1000)
    assert shares(plenty) == pytest.approx(SORTS)
    few = shares({"photo": 320, "scene": 12_800, "artefact": 16})
    assert sum(few.values()) == pytest.approx(1)
    assert few["photo"] == pytest.approx(MOST_OFTEN * 320 / 13_136)
    assert few["artefact"] == pytest.approx(MOST_OFTEN * 16 / 13_136)


def test_captions_say_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrupted pictures are made black and painted ones white here, to tell them apart."""
    monkeypatch.setattr(examples_module, "random_corruption", lambda image, rng: (image * 0, ", blurry", ("blurry",)))
    monkeypatch.setattr(examples_module, "painterly", lambda image, rng: image * 0 + 1)
    batches = [Examples(mixed(), 64, size=16).batch(number) for number in range(14)]
    done: dict[str, list[str]] = {"corrupted": [], "painted": [], "kept": []}
    for batch in batches:
        for picture, caption in zip(batch.pictures, batch.captions, strict=True):
            what = "corrupted" if picture.max() == -1 else "painted" if picture.min() == 1 else "kept"
            if caption:
                done[what].append(caption)
    assert all(caption.endswith(", blurry") for caption in done["corrupted"])
    assert all(caption.endswith(", painting") for caption in done["painted"])
    assert not any(caption.endswith((", blurry", ", painting")) for caption in done["kept"])
    artefacts = [caption for caption in done["kept"] if "one artefact" in caption]
    assert artefacts and all(caption.endswith(WHOLE_LISTS[0]) for caption in artefacts)
    clean = [caption for caption in done["kept"] if "one artefact" not in caption]
    assert not any("a sketch of" in caption and QUALITY in caption for caption in clean)
    total, treated = sum(map(len, done.values())), 1 - SORTS["artefact"]
    assert np.isclose(len(done["corrupted"]) / total, treated * CORRUPTED_SHARE, atol=0.05)
    assert np.isclose(len(done["painted"]) / total, treated * PAINTED_SHARE, atol=0.02)
    photos = [caption for caption in clean if "a sketch of" not in caption]
    assert np.isclose(np.mean([caption.endswith(QUALITY) for caption in photos]), QUALITY_SHARE, atol=0.08)


def test_corrupted_content_keeps_its_words() -> None:
    examples = Examples(mixed(), 32, size=16)
    for caption in examples.batch(0).captions:
        assert not caption or any(f"one {sort}" in caption for sort in SORTS)
