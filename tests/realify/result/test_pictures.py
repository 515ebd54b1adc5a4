"""Contact sheet and turntable: that they open, have the right size, and show what they should."""

import numpy as np
import pytest
import torch
from PIL import Image

from realify.result.bake import bake
from realify.result.contact_sheet import write_contact_sheet
from realify.result.render_views import SKETCH_SURFACE, draw_result, draw_sketch
from realify.result.turntable import write_turntable
from sdf_fit.cameras import ring_of_views
from sdf_fit.mesh import Mesh
from sdf_fit.render import make_renderer
from tests.realify.bodies import ball, egg, ring, stripes, surface, unwrapped

RENDERER = make_renderer("numba")
GROUND = 237  # of the background, all channels


def _colored(mesh: Mesh, color: tuple[float, float, float]) -> Mesh:
    return Mesh(mesh.vertices, mesh.faces, np.tile(np.array(color, np.float32), (len(mesh.vertices), 1)))


def test_sketches_are_drawn_from_both_sides_alike():
    mesh = _colored(surface(egg, 24), (0.8, 0.1, 0.1))
    turned = Mesh(mesh.vertices, np.ascontiguousarray(mesh.faces[:, ::-1]), mesh.colors)
    views = ring_of_views(2, 15)
    front, back = draw_sketch(mesh, views, 64, RENDERER), draw_sketch(turned, views, 64, RENDERER)
    np.testing.assert_allclose(np.array(front, int), np.array(back, int), atol=2)
    assert front[0][0, 0].tolist() == [GROUND] * 3
    red, green, _ = front[0][32, 32]
    assert red > 150 and green < 120


def test_every_side_is_lit_alike():
    views = ring_of_views(5, 15)
    pictures = draw_sketch(_colored(surface(ball((0, 0, 0), 0.7)), (0.5, 0.5, 0.5)), views, 64, RENDERER)
    assert np.abs(np.array(pictures, int) - pictures[0]).mean() < 1


def test_a_result_looks_like_a_sketch_of_the_same_color():
    """Texture, uvs and normals of the one path against vertex colours of the other."""
    mesh = unwrapped(egg)
    paint = torch.tensor(SKETCH_SURFACE)
    textures = bake(mesh, lambda p: torch.cat([stripes(p)[:, :3], paint.expand(len(p), 2)], 1), 512, RENDERER)
    views = ring_of_views(3, 15)
    result = draw_result(mesh, textures, views, 96, RENDERER)
    colors = stripes(torch.from_numpy(mesh.vertices))[:, :3].numpy()
    uncut = np.zeros((mesh.vertex_map.max() + 1, 3), np.float32)
    vertices, uncut_colors = uncut.copy(), uncut
    vertices[mesh.vertex_map], uncut_colors[mesh.vertex_map] = mesh.vertices, colors
    sketch = draw_sketch(Mesh(vertices, mesh.welded_faces, uncut_colors), views, 96, RENDERER)
    difference = np.abs(np.array(result, int) - np.array(sketch, int))
    assert difference.mean() < 1 and np.quantile(difference, 0.999) < 12


def test_the_contact_sheet_shows_sketch_above_result(tmp_path):
    mesh = unwrapped(ring)
    path = tmp_path / "sheet.png"
    sketch = _colored(surface(egg, 24), (0.1, 0.1, 0.8))
    caption = "a photo of a ring, " * 30 + "\n· draft"
    write_contact_sheet(path, sketch, mesh, bake(mesh, stripes, 256, RENDERER), RENDERER, caption, size=160)
    with Image.open(path) as sheet:
        sheet.load()
        assert sheet.format == "PNG" and sheet.size == (4 * 160 + 20, 10 + 2 * (160 + 22 + 10))
        pixels = np.asarray(sheet)
    rows = pixels[32:192].astype(int), pixels[224:384].astype(int)
    for row in rows:
        for column in range(4):
            view = row[:, 10 + 160 * column : 170 + 160 * column]
            assert 0.15 < (np.abs(view - GROUND).max(axis=2) > 8).mean() < 0.8
    blue = rows[0][80, 10 + 80]
    assert blue[2] > blue[0] + 60


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_turntable_turns_without_end(kind, tmp_path):
    mesh = unwrapped(ring, 1000)
    path = tmp_path / f"turn.{kind}"
    write_turntable(path, mesh, bake(mesh, stripes, 256, RENDERER), RENDERER, size=96, frames=12)
    with Image.open(path) as animation:
        assert animation.size == (96, 96) and animation.n_frames == 12  # type: ignore[attr-defined]
        assert animation.info["loop"] == 0
        frames = []
        for i in range(12):
            animation.seek(i)
            frames.append(np.asarray(animation.convert("RGB")).astype(int))
    steps = [np.abs(a - b).mean() for a, b in zip(frames, [*frames[1:], frames[0]], strict=True)]
    assert min(steps) > 0.5 and max(steps) < 4 * min(steps)  # it moves evenly, and closes


def test_other_animations_are_refused(tmp_path):
    mesh = unwrapped(ring, 1000)
    with pytest.raises(ValueError, match=r"\.webp or \.gif"):
        write_turntable(tmp_path / "turn.mp4", mesh, bake(mesh, stripes, 64, RENDERER), RENDERER)
