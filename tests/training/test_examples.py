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
    BASE_COLOR,
    BASE_COLOR_SHARE,
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
from training.guides import BLANK_SHARE, WHOLE_SHARE
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
    alike = torch.equal(a.pictures, b.pictures) and torch.equal(a.guides, b.guides)
    return alike and a.captions == b.captions


def test_a_batch_is_the_same_for_the_same_number() -> None:
    renders = mixed()
    first, again = Examples(renders, 4, size=16), Examples(renders, 4, size=16)
    assert same(first.batch(3), again.batch(3))
    assert not same(first.batch(3), first.batch(4))
    assert not same(first.batch(3), Examples(renders, 4, size=16, seed=1).batch(3))
    pictures = first.batch(3).pictures
    assert pictures.shape == (4, 3, 16, 16) and pictures.dtype == torch.float32
    assert pictures.min() >= -1 and pictures.max() <= 1
    assert first.batch(3).guides.shape == (4, 7, 16, 16)


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


def guided(count: int = 256) -> Batch:
    """Of renders of which everything is known."""
    return Examples(tiny_renders(range(20), size=32), count, size=32).batch(0)


def test_a_share_has_no_guide_and_the_others_one_of_every_strength() -> None:
    known = guided().guides[:, 3]
    strongest = known.amax(dim=(1, 2))
    assert np.isclose(float((strongest == 0).float().mean()), BLANK_SHARE, atol=0.06)
    assert np.isclose(float((strongest == 1).float().mean()), (1 - BLANK_SHARE) * WHOLE_SHARE, atol=0.1)
    assert float(((strongest > 0) & (strongest < 0.9)).float().mean()) > 0.2


def test_beside_the_object_guide_and_picture_are_the_same() -> None:
    """Whatever was done to the object: what the guide is sure of is so."""
    batch = guided()
    sure = (batch.guides[:, 3:4] > 0.999).expand(-1, 3, -1, -1)
    assert sure.any()
    assert torch.allclose(batch.pictures[sure], 2 * batch.guides[:, :3][sure] - 1, atol=0.02)


def test_pictures_of_the_base_color_say_so_and_their_guides_have_no_light() -> None:
    batch = guided()
    told = [i for i, caption in enumerate(batch.captions) if caption.startswith(BASE_COLOR)]
    share = len(told) / sum(bool(caption) for caption in batch.captions)
    assert np.isclose(share, BASE_COLOR_SHARE, atol=0.06)
    red = [i for i in told if "red" in batch.captions[i] and batch.guides[i, 3].max() == 1]
    inside = [batch.guides[i, 0][batch.guides[i, 3] < 0.32].mean() for i in red]
    assert np.mean(inside) > 0.6  # the red of 200 of 255; under light of .7 it would be .66 of that at most


def test_a_guide_may_be_a_painting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples_module, "FROM_PAINTING_SHARE", 1.0)
    batch = guided(32)
    painted = [i for i, said in enumerate(batch.captions) if said and not said.startswith(BASE_COLOR)]
    assert painted and all((batch.guides[i, 4:] == 0.5).all() for i in painted)
