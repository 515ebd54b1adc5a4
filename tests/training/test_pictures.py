"""Renders are put on what their captions say, and neither fringes nor cuts show that they were."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training import pictures
from training.pictures import (
    BACKGROUNDS,
    CLOSE_UP,
    CROPS,
    Framed,
    Framing,
    background,
    frame,
    read_renders,
    split,
    wordings,
)
from training.world.shards import ShardWriter

META = {"object": 5, "kind": "disc", "phrase": "a red disc", "view": "side view", "scene": "", "transparent": True}
RED = (200, 30, 25)


def disc(size: int = 64, radius: float = 0.3, beneath: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """A red disc with a soft outline [size, size, 4], straight alpha; `beneath` stands where nothing is seen."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    alpha = np.clip((radius - np.hypot(x, y)) * size + 0.5, 0, 1)
    color = np.where(alpha[..., None] > 0, np.array(RED), np.array(beneath))
    return np.dstack([color, alpha * 255]).astype(np.uint8)


def on_grey(monkeypatch: pytest.MonkeyPatch, level: float = 0.2) -> None:
    """Every background becomes a plain grey of this linear radiance, "grey" in words."""
    monkeypatch.setattr(pictures, "background", lambda size, rng: (torch.full((size, size, 3), level), "grey"))


def test_the_words_name_the_background() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(120):
        framed = frame(disc(32), META, rng, size=32, move=False)
        behind = framed.image[[0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=0)
        name = framed.surroundings.removeprefix(", ").removesuffix(" background")
        seen.add(name)
        if name:
            assert np.abs(behind - BACKGROUNDS[name]).max() < 0.2
            apart = {other: np.abs(behind - color).sum() for other, color in BACKGROUNDS.items()}
            assert sorted(apart, key=lambda other: apart[other]).index(name) < 3
    assert seen == {"", *BACKGROUNDS}


def test_now_and_then_a_background_has_no_word() -> None:
    rng = np.random.default_rng(1)
    unnamed = sum(background(8, rng)[1] is None for _ in range(400))
    assert 30 < unnamed < 90


def test_outlines_stay_clean_however_a_render_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    on_grey(monkeypatch)
    render = disc(96, beneath=(0, 255, 0))
    for seed in range(40):
        image = frame(render, META, np.random.default_rng(seed), size=48).image
        ground = float(image[..., 1].max())
        assert image[..., 1].min() > 25 / 255 and ground < 0.5  # nothing green came out from beneath
        assert image[..., 0].min() > 0.47 and image[..., 0].max() < 205 / 255  # between grey and red, no fringe


def test_half_covered_pixels_mix_in_linear_light(monkeypatch: pytest.MonkeyPatch) -> None:
    on_grey(monkeypatch, 0.0)
    white = np.full((16, 16, 4), 255, np.uint8)
    white[..., 3] = 128
    image = frame(white, META, np.random.default_rng(0), size=16, move=False).image
    assert np.allclose(image, 0.7354, atol=0.005)  # sRGB of half the light


def test_what_a_renders_border_cuts_off_is_cut_off_by_the_pictures_border(monkeypatch: pytest.MonkeyPatch) -> None:
    on_grey(monkeypatch)
    full = np.dstack([np.full((64, 64, 3), RED), np.full((64, 64), 255)]).astype(np.uint8)
    for seed in range(60):
        image = frame(full, META, np.random.default_rng(seed), size=32).image
        assert np.abs(image - np.array(RED) / 255).max() < 0.02


def test_a_render_is_moved_alike_at_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    on_grey(monkeypatch)
    moved = 0
    for seed in range(20):
        small = frame(disc(64), META, np.random.default_rng(seed), size=64)
        large = frame(disc(128), META, np.random.default_rng(seed), size=64)
        if CLOSE_UP not in (small.view, large.view):
            assert np.abs(small.image - large.image).mean() < 0.01
            still = frame(disc(64), META, np.random.default_rng(seed), size=64, move=False)
            moved += np.abs(small.image - still.image).mean() > 0.01
    assert moved > 10


def test_close_ups_show_more_of_the_object_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    on_grey(monkeypatch)
    shares: dict[str, list[float]] = {}
    for seed in range(150):
        framed = frame(disc(64), META, np.random.default_rng(seed), size=64)
        shares.setdefault(framed.view, []).append(float((framed.image[..., 1] < 0.3).mean()))
    assert set(shares) == {"side view", CLOSE_UP}
    assert 6 <= len(shares[CLOSE_UP]) <= 35
    nearer = np.mean(shares[CLOSE_UP]) / np.mean(shares["side view"])
    assert nearer > np.sqrt(1 / CROPS[1])  # what is cut out is not drawn larger than it was rendered by much


def test_scenes_keep_their_surroundings() -> None:
    scene = np.full((32, 32, 4), 255, np.uint8)
    scene[:, :16, :3] = 10
    meta = META | {"transparent": False, "scene": " on grass, blue sky"}
    flipped = 0
    for seed in range(20):
        framed = frame(scene, meta, np.random.default_rng(seed), size=16)
        assert framed.surroundings == " on grass, blue sky" and framed.view == "side view"
        assert framed.image.shape == (16, 16, 3)
        flipped += framed.image[0, 0, 0] > 0.5
    assert 4 < flipped < 16


def test_captions_say_what_is_seen_longest_first() -> None:
    framed = Framed(np.zeros((1, 1, 3), np.float32), ", grey background", "side view", Framing(1))
    photo = wordings(META, framed)
    assert photo[0] == "a photo of a red disc, grey background, side view"
    assert "a red disc, side view" in photo and len(photo) == len(set(photo)) > 3
    sketch = wordings(META | {"medium": "a sketch of"}, framed)
    assert sketch[0] == "a sketch of a red disc, grey background, side view"
    assert len(sketch) > 1 and all(words.startswith("a sketch of") for words in sketch)


def test_objects_are_split_by_their_number() -> None:
    parts = [split({"object": 700_000 + number}) for number in range(25)]
    assert parts == ["held_out", *["classifier"] * 4, *["train"] * 20]


def test_reads_shards_of_today(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    with ShardWriter(path) as shard:
        for view in range(2):
            shard.add_view(700_005, view, Image.fromarray(disc(32)), META | {"object": 700_005, "view": f"view {view}"})
        shard.add_object(700_005, b"a sketch", b"a mesh", np.zeros(3))
    renders = read_renders([path])
    assert [meta["view"] for meta in renders.metas] == ["view 0", "view 1"]
    assert np.array_equal(renders.images[0][..., 3], disc(32)[..., 3])
    assert len(renders.of("train")) == 2 and len(renders.of("held_out")) == 0


def test_reads_the_first_shards(tmp_path: Path) -> None:
    card = {"obj": 7, "cls": "disc", "phrase": "a red disc", "view": "front view", "bg": ", white background"}
    picture = io.BytesIO()
    Image.fromarray(disc(32)[..., :3]).save(picture, "WEBP")
    with tarfile.open(tmp_path / "old.tar", "w") as shard:
        for name, data in (("000.webp", picture.getvalue()), ("000.json", json.dumps(card).encode())):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            shard.addfile(entry, io.BytesIO(data))
    renders = read_renders([tmp_path / "old.tar"])
    assert renders.images[0].shape == (32, 32, 4) and renders.images[0][..., 3].min() == 255
    assert renders.metas == [
        {"object": 7, "kind": "disc", "phrase": "a red disc", "view": "front view",
         "scene": ", white background", "transparent": False}
    ]  # fmt: skip


def test_no_renders_is_an_error_that_says_how_to_make_some() -> None:
    with pytest.raises(ValueError, match="make world"):
        read_renders([])
