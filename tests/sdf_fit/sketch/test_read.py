"""Formats, colours, lines, placement and options of read_sketch on small sound files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual.color import ColorVisuals

from sdf_fit.sketch.inspect import look_at
from sdf_fit.sketch.read import Limits, SketchError, read_sketch
from sdf_fit.sketch.shape import enclosing_sphere, stroke_width
from sdf_fit.sketch.tubes import chains, sweep
from tests.sdf_fit.sketch.gltf_writer import GltfWriter

BOX = trimesh.creation.box(extents=(0.4, 0.6, 0.2))
BOX.apply_translation((1.0, 2.0, 3.0))
CORNERS, FACES = np.array(BOX.vertices), np.array(BOX.faces)


def linear(srgb: float) -> float:
    return ((srgb + 0.055) / 1.055) ** 2.4


def colors_of(path: Path, **options: object) -> np.ndarray:
    colors = read_sketch(path, **options).mesh.colors  # type: ignore[arg-type]
    assert colors is not None
    return colors


def world_bounds(path: Path, **options: object) -> np.ndarray:
    sketch = read_sketch(path, **options)  # type: ignore[arg-type]
    world = sketch.mesh.vertices @ sketch.world_from_work[:3, :3].T + sketch.world_from_work[:3, 3]
    return np.stack([world.min(axis=0), world.max(axis=0)])


@pytest.mark.parametrize("suffix", ["glb", "gltf", "obj", "ply", "stl"])
def test_every_format_lands_where_it_stood(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"box.{suffix}"
    if suffix == "gltf":
        writer = GltfWriter()
        writer.node(writer.primitive(CORNERS, FACES))
        writer.write(path)
    else:
        BOX.export(path)
    np.testing.assert_allclose(world_bounds(path, up="y"), BOX.bounds, atol=1e-5)
    sketch = read_sketch(path)
    assert any("up axis" in warning for warning in sketch.warnings) == (suffix in ("obj", "ply", "stl"))
    if suffix == "stl":
        low, high = BOX.bounds
        expected = [[low[0], low[2], -high[1]], [high[0], high[2], -low[1]]]
        np.testing.assert_allclose(world_bounds(path), expected, atol=1e-5)


def test_options_out_of_range(tmp_path: Path) -> None:
    BOX.export(tmp_path / "box.ply")
    for options in ({"up": "x"}, {"scale": 0.0}, {"scale": float("nan")}, {"front": float("inf")}):
        with pytest.raises(ValueError, match="wanted"):
            read_sketch(tmp_path / "box.ply", **options)  # type: ignore[arg-type]


def test_front_turns_the_working_frame_and_not_the_world(tmp_path: Path) -> None:
    vertices, faces = sweep(np.array([[0.0, 0, 0], [2, 0, 0]]), np.array([0.5, 0.1]))  # a cone towards +X
    writer = GltfWriter()
    writer.node(writer.primitive(vertices, faces))
    path = writer.write(tmp_path / "cone.glb")
    tip = np.argmax(vertices[:, 0])
    assert read_sketch(path).mesh.vertices[tip, 0] > 0.7
    turned = read_sketch(path, front=90.0)
    assert turned.mesh.vertices[tip, 2] > 0.7
    np.testing.assert_allclose(
        world_bounds(path, front=90.0), [vertices.min(axis=0), vertices.max(axis=0)], atol=1e-5
    )


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_gltf_colors_are_linear_and_multiply(tmp_path: Path, kind: str) -> None:
    values = np.tile([0.2, 0.4, 1.0, 1.0], (8, 1))
    colors = (values * np.iinfo(kind).max).round().astype(kind) if kind != "f4" else values.astype("<f4")
    writer = GltfWriter()
    factor = {"pbrMetallicRoughness": {"baseColorFactor": [0.5, 1.0, 0.25, 1.0]}}
    writer.node(writer.primitive(CORNERS, FACES, colors, material=writer.material(**factor)))
    np.testing.assert_allclose(
        colors_of(writer.write(tmp_path / "box.glb")), [[0.1, 0.4, 0.25]] * 8, atol=2e-3
    )


def test_ply_and_obj_colors_are_srgb(tmp_path: Path) -> None:
    box = BOX.copy()
    box.visual = ColorVisuals(box, vertex_colors=np.tile([128, 128, 255, 255], (8, 1)))
    box.export(tmp_path / "box.ply")
    text = "".join(f"v {x} {y} {z} 0.5 0.5 1.0\n" for x, y, z in CORNERS)
    (tmp_path / "box.obj").write_text(text + "".join(f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in FACES))
    for name in ("box.ply", "box.obj"):
        np.testing.assert_allclose(colors_of(tmp_path / name)[0], [linear(0.5)] * 2 + [1.0], atol=5e-3)


def test_obj_materials_and_relative_indices(tmp_path: Path) -> None:
    (tmp_path / "m.mtl").write_text("newmtl red\nKd 1.0 0.5 0.0\nnewmtl ghost\nKd 0 1 0\nd 0.0\n")
    rows = [f"v {x} {y} {z}\n" for x, y, z in CORNERS]
    faces = [f"f {a - 8} {b - 8} {c - 8}\n" for a, b, c in FACES]
    (tmp_path / "m.obj").write_text(
        "".join(["mtllib m.mtl\nusemtl red\n", *rows, *faces, "usemtl ghost\nf 1 2 3\n"])
    )
    sketch = read_sketch(tmp_path / "m.obj", up="y")
    assert len(sketch.mesh.faces) == 12
    assert sketch.warnings == ("dropped from the sketch: 1 invisible face (alpha 0)",)
    assert sketch.mesh.colors is not None
    np.testing.assert_allclose(sketch.mesh.colors[0], [1.0, linear(0.5), 0.0], atol=5e-3)


def test_textures_are_sampled_and_stamps_averaged(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, :2], pixels[:, 2:] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "paint.png")
    stamp = np.zeros((4, 4, 4), np.uint8)
    stamp[1:3, 1:3] = (255, 255, 255, 255)
    Image.fromarray(stamp).save(tmp_path / "stamp.png")
    writer = GltfWriter()
    writer.header |= {
        "images": [{"uri": "paint.png"}, {"uri": "stamp.png"}],
        "textures": [{"source": 0}, {"source": 1}],
    }
    materials = [writer.material(pbrMetallicRoughness={"baseColorTexture": {"index": i}}) for i in range(2)]
    uv = np.tile([[0.25, 0.5], [0.75, 0.5]], (4, 1))
    for material, shift in zip(materials, (0.0, 1.0), strict=True):
        writer.node(writer.primitive(CORNERS + shift, FACES, uv=uv, material=material))
    colors = colors_of(writer.write(tmp_path / "painted.gltf"))
    np.testing.assert_allclose(colors[:2], [[1, 0, 0], [0, 0, 1]], atol=0.01)
    np.testing.assert_allclose(colors[8:], np.ones((8, 3)), atol=0.01)


def test_a_color_that_is_no_number_is_told_and_taken_as_grey(tmp_path: Path) -> None:
    colors = np.tile([0.2, 0.4, 1.0, 1.0], (8, 1)).astype("<f4")
    colors[3, 1] = np.nan
    writer = GltfWriter()
    writer.node(writer.primitive(CORNERS, FACES, colors))
    sketch = read_sketch(writer.write(tmp_path / "box.glb"))
    assert any("1 vertices have a colour that is no number" in warning for warning in sketch.warnings)
    assert sketch.mesh.colors is not None and np.isfinite(sketch.mesh.colors).all()
    np.testing.assert_allclose(sketch.mesh.colors[3], [0.6, 0.6, 0.6], atol=1e-6)

    Image.fromarray(np.full((4, 4, 3), 255, np.uint8)).save(tmp_path / "paint.png")
    writer = GltfWriter()
    writer.header |= {"images": [{"uri": "paint.png"}], "textures": [{"source": 0}]}
    uv = np.full((8, 2), 0.5)
    uv[5] = np.inf
    material = writer.material(pbrMetallicRoughness={"baseColorTexture": {"index": 0}})
    writer.node(writer.primitive(CORNERS, FACES, uv=uv, material=material))
    np.testing.assert_allclose(colors_of(writer.write(tmp_path / "painted.gltf"))[5], [0.6, 0.6, 0.6], atol=1e-6)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_gltf_lines_become_tubes(tmp_path: Path, mode: int) -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    red = np.tile(np.array([255, 0, 0, 255], np.uint8), (4, 1))
    indices = np.array([0, 1, 1, 2, 2, 3]) if mode == 1 else np.arange(4)
    writer = GltfWriter()
    writer.node(writer.primitive(points, indices, red, mode=mode))
    sketch = read_sketch(writer.write(tmp_path / "lines.glb"))
    solid = trimesh.Trimesh(sketch.mesh.vertices, sketch.mesh.faces)
    assert mode == 2 or (solid.is_watertight and solid.volume > 0)
    assert sketch.mesh.colors is not None
    np.testing.assert_allclose(sketch.mesh.colors, [[1, 0, 0]] * len(sketch.mesh.vertices))
    assert sketch.stroke_width == pytest.approx(
        0.016, rel=0.2
    )  # corners are thin; else about twice a hundredth of the sphere's radius


def test_obj_and_ply_lines_become_tubes(tmp_path: Path) -> None:
    (tmp_path / "l.mtl").write_text("newmtl blue\nKd 0 0 1\n")
    (tmp_path / "l.obj").write_text("mtllib l.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nusemtl blue\nl 1 2 -1\n")
    header = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    header += "element edge 2\nproperty int vertex1\nproperty int vertex2\nend_header\n"
    (tmp_path / "l.ply").write_text(header + "0 0 0\n1 0 0\n1 1 0\n0 1\n1 2\n")
    for name in ("l.obj", "l.ply"):
        sketch = read_sketch(tmp_path / name)
        assert trimesh.Trimesh(sketch.mesh.vertices, sketch.mesh.faces).is_watertight
    np.testing.assert_allclose(colors_of(tmp_path / "l.obj")[0], [0, 0, 1])


def test_strips_and_fans_are_turned_outward(tmp_path: Path) -> None:
    square = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    writer = GltfWriter()
    writer.node(
        writer.primitive(square, None, mode=5),
        writer.primitive(square[[0, 1, 3, 2]] + [0, 0, 1], None, mode=6),
    )
    mesh = read_sketch(writer.write(tmp_path / "modes.glb")).mesh
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert len(mesh.faces) == 4 and (normals[:, 2] > 0).all()


def test_nodes_under_a_camera_and_nested_matrices(tmp_path: Path) -> None:
    writer = GltfWriter()
    leaf = writer.node(writer.primitive(CORNERS, FACES), root=False, scale=[2, 1, 1])
    middle = writer.node(root=False, children=[leaf], rotation=[0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    writer.header["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.1}}]
    writer.node(camera=0, children=[middle], translation=[10, 0, 0])
    bounds = world_bounds(writer.write(tmp_path / "nested.glb"))
    low, high = BOX.bounds * [2, 1, 1]
    np.testing.assert_allclose(
        bounds, [[10 - high[1], low[0], low[2]], [10 - low[1], high[0], high[2]]], atol=1e-5
    )


def test_ribbons_cut_into_quads_are_no_particles(tmp_path: Path) -> None:
    t = np.linspace(0, 6 * np.pi, 300)
    path = np.stack([np.cos(t), t / 10, np.sin(t)], axis=-1)
    quads = np.stack(
        [path[:-1], path[1:], path[1:] + np.array([0, 0.1, 0]), path[:-1] + np.array([0, 0.1, 0])], axis=1
    )
    quads = quads.mean(axis=1, keepdims=True) + 0.9 * (
        quads - quads.mean(axis=1, keepdims=True)
    )  # none touches
    faces = np.arange(4 * len(quads)).reshape(-1, 4)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    writer = GltfWriter()
    writer.node(writer.primitive(quads.reshape(-1, 3), faces))
    sketch = read_sketch(writer.write(tmp_path / "cut.glb"))
    assert len(sketch.mesh.faces) == len(faces) and sketch.warnings == ()


def test_limits_are_kept_and_named(tmp_path: Path) -> None:
    BOX.export(tmp_path / "box.ply")
    limits = {"file_bytes": ("too_large", 10), "vertices": ("too_large", 7), "faces": ("too_large", 11)}
    limits |= {"seconds": ("slow", 0.05), "memory_bytes": ("memory", 40 * 2**20)}
    for name, (code, value) in limits.items():
        with pytest.raises(SketchError) as caught:
            read_sketch(tmp_path / "box.ply", limits=Limits(**{name: value}))  # type: ignore[arg-type]
        assert caught.value.code == code, name
        assert "limit" in caught.value.fix


def test_enclosing_sphere_is_the_smallest() -> None:
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(5000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    centre, radius = enclosing_sphere(ball * 2 + [5, 6, 7])
    np.testing.assert_allclose(centre, [5, 6, 7], atol=1e-3)
    assert radius == pytest.approx(2.0, rel=1e-4)
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0]])
    assert enclosing_sphere(triangle)[1] == pytest.approx(1 / np.sqrt(3))
    assert enclosing_sphere(triangle[:2])[1] == pytest.approx(0.5)
    assert enclosing_sphere(triangle[:1])[1] == 0


def test_stroke_width_of_ribbons_tubes_and_both() -> None:
    t = np.linspace(0, 3, 60)
    line = np.stack([t, np.sin(t), 0 * t], axis=-1)
    ribbon = np.stack([line, line + np.array([0, 0, 0.1])], axis=1).reshape(-1, 3)
    left = 2 * np.arange(59)[:, None]
    ribbon_faces = np.concatenate([left + np.array([0, 1, 2]), left + np.array([2, 1, 3])])
    assert stroke_width(ribbon, ribbon_faces) == pytest.approx(0.1, rel=0.05)
    assert stroke_width(*sweep(line, 0.05, sides=16)) == pytest.approx(0.1, rel=0.05)


def test_tubes_are_closed_and_runs_complete() -> None:
    sharp = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]])
    solid = trimesh.Trimesh(*sweep(sharp, 0.1))
    assert solid.is_watertight and solid.volume > 0
    star = np.array([[0, 1], [1, 2], [2, 3], [5, 6], [6, 7], [7, 5], [8, 9], [8, 10], [8, 11]])
    runs = chains(star)
    walked = {frozenset(pair) for run in runs for pair in pairwise(run)}
    assert walked == {frozenset(pair) for pair in star.tolist()}
    assert sorted(len(run) for run in runs) == [2, 2, 2, 4, 4]


def test_a_look_says_what_reading_would(tmp_path: Path) -> None:
    BOX.export(tmp_path / "box.stl")
    sketch = read_sketch(tmp_path / "box.stl")
    seen = look_at(tmp_path / "box.stl", Limits())
    assert (seen.vertices, seen.faces) == (len(sketch.mesh.vertices), len(sketch.mesh.faces))
    assert seen.notes == sketch.warnings and "up axis taken as z" in seen.notes[0]
    (tmp_path / "box.obj").write_text("v 0 0 0\n")
    for read in (read_sketch, lambda path: look_at(path, Limits())):
        with pytest.raises(SketchError) as caught:
            read(tmp_path / "box.obj")
        assert caught.value.code == "nothing_left"
