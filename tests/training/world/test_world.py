"""The whole way: a real Blender renders small shards, is killed, goes on, and does the same again."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.world.__main__ import BLENDER_PYTHON, ROOT
from training.world.colors import to_linear
from training.world.kinds import KINDS
from training.world.numbering import has_sketch, object_dice, object_number
from training.world.shards import read_shard

pytestmark = pytest.mark.skipif(not BLENDER_PYTHON.exists(), reason="no .venv-blender: `make setup` makes it")
SIZE = 32
VIEWS = 5
NAME = "world-7-00000-00002.tar"


def command(folder: Path, *more: str) -> list[str]:
    """Two mugs: number 700000 in its own materials and with a sketch, number 700001 in others and without."""
    options = ["--out", str(folder), "--seed", "7", "--objects", "2", "--views", str(VIEWS), "--kinds", "mug,vase"]
    options += ["--size", str(SIZE), "--samples", "2", "--jobs", "1", *more]
    return [sys.executable, "-m", "training.world", *options]


def render(folder: Path, *more: str) -> str:
    done = subprocess.run(command(folder, *more), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    render(folder)
    return folder / NAME


def cards(path: Path) -> list[dict[str, Any]]:
    return [json.loads(sample["json"]) for _, sample in read_shard(path) if "json" in sample]


def pictures(path: Path) -> list[np.ndarray]:
    return [
        np.asarray(Image.open(io.BytesIO(sample["webp"])).convert("RGBA"))
        for _, sample in read_shard(path)
        if "webp" in sample
    ]


def test_a_shard_holds_views_sketch_and_mesh(shard: Path) -> None:
    samples = dict(read_shard(shard))
    for index in range(2):
        number = object_number(7, index)
        for view in range(VIEWS):
            members = set(samples[f"{number:09d}-{view}"])
            assert members == {"webp", "json", "light.webp", "base.webp", "surface.webp"}
        meshes = samples[f"{number:09d}"]
        assert set(meshes) == {"mesh.glb", "slots.npy"} | ({"sketch.glb"} if has_sketch(number) else set())
        assert all(data[:4] == b"glTF" for name, data in meshes.items() if name.endswith("glb"))
    assert [has_sketch(object_number(7, index)) for index in range(2)] == [True, False]
    known = cards(shard)
    assert [card["object"] for card in known] == [700000] * VIEWS + [700001] * VIEWS
    assert [card["kind"] for card in known] == ["mug"] * 2 * VIEWS, "held-out objects have a turn of their own"
    for card in known:
        assert card["caption"] == f"a photo of {card['phrase']}{card['scene']}, {card['view']}"
        assert card["transparent"] == (not card["scene"])
        assert card["fovy"] == 38 and len(card["target"]) == 3


def test_four_views_are_transparent_and_the_fifth_is_not(shard: Path) -> None:
    for card, picture in zip(cards(shard), pictures(shard), strict=True):
        alpha = picture[..., 3]
        assert alpha.max() == 255
        if not card["transparent"]:
            assert alpha.min() == 255
        elif card["view"] != "close-up":
            assert (alpha == 0).mean() > 0.1
            border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
            assert (border == 0).mean() > 0.9, "an object that is not wholly in its picture"
    assert [card["transparent"] for card in cards(shard)] == [True] * 4 + [False] + [True] * 4 + [False]


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_light_and_surface_are_of_the_picture(shard: Path) -> None:
    for _, sample in read_shard(shard):
        if "webp" not in sample:
            continue
        light, base, surface = (opened(sample[f"{name}.webp"]) for name in ("light", "base", "surface"))
        assert light.shape == (SIZE // 2, SIZE // 2, 3) and light.max() > 60
        assert base.shape == (SIZE, SIZE, 4) and surface.shape == (SIZE, SIZE, 3)
        picture = opened(sample["webp"])
        if json.loads(sample["json"])["transparent"]:
            assert np.abs(base[..., 3].astype(int) - picture[..., 3]).max() < 40
        assert np.median(surface[base[..., 3] == 255][:, 0]) > 5, "nothing is quite smooth"


def own(card: dict[str, Any]) -> bool:
    """Whether an object wears its own materials."""
    return card["phrase"] == KINDS[card["kind"]](object_dice(card["object"])).phrase


def test_the_palette_colours_the_true_surface_by_its_slots(shard: Path) -> None:
    """As the mesh is coloured, where an object wears its own materials; else it has other colours."""
    import trimesh

    samples = dict(read_shard(shard))
    for card in cards(shard):
        members = samples[f"{card['object']:09d}"]
        mesh = trimesh.load(io.BytesIO(members["mesh.glb"]), file_type="glb", force="mesh", process=False)
        slots = np.load(io.BytesIO(members["slots.npy"]))
        thing = KINDS[card["kind"]](object_dice(card["object"]))
        assert set(slots) == set(range(len(card["palette"]))) == set(range(len(thing.model.mesh().materials)))
        told = to_linear(np.array(card["palette"])[slots])
        colors = np.asarray(mesh.visual.vertex_colors)[:, :3] / 255  # type: ignore[attr-defined]
        assert (np.abs(told - colors).max() < 0.003) == own(card)
    dresses = [{card["phrase"] for card in cards(shard) if card["object"] == number} for number in (700000, 700001)]
    assert len(dresses[0]) == 1 and len(dresses[1]) > 2, "what is dressed wears something else in every view"
    assert [own(card) for card in cards(shard)] == [True] * VIEWS + [False] * VIEWS


def test_base_colours_are_the_palettes(shard: Path) -> None:
    """Over the whole object, what is worn looks from afar as its parts' mean colours do."""
    for _, sample in read_shard(shard):
        if "webp" in sample:
            base, palette = opened(sample["base.webp"]), 255 * np.array(json.loads(sample["json"])["palette"])
            mean = base[base[..., 3] == 255][:, :3].mean(axis=0)
            assert (mean > palette.min(axis=0) - 30).all() and (mean < palette.max(axis=0) + 30).all()


def test_the_sketch_stands_where_the_renders_show_the_object(shard: Path) -> None:
    """Its bounding box, seen by the card's camera, covers the picture's object."""
    import trimesh

    samples = dict(read_shard(shard))
    for name in ("sketch.glb", "mesh.glb"):
        data = io.BytesIO(samples["000700000"][name])
        points = np.asarray(trimesh.load(data, file_type="glb", force="mesh").vertices)  # type: ignore[attr-defined]
        for key, sample in samples.items():
            if not key.startswith("000700000-"):
                continue
            card = json.loads(sample["json"])
            if not card["transparent"] or card["view"] == "close-up":
                continue
            alpha = np.asarray(Image.open(io.BytesIO(sample["webp"])))[..., 3] > 127
            seen = np.argwhere(alpha)
            drawn = project(points, card)
            np.testing.assert_allclose(drawn.min(0), seen.min(0), atol=2.5)
            np.testing.assert_allclose(drawn.max(0), seen.max(0) + 1, atol=2.5)


def project(points: np.ndarray, card: dict[str, Any]) -> np.ndarray:
    """(row, column) in pixels [N, 2] of points [N, 3], by the conventions' camera: azimuth 0 on +Z, towards +X."""
    azimuth, elevation = np.radians(card["azimuth"]), np.radians(card["elevation"])
    away = np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
    right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    offset = points - (np.array(card["target"]) + card["distance"] * away)
    depth = -offset @ away
    scale = SIZE / 2 / np.tan(np.radians(card["fovy"]) / 2)
    return SIZE / 2 + scale * np.stack([-(offset @ np.cross(away, right)), offset @ right], 1) / depth[:, None]


def test_the_same_seed_gives_the_same_shard_after_a_killed_worker_and_a_killed_manager(
    shard: Path, tmp_path: Path
) -> None:
    manager = subprocess.Popen(command(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    first = wait_for(lambda: writing(tmp_path), "a first worker")
    os.kill(owner(first), signal.SIGKILL)
    wait_for(lambda: writing(tmp_path) if writing(tmp_path) != first else None, "a second try")
    manager.kill()
    manager.wait()
    assert not (tmp_path / NAME).exists()
    render(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "world.json"]
    assert cards(tmp_path / NAME) == cards(shard)
    for again, before in zip(pictures(tmp_path / NAME), pictures(shard), strict=True):
        assert np.abs(again.astype(int) - before).mean() < 1


def writing(folder: Path) -> Path | None:
    """The newest shard that is being written."""
    parts = sorted(folder.glob("*.part"), key=lambda path: path.stat().st_mtime)
    return parts[-1] if parts else None


def owner(part: Path) -> int:
    """The process that writes it, by its name: SHARD-PROCESS-RANDOM.part."""
    return int(part.name.removeprefix(f"{Path(NAME).stem}-").split("-")[0])


def wait_for(condition: Callable[[], Path | None], what: str) -> Path:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = condition()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} never came")


def test_a_whole_shard_is_not_made_again(shard: Path) -> None:
    before = shard.stat().st_mtime_ns
    assert "nothing to do" in render(shard.parent)
    assert shard.stat().st_mtime_ns == before


def test_shards_of_one_folder_are_alike(shard: Path) -> None:
    done = subprocess.run(command(shard.parent, "--no-meshes"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "meshes = True, this run False" in done.stderr
