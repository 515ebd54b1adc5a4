"""The ten hard sketches at the reading level: what is kept, what is dropped, and where it stands."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pytest

from sdf_fit.sketch.read import Sketch, read_sketch
from sdf_fit.sketch.shape import face_areas
from tests.sdf_fit.sketch import hard_sketches as hard


def in_world(sketch: Sketch) -> np.ndarray:
    """The vertices where the sketch stood, [V, 3] metres."""
    return sketch.mesh.vertices @ sketch.world_from_work[:3, :3].T + sketch.world_from_work[:3, 3]


def check_clean(sketch: Sketch) -> None:
    """What every sketch promises: finite, no zero area, all used, in the sphere of radius .9, coloured."""
    mesh = sketch.mesh
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int32 and mesh.colors is not None
    assert np.isfinite(mesh.vertices).all()
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(0.9, abs=1e-5)
    assert (face_areas(mesh.vertices.astype(np.float64), mesh.faces) > 0).all()
    assert len(np.unique(mesh.faces)) == len(mesh.vertices)
    assert 0.01 <= sketch.stroke_width <= 0.2


@pytest.fixture(scope="module")
def vase(tmp_path_factory: pytest.TempPathFactory) -> Sketch:
    return read_sketch(hard.ribbon_vase(tmp_path_factory.mktemp("vase")))


def test_1_ribbon_vase_is_kept_whole(vase: Sketch) -> None:
    check_clean(vase)
    assert vase.warnings == ()
    strips = hard.vase_strips()
    assert len(vase.mesh.faces) == sum(len(strip) - 2 for strip in strips)
    np.testing.assert_allclose(in_world(vase), np.concatenate(strips), atol=1e-6)
    assert vase.mesh.colors is not None
    np.testing.assert_allclose(
        vase.mesh.colors[0], np.array(hard.TERRACOTTA[:3]) / 255, atol=1e-6
    )  # linear in glTF
    belly = 2 * np.pi * 0.13 / 24 - 0.005
    assert vase.stroke_width / 0.9 * np.linalg.det(vase.world_from_work[:3, :3]) ** (
        1 / 3
    ) * 0.9 == pytest.approx(belly, rel=0.4)


def test_2_tube_chair_without_indices(tmp_path: Path) -> None:
    chair = read_sketch(hard.tube_chair(tmp_path))
    check_clean(chair)
    assert chair.warnings == ()
    expected = sum(2 * 15 * len(path) for path, _ in hard.chair_paths())  # walls, and two caps of 15 faces
    assert len(chair.mesh.faces) == expected
    width = chair.stroke_width * np.linalg.norm(chair.world_from_work[:3, 0])
    assert width == pytest.approx(0.06, rel=0.15)


def test_3_hull_soup_is_kept_whole(tmp_path: Path) -> None:
    soup = read_sketch(hard.hull_soup(tmp_path))
    check_clean(soup)
    assert soup.warnings == ()
    assert len(soup.mesh.faces) == sum(len(hull.faces) for hull in hard.hull_truth())


def test_4_splatter_is_dropped_and_the_body_kept(tmp_path: Path, vase: Sketch) -> None:
    sketch = read_sketch(hard.splatter(tmp_path))
    np.testing.assert_array_equal(sketch.mesh.vertices, vase.mesh.vertices)
    assert sketch.warnings == ("dropped from the sketch: 400 faces of loose particles",)


def test_5_back_sides_change_nothing(tmp_path: Path, vase: Sketch) -> None:
    sketch = read_sketch(hard.double_sided(tmp_path))
    check_clean(sketch)
    assert "2,732 doubled faces" in sketch.warnings[0]
    np.testing.assert_allclose(sketch.world_from_work, vase.world_from_work, atol=2e-5)
    count = len(vase.mesh.vertices)
    np.testing.assert_allclose(sketch.mesh.vertices[:count], vase.mesh.vertices, atol=1e-4)
    assert sketch.stroke_width == pytest.approx(vase.stroke_width, rel=0.02)


def test_6_a_million_zeros_leave_only_the_stroke(tmp_path: Path) -> None:
    sketch = read_sketch(hard.zero_tail(tmp_path))
    check_clean(sketch)
    truth = hard.zero_tail_truth()
    assert len(sketch.mesh.faces) == len(truth.faces)
    np.testing.assert_allclose(in_world(sketch)[sketch.mesh.faces], truth.vertices[truth.faces], atol=1e-6)
    assert in_world(sketch)[:, 1].min() > 1.1
    assert sketch.warnings == ("dropped from the sketch: 500,002 unused points, 166,666 faces without area",)


def test_7_units_and_axes_give_one_shape_in_its_place(tmp_path: Path) -> None:
    variants = hard.units_axes(tmp_path)
    plain = read_sketch(variants[0][0])
    check_clean(plain)
    for path, options, place in variants:
        sketch = read_sketch(path, **options)  # type: ignore[arg-type]
        mine, its = (s.mesh.vertices[s.mesh.faces] for s in (plain, sketch))
        np.testing.assert_allclose(
            np.sort(its.mean(axis=1), axis=0), np.sort(mine.mean(axis=1), axis=0), atol=1e-5
        )
        normals = [np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) for t in (mine, its)]
        if path.stem != "chair_mirrored":  # a mirrored list starts its triangles elsewhere
            np.testing.assert_allclose(its, mine, atol=1e-5)
        np.testing.assert_allclose(normals[1], normals[0], atol=1e-6)
        expected = in_world(plain) @ place[:3, :3].T + place[:3, 3]
        np.testing.assert_allclose(np.sort(in_world(sketch), axis=0), np.sort(expected, axis=0), atol=2e-5)


def test_8_degenerate_strokes_are_cleaned_and_named(tmp_path: Path) -> None:
    sketch = read_sketch(hard.taper_degenerate(tmp_path))
    check_clean(sketch)
    (warning,) = sketch.warnings
    assert "1 face at a point that is no number" in warning
    assert "faces without area" in warning
    world = in_world(sketch)
    truth = hard.vase_truth().vertices
    assert (world.min(axis=0) >= truth.min(axis=0) - 0.02).all() and (
        world.max(axis=0) <= truth.max(axis=0) + 0.02
    ).all()


def test_9_strokes_only(tmp_path: Path, vase: Sketch) -> None:
    sketch = read_sketch(hard.alpha_scene(tmp_path))
    np.testing.assert_array_equal(sketch.mesh.vertices, vase.mesh.vertices)
    assert sketch.warnings == (
        "dropped from the sketch: 1 camera, 1 light, 1 part of zero scale, 2,732 invisible faces (alpha 0), "
        "42 faces and lines of a ground grid, 120 faces of loose particles",
    )


def test_10_huge_stays_within_its_limits(tmp_path: Path) -> None:
    path = hard.huge(tmp_path)
    start = time.monotonic()
    sketch = read_sketch(path)
    seconds = time.monotonic() - start
    assert len(sketch.mesh.vertices) > 1_300_000
    assert "unused points" in sketch.warnings[0]
    assert np.isfinite(sketch.mesh.vertices).all()
    assert seconds < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # KiB


@pytest.mark.parametrize("name", ["vase_truth", "chair_truth", "hull_truth", "zero_tail_truth"])
def test_truths_are_closed_and_outward(name: str) -> None:
    import trimesh

    truth = getattr(hard, name)()
    for mesh in truth if isinstance(truth, list) else [truth]:
        solid = trimesh.Trimesh(mesh.vertices, mesh.faces)
        assert solid.is_watertight and solid.volume > 0
