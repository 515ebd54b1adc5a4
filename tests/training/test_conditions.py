"""What the product's renderer sees of the world's objects: whatever way round their parts were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from sdf_fit.cameras import View
from sdf_fit.render import make_renderer
from sdf_fit.render.surface import Surface
from training.conditions import NOTHING, Condition, beside, draw_condition, keep, main, read
from training.world.dice import Dice
from training.world.kinds import KINDS
from training.world.passes import Passes
from training.world.shards import ShardWriter
from training.world.sketch import sketch_glb
from training.world.true_mesh import mesh_glb, vertex_slots

SIZE = 32


def ball(inside_out: bool) -> Condition:
    mesh = trimesh.creation.icosphere(3)
    faces = mesh.faces[:, ::-1] if inside_out else mesh.faces
    surface = Surface.of(
        torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(np.ascontiguousarray(faces), dtype=torch.int32)
    )
    slots = torch.from_numpy((mesh.vertices[:, 1] > 0).astype(np.uint8))  # upper half: material 1
    return draw_condition(make_renderer("numba"), surface, slots, View(0.0, 0.0, 3.5, 38.0), SIZE)


@pytest.mark.parametrize("inside_out", [False, True])
def test_normals_face_the_camera_and_slots_are_the_parts(inside_out: bool) -> None:
    seen = ball(inside_out)
    normals = seen.normals / 127.5 - 1
    middle = SIZE // 2
    assert np.allclose(normals[middle, middle], (0, 0, 1), atol=0.1)
    assert normals[5, middle, 1] > 0.5 and normals[middle, 5, 0] > 0.5  # up, and red to the left
    assert np.allclose(normals[0, 0], 0, atol=0.01) and seen.slots[0, 0] == NOTHING
    assert seen.slots[6, middle] == 1 and seen.slots[-6, middle] == 0


def test_a_shards_conditions_are_written_once_and_read_again(tmp_path: Path) -> None:
    shard = tmp_path / "world-1-00000-00001.tar"
    mesh = KINDS["mug"](Dice(1)).model.normalised()
    blank = Passes(*(_picture() for _ in range(4)))
    card = {"object": 100001, "azimuth": 20.0, "elevation": 10.0, "distance": 3.2, "fovy": 38.0, "target": [0, 0.5, 0]}
    with ShardWriter(shard) as writer:
        writer.add_view(100001, 0, blank.picture, card)
        writer.add_object(100001, sketch_glb(mesh, Dice(2)), mesh_glb(mesh), vertex_slots(mesh))
    assert read(shard) == {}
    main(["--data", str(shard), "--size", str(SIZE)])
    (key, seen), *others = read(shard).items()
    assert key == "000100001-0" and not others
    assert seen.normals.shape == (SIZE, SIZE, 3)
    assert set(np.unique(seen.slots)) <= {*range(len(mesh.materials)), NOTHING}
    assert 0.1 < (seen.slots != NOTHING).mean() < 0.9
    keep(shard, {"other": seen})
    main(["--data", str(shard), "--size", str(SIZE)])  # nothing is drawn again
    assert list(read(shard)) == ["other"] and beside(shard).exists()


def _picture() -> Image.Image:
    return Image.new("RGBA", (SIZE, SIZE))
