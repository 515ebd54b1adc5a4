"""The sketch of an object: where its strokes lie, what they are and how they are coloured."""

import io

import numpy as np
import trimesh
from scipy.spatial import KDTree
from trimesh.visual import ColorVisuals

from sdf_fit.sketch.read import read_sketch
from training.world.dice import Dice
from training.world.materials import plain
from training.world.model import Mesh, Model
from training.world.parts import box, lathe, rotation, sphere, tube
from training.world.sketch import COLORS, sketch_glb
from training.world.sketching.foliage import crowded
from training.world.sketching.pieces import pieces_of
from training.world.sketching.rods import rod_of
from training.world.true_mesh import mesh_glb

UP = np.array([[0, 0, 0], [0, 0, 0.5], [0, 0, 1.0]])


def tree() -> Mesh:
    """A ball on a stem."""
    model = Model()
    model.add(sphere(24, 16), plain(Dice(1), "green"), move=(0, 0, 1.8))
    model.add(tube(UP, 0.06), plain(Dice(2), "brown"))
    return model.normalised()


def read(data: bytes) -> dict[str, trimesh.Trimesh]:
    return dict(trimesh.load_scene(io.BytesIO(data), file_type="glb", process=False).geometry)


def colors_of(data: bytes) -> set[tuple[int, ...]]:
    """All different vertex colours of a file."""
    visuals = [mesh.visual for mesh in read(data).values()]
    return {
        tuple(c) for visual in visuals if isinstance(visual, ColorVisuals) for c in np.asarray(visual.vertex_colors)
    }


def points_on(data: bytes) -> np.ndarray:
    """Points [N, 3] all over the meshes of a file."""
    meshes = read(data).values()
    return np.concatenate([trimesh.sample.sample_surface(mesh, 8000, seed=1)[0] for mesh in meshes])


def test_strokes_lie_on_the_object_and_nearly_cover_it():
    mesh = tree()
    for seed in range(2):
        strokes, surface = points_on(sketch_glb(mesh, Dice(seed))), points_on(mesh_glb(mesh))
        off = KDTree(surface).query(strokes)[0]
        assert np.quantile(off, 0.98) < 0.06
        # the stem's top is inside the ball; of the rest hardly anything lies further away than half a stroke
        outside = surface[(np.linalg.norm(surface - surface.mean(axis=0), axis=1) > 0.2)]
        assert np.quantile(KDTree(strokes).query(outside)[0], 0.95) < 0.06


def test_the_same_dice_draw_the_same_sketch_and_others_another():
    mesh = tree()
    first = sketch_glb(mesh, Dice(5))
    assert first == sketch_glb(mesh, Dice(5))
    assert first != sketch_glb(mesh, Dice(6))


def test_a_stem_is_one_rope_and_a_ball_is_ribbons():
    meshes = read(sketch_glb(tree(), Dice(1)))
    assert set(meshes) == {"ribbon", "tube"}
    assert meshes["tube"].body_count == 1
    assert meshes["tube"].is_watertight
    assert meshes["ribbon"].body_count > 8


def test_colours_are_few_and_those_of_the_parts():
    model = Model()
    for k in range(12):
        material = plain(Dice(k), (0.08 * k, 0.5, 1 - 0.08 * k))
        model.add(sphere(12, 8), material, move=(2.2 * k, 0, 1))
    drawn = colors_of(sketch_glb(model.normalised(), Dice(1)))
    assert 1 < len(drawn) <= COLORS
    assert drawn <= colors_of(mesh_glb(model.normalised()))


def test_a_filling_that_nobody_sees_is_not_drawn():
    model = Model()
    model.add(sphere(24, 16), plain(Dice(1), "red"))
    model.add(sphere(24, 16), plain(Dice(2), "blue"), scale=0.93)  # under the skin
    model.add(box(), plain(Dice(3), "yellow"), scale=0.4)  # in the middle
    assert len(colors_of(sketch_glb(model.normalised(), Dice(1)))) == 1


def test_the_inside_of_an_open_pot_is_drawn():
    wall = lathe([(0.01, 0), (1, 0), (1, 2), (0.85, 2), (0.85, 0.2), (0.01, 0.2)], 32)
    model = Model()
    model.add(wall, plain(Dice(1), "teal"))
    mesh = model.normalised()
    strokes = points_on(sketch_glb(mesh, Dice(2)))
    radius, height = np.hypot(strokes[:, 0], strokes[:, 2]), strokes[:, 1]
    inner = 0.92 * np.ptp(mesh.vertices[:, 0]) / 2
    assert ((radius < inner) & (height > 0.3) & (height < 0.8)).mean() > 0.05


def test_leaves_become_a_crown_and_sprinkles_do_not():
    dice = Dice(3)
    leaf = (np.array([(-0.5, -0.3, 0), (0.5, -0.3, 0), (0.5, 0.3, 0), (-0.5, 0.3, 0)]), [(0, 1, 2, 3)])
    model = Model()
    model.add(tube(UP, 0.08), plain(dice, "brown"))
    for _ in range(600):
        place = dice.normal(size=3)
        place *= 0.6 / np.linalg.norm(place)
        turn = rotation("z", dice.uniform(0, 6)) @ rotation("x", dice.uniform(0, 6))
        model.add(leaf, plain(Dice(1), "green"), rotate=turn, scale=0.2, move=place + np.array([0, 0, 1.4]))
    drawn = read(sketch_glb(model.normalised(), Dice(1)))
    assert drawn["ribbon"].body_count < 150  # far fewer sweeps than leaves
    places = dice.normal(size=(100, 3))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    assert not crowded(places, np.full(100, 0.002), 0.2).any()


def test_the_middle_line_of_a_bent_rope_follows_it():
    angle = np.linspace(0, 4.5, 30)
    path = np.column_stack([np.cos(angle), 0 * angle, np.sin(angle)])
    model = Model()
    model.add(tube(path, 0.05), plain(Dice(1), "red"))
    (piece,) = pieces_of(model.mesh(), 0.02)
    rod = rod_of(piece, 0.16)
    assert rod is not None
    assert not rod.flat
    inner = rod.points[1:-1]
    assert np.abs(np.hypot(inner[:, 0], inner[:, 2]) - 1).max() < 0.02
    assert np.abs(np.median(rod.radii) - 0.05) < 0.01
    assert np.linalg.norm(np.diff(rod.points, axis=0), axis=1).sum() > 0.9 * 4.5


def test_the_product_reads_it(tmp_path):
    path = tmp_path / "tree.glb"
    path.write_bytes(sketch_glb(tree(), Dice(1)))
    sketch = read_sketch(path)
    assert not sketch.warnings
    assert 0.03 < sketch.stroke_width < 0.2
    middle = sketch.world_from_work[:3, 3]
    assert np.allclose(middle[[0, 2]], 0, atol=0.03)  # it stands where the object stands
