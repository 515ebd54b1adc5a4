"""The classifier learns, is kept, and its untrained twin is the same for a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.prior import classifier
from benchmarks.prior.classifier import (
    Classifier,
    Lessons,
    Plan,
    accuracies,
    answers,
    features_of,
    load_classifier,
    random_features,
    take_over,
    vocabulary,
)
from benchmarks.prior.labels import attribute, said, spread
from tests.training.tiny_world import tiny_renders, write_shard
from training.corruptions import DESCRIPTORS
from training.pictures import split


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_words_are_those_of_the_renders() -> None:
    words = vocabulary(tiny_renders())
    assert words["kind"] == ["disc", "square"] and words["material"] == ["wooden"]
    assert words["corruption"] == ["none", *DESCRIPTORS]
    assert "material" not in vocabulary(tiny_renders(range(1, 2)))


def test_lessons_follow_their_seed_and_know_what_they_show() -> None:
    renders = tiny_renders(range(4))
    words = vocabulary(renders)
    first, again, other = (next(iter(Lessons(renders, words, seed))) for seed in (1, 1, 2))
    assert torch.equal(first.pictures, again.pictures) and not torch.equal(first.pictures, other.pictures)
    assert first.pictures.shape == (64, 3, 64, 64) and first.pictures.abs().max() <= 1
    clean = first.labels["corruption"] == 0
    assert 0.15 < clean.float().mean() < 0.6
    assert set(first.labels["material"].tolist()) == {0, classifier.UNKNOWN}
    # Red discs and blue ones: where nothing is spoilt, the label is the brighter channel.
    warm = first.pictures[clean, 0, 24:40, 24:40].mean(dim=(1, 2)) > first.pictures[clean, 2, 24:40, 24:40].mean((1, 2))
    red = first.labels["color"][clean] == words["color"].index("red")
    assert (warm == red).float().mean() > 0.9


def test_it_learns() -> None:
    renders = tiny_renders(range(4))
    torch.manual_seed(0)
    network = Classifier(vocabulary(renders)).train()
    optimizers = classifier._optimizers(network)
    lesson = next(iter(Lessons(renders, network.words, batch=32)))
    losses = [classifier.step(network, optimizers, lesson, torch.device("cpu")) for _ in range(25)]
    assert all(losses[-1][name] < 0.7 * losses[0][name] for name in ("kind", "color", "corruption"))


def test_a_short_training_runs_to_its_end_and_is_scored_on_known_truths(capsys: pytest.CaptureFixture[str]) -> None:
    network = classifier.train(tiny_renders(), Plan(minutes=0.005, workers=0))
    assert "left; losses: kind" in capsys.readouterr().err
    found = accuracies(network, tiny_renders(), 30)
    assert found["kind"].pictures == 30 and found["material"].pictures < 30
    assert found["material"].commonest == 1 and 0 <= found["kind"].accuracy.mean <= 1


def test_one_that_goes_on_keeps_the_words_it_knows() -> None:
    torch.manual_seed(0)
    old = Classifier({"kind": ["disc", "square"], "material": ["brick", "wooden"]}).eval()
    with torch.no_grad():
        old.heads["material"].bias.copy_(torch.tensor([3.0, 5.0]))  # pyright: ignore[reportCallIssue]
    new = Classifier({"kind": ["square", "star"], "material": ["plaster", "wooden"], "view": ["front view"]}).eval()
    own = [tensor.clone() for tensor in (new.heads["kind"].weight[1], new.heads["view"].weight)]  # pyright: ignore
    take_over(old, new)
    images = np.random.default_rng(0).random((3, 64, 64, 3))
    np.testing.assert_array_equal(features_of(new, images), features_of(old, images))
    pictures = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        before, now = old(pictures), new(pictures)
    assert torch.equal(now["kind"][:, 0], before["kind"][:, 1])
    assert torch.equal(now["material"][:, 1], before["material"][:, 1])
    assert torch.equal(new.heads["kind"].weight[1], own[0]) and torch.equal(new.heads["view"].weight, own[1])  # pyright: ignore


def test_the_command_goes_on_and_tells_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write_shard(tmp_path / "tiny.tar", tiny_renders(range(150)))
    first = ["--data", str(shard), "--minutes", "0.002", "--pictures", "12", "--workers", "0"]
    classifier.main([*first, "--out", str(tmp_path / "one.safetensors")])
    assert "| before |" not in capsys.readouterr().out
    classifier.main([*first, "--out", str(tmp_path / "two.safetensors"), "--init", str(tmp_path / "one.safetensors")])
    printed = capsys.readouterr().out
    assert "| before | held out | clean |" in printed and "| now | held out | clean |" in printed


def test_pictures_can_all_be_clean() -> None:
    renders = tiny_renders(range(4))
    found = [classifier.example(renders, 0, np.random.default_rng(seed), 1.0)[1] for seed in range(8)]
    assert all(truth["corruption"] == "none" for truth in found)


def test_what_is_saved_answers_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Classifier(vocabulary(tiny_renders())).eval()
    classifier.save(network, tmp_path / "kept" / "classifier.safetensors")
    kept = load_classifier(tmp_path / "kept" / "classifier.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3)).astype(np.uint8)
    assert answers(kept, images) == answers(network, images)
    np.testing.assert_array_equal(features_of(kept, images), features_of(network, images))


def test_a_missing_one_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m benchmarks\.prior\.classifier --data"):
        load_classifier(tmp_path / "none.safetensors")


def test_random_features_follow_their_seed_and_disturb_no_other_draws() -> None:
    images = np.random.default_rng(0).random((3, 64, 64, 3))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (features_of(random_features(seed), images) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(first, again) and not np.allclose(first, other)
    assert first.shape == (3, classifier.FEATURES)


def test_features_are_of_the_picture_whatever_its_format() -> None:
    network = random_features(0)
    small = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(features_of(network, small), features_of(network, large), atol=1e-5)
    np.testing.assert_allclose(features_of(network, small), features_of(network, small / 255), atol=1e-5)
    with pytest.raises(ValueError, match=r"\(2, 48, 48, 3\).*multiple of 64"):
        features_of(network, small[:, :48, :48])


def test_larger_pictures_can_be_seen_as_they_are() -> None:
    """One that sees 64 pixels cannot tell a fine checker from grey."""
    network = random_features(0)
    checker = np.indices((128, 128)).sum(axis=0) % 2 * 0.5 + 0.25
    pictures = np.stack([checker, np.full((128, 128), 0.5)])[..., None].repeat(3, axis=3)
    (first, second), (fine, plain) = features_of(network, pictures), features_of(network, pictures, size=128)
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert np.abs(fine - plain).max() > 1e-3


def test_it_can_be_asked_for_some_words_alone() -> None:
    torch.manual_seed(0)
    network = Classifier({"kind": ["disc", "square"], "material": ["brick", "stone", "wooden"]}).eval()
    images = np.random.default_rng(0).random((6, 64, 64, 3))
    free = answers(network, images)
    (most,) = set(free["material"])  # an untrained one says the same of everything
    others = [word for word in ("brick", "stone", "wooden") if word != most]
    held = answers(network, images, among={"material": others})
    assert set(held["material"]) <= set(others) and held["kind"] == free["kind"]
    assert answers(network, images, among={"material": ["wooden"]})["material"] == ["wooden"] * 6


def test_it_is_small() -> None:
    assert 0.5e6 < sum(weight.numel() for weight in Classifier(vocabulary(tiny_renders())).parameters()) < 1e6


def test_color_and_material_are_read_off_the_words_before_the_noun() -> None:
    old = {"kind": "vase", "phrase": "a white marble vase with red flowers", "view": "front view"}
    assert attribute(old, "color") == "white" and attribute(old, "material") == "marble"
    pot = {**old, "phrase": "a sunflower in a blue ceramic pot"}
    assert attribute(pot, "color") is None and attribute(pot, "material") is None
    assert attribute({**old, "color": None}, "color") is None


def test_what_a_phrase_says_of_its_material() -> None:
    knitted = {
        "kind": "hat",
        "phrase": "a red knitted hat",
        "view": "front view",
        "color": "red",
        "material": "woollen",
    }
    assert said(knitted, "material") == "knitted" and said(knitted, "color") == "red"
    assert said(knitted | {"phrase": "a red woollen hat"}, "material") == "woollen"
    assert said(knitted | {"phrase": "a hat"}, "material") is None
    assert said(knitted | {"color": None}, "color") is None


def test_views_are_spread_over_the_objects() -> None:
    metas = tiny_renders(range(6), views=3).metas
    chosen = spread(metas, 8, np.random.default_rng(0))
    seen = [metas[i]["object"] for i in chosen]
    assert len(set(seen[:6])) == 6 and len(set(chosen)) == 8
    assert len(spread(metas, 100, np.random.default_rng(0))) == 18


def test_it_never_sees_what_it_grades() -> None:
    parts = [split({"object": name}) for name in range(100)]
    assert parts.count("held_out") == 4 and parts.count("classifier") == 16
