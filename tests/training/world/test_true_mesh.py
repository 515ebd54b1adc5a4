"""The true surface as a GLB: its triangles, its frame and its colours."""

import io
from collections.abc import Sequence

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals

from training.world.dice import Dice
from training.world.materials import plain
from training.world.model import Model
from training.world.parts import box
from training.world.true_mesh import linear_bytes, mesh_glb, triangles


def polygon(outline: Sequence[tuple[float, float]], turn: np.ndarray) -> Model:
    """A flat face with this outline [N, 2], turned [3, 3]."""
    points = np.column_stack([np.array(outline, dtype=float), np.zeros(len(outline))])
    model = Model()
    model.add((points, [tuple(range(len(outline)))]), plain(Dice(1), "red"), rotate=turn)
    return model


def area_of(model: Model) -> float:
    mesh = model.mesh()
    a, b, c = (mesh.vertices[triangles(mesh)[0][:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def test_concave_polygons_are_cut_inside_their_outline():
    letter = [(0, 0), (3, 0), (3, 1), (1, 1), (1, 2), (3, 2), (3, 3), (0, 3)]  # a C of area 3 + 1 + 3
    for outline in (letter, letter[::-1], letter[3:] + letter[:3]):
        for turn in (np.eye(3), np.eye(3)[[1, 2, 0]], np.eye(3)[[2, 0, 1]]):
            assert np.isclose(area_of(polygon(outline, turn)), 7)
    dart = [(0, 0), (2, 1), (0, 2), (1, 1)]
    for start in range(4):
        assert np.isclose(area_of(polygon(dart[start:] + dart[:start], np.eye(3))), 1)


def test_triangles_keep_their_side():
    mesh = polygon([(0, 0), (3, 0), (3, 1), (1, 1), (1, 2), (0, 2)], np.eye(3)).mesh()
    a, b, c = (mesh.vertices[triangles(mesh)[0][:, k]] for k in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()


def test_the_file_is_y_up_in_the_objects_place_and_coarsely_coloured():
    model = Model()
    red, blue = plain(Dice(1), (0.8, 0.1, 0.1)), plain(Dice(2), (0.1, 0.1, 0.8))
    model.add(box(), red, move=(0, 0, 0.5))
    model.add(box(), blue, scale=(0.2, 1.0, 0.2), move=(0, -1.0, 0.5))  # to the front
    mesh = model.normalised()
    read = trimesh.load_scene(io.BytesIO(mesh_glb(mesh)), file_type="glb", process=False).geometry["mesh"]
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    assert np.allclose(read.bounds, [[low[0], low[2], -high[1]], [high[0], high[2], -low[1]]], atol=1e-6)
    assert isinstance(read.visual, ColorVisuals)
    colors = np.asarray(read.visual.vertex_colors)
    front = colors[np.argmax(read.vertices[:, 2])]
    assert (front == linear_bytes(np.array([blue.mean_color]))[0]).all()
    assert len(np.unique(colors, axis=0)) == 2
