"""A pair shows the product's fit of a sketch from the very camera of the photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdf_fit.render import make_renderer
from training import pairs
from training.conditions import NOTHING, camera_of, of_shard
from training.pairs import beside, in_work, main, read
from training.world.dice import Dice
from training.world.kinds import KINDS
from training.world.numbering import is_dressed
from training.world.shards import ShardWriter
from training.world.sketch import sketch_glb
from training.world.true_mesh import mesh_glb, vertex_slots

SIZE = 64
CAMERA = {"azimuth": 25.0, "elevation": 20.0, "distance": 3.1, "fovy": 38.0, "target": [0.0, 0.55, 0.0]}
OWN, DRESSED = (next(n for n in range(700_000, 701_000) if is_dressed(n) == it) for it in (False, True))


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An apple in its own materials and one that wears others, both sketched."""
    path = tmp_path_factory.mktemp("pairs") / "world-7-00000-00002.tar"
    mesh = KINDS["apple"](Dice(3)).model.normalised()
    with ShardWriter(path) as writer:
        for number in (OWN, DRESSED):
            picture = Image.new("RGBA", (SIZE, SIZE))
            writer.add_view(number, 0, picture, {"object": number, **CAMERA})
            writer.add_object(number, sketch_glb(mesh, Dice(4)), mesh_glb(mesh), vertex_slots(mesh))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "GRID", 32)
        patch.setattr(pairs, "STEPS", 6)
        patch.setattr(pairs, "RESOLUTION", 64)
        main(["--data", str(path), "--size", str(SIZE)])
    return path


def test_only_objects_in_their_own_colors_are_paired(shard: Path) -> None:
    assert list(read(shard)) == [f"{OWN:09d}-0"]


def test_the_fitted_body_stands_where_the_object_stands(shard: Path) -> None:
    truth = of_shard(shard, make_renderer("numba"), SIZE)[f"{OWN:09d}-0"].slots != NOTHING
    fitted = read(shard)[f"{OWN:09d}-0"]
    covered = fitted.coverage > 127
    assert (covered & truth).sum() / (covered | truth).sum() > 0.85
    assert fitted.colors.shape == fitted.normals.shape == (SIZE, SIZE, 3)
    mesh = KINDS["apple"](Dice(3)).model.normalised()
    drawn = np.median(fitted.colors[covered], axis=0) / 255
    assert min(np.abs(drawn - material.mean_color).max() for material in mesh.materials) < 0.08
    normals = fitted.normals[covered] / 127.5 - 1
    assert normals[:, 2].mean() > 0.4 and np.allclose(fitted.normals[0, 0], 128, atol=1)


def test_the_working_frames_camera_sees_the_same(shard: Path) -> None:
    sketch = pairs._read(sketch_glb(KINDS["apple"](Dice(3)).model.normalised(), Dice(4)))
    view = in_work(camera_of(CAMERA), sketch)
    scale = np.cbrt(np.linalg.det(np.linalg.inv(sketch.world_from_work)[:3, :3]))
    assert view.distance == pytest.approx(CAMERA["distance"] * scale) and view.azimuth == CAMERA["azimuth"]
    back = np.asarray(sketch.world_from_work) @ np.array([*view.target, 1.0])
    assert np.allclose(back[:3], CAMERA["target"], atol=1e-5)


def test_what_was_fitted_is_not_fitted_again(shard: Path) -> None:
    before = beside(shard).stat().st_mtime_ns
    main(["--data", str(shard)])
    assert beside(shard).stat().st_mtime_ns == before
