"""One guide under six material words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.prior import materials
from benchmarks.prior.classifier import Classifier
from benchmarks.prior.materials import draw_materials, grade_materials, open_pictures
from tests.benchmarks.prior.priors import SIZE, copyist
from tests.training.tiny_world import tiny_renders


def test_one_guide_under_six_words() -> None:
    renders = tiny_renders(range(12))
    found = open_pictures(renders, 5, np.random.default_rng(0), SIZE)
    assert sorted(each.meta["kind"] for each in found) == ["disc", "square"]  # one of each kind there is
    prior = copyist()
    drawn = draw_materials(prior, found, 4, 0)
    assert set(drawn) == set(materials.WORDS) and all(np.array_equal(drawn["brick"], each) for each in drawn.values())
    # all are shown in brown, whatever they are of
    for each in found:
        assert each.guide is not None
        inside = each.guide[:3, each.mask].mean(axis=1)
        assert inside[0] > inside[1] > inside[2] and 0.2 < inside[1] < 0.8
    spoken = [materials.caption(prior, each, "golden") for each in found]
    assert all(
        text.startswith(f"a photo of a golden {each.meta['kind']}") for each, text in zip(found, spoken, strict=True)
    )


def test_the_classifier_names_the_material(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes everything for brick, and for wool where only the six may be said."""

    def said(network: Classifier, images: np.ndarray, batch: int = 64, among: dict | None = None) -> dict:
        return {"material": ["woollen" if among else "brick"] * len(images)}

    monkeypatch.setattr(materials, "answers", said)
    shown = open_pictures(tiny_renders(range(12)), 2, np.random.default_rng(0), SIZE)
    real = [replace(each, meta=each.meta | {"material": name})
            for each in shown for name in ("brick", "brick", "marble", "wicker")]  # fmt: skip
    drawn = {word: np.zeros((2, SIZE, SIZE, 3)) for word in materials.WORDS}
    found = grade_materials(Classifier({}), shown, drawn, real)
    assert found.all.mean == pytest.approx(1 / 6) and found.by_word["brick"] == 1 and found.by_word["knitted"] == 0
    assert found.six.mean == pytest.approx(1 / 6) and found.said["golden"] == {"brick": 2}
    assert found.real is not None and found.real.mean == pytest.approx(2 / 3)  # wicker is none of the six
    assert not materials.goals(found)[0].met and "| brick | 1.00 | brick 2 |" in materials.report(found)
