"""The committed example sketches are what the script draws, and each is read without a word of warning."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from sdf_fit.sketch.gltf_file import split_glb
from sdf_fit.sketch.read import read_sketch

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = ("mushroom", "flower", "mug", "apple", "chair", "house", "fish", "cactus", "vase")


def buffers(path: Path) -> tuple[dict, list[np.ndarray]]:
    """The header without its rounded bounds, and the values of each accessor."""
    header, binary = split_glb(path.read_bytes())
    assert binary is not None
    kinds = {5121: ("<u1", 4), 5123: ("<u2", 1), 5126: ("<f4", 3)}
    values = []
    for accessor, view in zip(header["accessors"], header["bufferViews"], strict=True):
        dtype, width = kinds[accessor["componentType"]]
        values.append(np.frombuffer(binary, dtype, accessor["count"] * width, view["byteOffset"]))
        for bound in ("min", "max"):
            accessor.pop(bound, None)
    return header, values


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    runpy.run_path(str(EXAMPLES / "make_sketches.py"))["main"](folder)
    return folder


def test_all_are_there(drawn: Path) -> None:
    assert {path.stem for path in drawn.iterdir()} == set(NAMES)
    assert {path.stem for path in (EXAMPLES / "sketches").glob("*.glb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_script_draws_the_committed_file(drawn: Path, name: str) -> None:
    committed = EXAMPLES / "sketches" / f"{name}.glb"
    assert committed.stat().st_size < 400_000
    (old, old_values), (new, new_values) = buffers(committed), buffers(drawn / f"{name}.glb")
    assert old == new
    for a, b in zip(old_values, new_values, strict=True):
        np.testing.assert_allclose(a.astype(np.float64), b, atol=1.01 if a.dtype == np.uint8 else 1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_read_without_a_warning_and_stands_on_its_ground(name: str) -> None:
    sketch = read_sketch(EXAMPLES / "sketches" / f"{name}.glb")
    assert sketch.warnings == ()
    world = sketch.mesh.vertices @ sketch.world_from_work[:3, :3].T + sketch.world_from_work[:3, 3]
    low, high = world.min(axis=0), world.max(axis=0)
    assert 0.3 <= (high - low).max() <= 1.5
    assert np.linalg.norm((low + high)[[0, 2]] / 2) > 0.3  # off the origin, so that placement is exercised
    assert sketch.mesh.colors is not None and np.ptp(sketch.mesh.colors, axis=0).max() > 0.2
