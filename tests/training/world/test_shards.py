"""Shards as files, numbers of objects, and outlines on a transparent film."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.world.matte import steady_outline
from training.world.numbering import (
    SKETCH_EVERY,
    dressing_dice,
    has_sketch,
    held_out,
    kind_of,
    object_dice,
    object_number,
    sketch_dice,
    view_dice,
)
from training.world.shards import ShardWriter, read_shard, webp


def disc(size: int = 32) -> Image.Image:
    """A red disc with a soft outline on a transparent film."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    alpha = np.clip(size / 3 - np.hypot(x, y), 0, 1)
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 200, np.rint(255 * alpha)
    return Image.fromarray(pixels)


def write(path: Path) -> None:
    with ShardWriter(path) as shard:
        for number in (700001, 700002):
            for view in range(2):
                shard.add_view(number, view, disc(), {"object": number}, light=Image.new("RGB", (16, 16), "white"))
            shard.add_object(number, b"sketch" if number == 700001 else None, b"mesh", np.array([0, 2, 1]))


def test_a_shard_gives_back_what_went_in(tmp_path: Path) -> None:
    write(tmp_path / "a.tar")
    samples = dict(read_shard(tmp_path / "a.tar"))
    assert list(samples)[:3] == ["000700001-0", "000700001-1", "000700001"]
    slots = np.load(io.BytesIO(samples["000700001"].pop("slots.npy")))
    assert slots.dtype == np.uint8 and slots.tolist() == [0, 2, 1]
    assert samples["000700001"] == {"sketch.glb": b"sketch", "mesh.glb": b"mesh"}
    assert set(samples["000700002"]) == {"mesh.glb", "slots.npy"}, "not every object is drawn"
    assert set(samples["000700002-1"]) == {"webp", "json", "light.webp"}
    assert Image.open(io.BytesIO(samples["000700002-1"]["light.webp"])).size == (16, 16)
    assert json.loads(samples["000700002-1"]["json"]) == {"object": 700002}
    image = Image.open(io.BytesIO(samples["000700001-0"]["webp"]))
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image)[..., 3], np.asarray(disc())[..., 3])
    seen = np.asarray(image)[..., 3] > 0
    assert abs(np.asarray(image)[seen][:, :3].astype(int) - (200, 0, 0)).mean() < 6


def test_the_same_content_gives_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "a.tar")
    write(tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_shard_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ShardWriter(tmp_path / "a.tar") as shard:
        shard.add_view(1, 0, disc(), {})
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_opaque_pictures_stay_opaque() -> None:
    image = Image.open(io.BytesIO(webp(Image.new("RGB", (16, 16), (10, 200, 30)))))
    assert image.mode == "RGB"


@pytest.mark.parametrize("count", [3, 20, 24, 25])
def test_both_parts_hold_every_kind_equally_often(count: int) -> None:
    kinds = [f"kind{index}" for index in range(count)]
    parts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for index in range(25 * 2 * count):
        number = object_number(7, index)
        parts[held_out(number)][kind_of(number, kinds)] += 1
    assert set(parts[True].values()) == {2}
    assert set(parts[False].values()) == {48}


def test_numbers_tell_dice_apart() -> None:
    number = object_number(7, 3)
    assert number == 700003
    assert held_out(object_number(7, 50)) and not held_out(number)
    throws = [dice.uniform(0, 1) for dice in (object_dice(number), view_dice(number, 0), view_dice(number, 1))]
    others = [dice.uniform(0, 1) for dice in (sketch_dice(number), dressing_dice(number))]
    assert len({*throws, *others}) == 5
    assert view_dice(number, 1).uniform(0, 1) == throws[2]
    with pytest.raises(ValueError, match="further seed"):
        object_number(7, 100_000)


def test_what_is_held_out_is_drawn_and_one_in_some_of_the_rest() -> None:
    numbers = [object_number(7, index) for index in range(25 * SKETCH_EVERY)]
    assert all(has_sketch(number) for number in numbers if held_out(number))
    rest = [number for number in numbers if not held_out(number)]
    assert sum(map(has_sketch, rest)) * SKETCH_EVERY == len(rest)


def test_outlines_lose_their_dots_and_keep_their_coverage() -> None:
    pixels = np.asarray(disc()).copy()
    rim = (pixels[..., 3] > 0) & (pixels[..., 3] < 255)
    pixels[rim, 0] = np.random.default_rng(0).integers(100, 256, rim.sum())
    steady = steady_outline(pixels)
    np.testing.assert_array_equal(steady[..., 3], pixels[..., 3])
    assert steady[rim, 0].std() < pixels[rim, 0].std() / 3
    inner = pixels[..., 3] == 255
    np.testing.assert_array_equal(steady[inner], pixels[inner])
