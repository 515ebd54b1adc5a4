import numpy as np
import pytest

from realify.result.measures import (
    face_areas,
    face_normals,
    face_volumes,
    is_closed_manifold,
    part_of_faces,
    vertex_normals,
)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
LEFT_BACK_BOTTOM = np.array([[0, 1, 3], [0, 3, 2], [0, 4, 5], [0, 5, 1], [0, 2, 6], [0, 6, 4]], np.int32)
CUBE_FACES = np.r_[LEFT_BACK_BOTTOM, 7 - LEFT_BACK_BOTTOM[:, ::-1]]  # the other sides, point-reflected


def test_a_cube_has_a_cubes_measures():
    assert is_closed_manifold(CUBE_FACES)
    assert face_areas(CUBE, CUBE_FACES).sum() == pytest.approx(6)
    assert face_volumes(CUBE, CUBE_FACES).sum() == pytest.approx(1)
    assert face_volumes(CUBE + 5, CUBE_FACES[:, ::-1]).sum() == pytest.approx(-1)
    np.testing.assert_allclose(face_normals(CUBE, CUBE_FACES)[:2], [[-1, 0, 0]] * 2)
    outwards = (vertex_normals(CUBE, CUBE_FACES) * (CUBE - 0.5)).sum(1)
    assert (outwards > 0.7).all()


@pytest.mark.parametrize(
    "faces",
    [
        CUBE_FACES[1:],  # a hole
        np.r_[CUBE_FACES[:1, ::-1], CUBE_FACES[1:]],  # a face turned over
        np.r_[CUBE_FACES, CUBE_FACES[:1]],  # an edge with three faces
        np.r_[CUBE_FACES, [[0, 0, 1]]],  # a face without area
        np.r_[CUBE_FACES, np.where(CUBE_FACES == 0, 0, CUBE_FACES + 8)],  # two cubes that meet in a vertex
        CUBE_FACES[:0],
    ],
)
def test_what_is_not_closed_or_not_a_manifold(faces: np.ndarray):
    assert not is_closed_manifold(faces)


def test_parts_are_told_apart():
    part = part_of_faces(np.r_[CUBE_FACES, CUBE_FACES + 8], 16)
    assert len(np.unique(part)) == 2
    assert len(np.unique(part[:12])) == 1
