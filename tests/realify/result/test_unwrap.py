import numpy as np
import pytest
import torch

from realify.result.measures import face_areas, is_closed_manifold, part_of_faces
from realify.result.remesh import clean_body
from realify.result.unwrap import unwrap
from sdf_fit.mesh import Mesh
from sdf_fit.render import make_renderer
from tests.realify.bodies import egg, ring, surface

SIZE = 1024


@pytest.mark.parametrize("field", [egg, ring])
def test_charts_cover_the_mesh_do_not_overlap_and_keep_their_distance(field):
    body = clean_body(surface(field), 5000)
    cut = unwrap(body, SIZE, padding=4)
    np.testing.assert_array_equal(cut.welded_faces, body.faces)
    np.testing.assert_array_equal(cut.vertices, body.vertices[cut.vertex_map])
    assert is_closed_manifold(cut.welded_faces)
    assert cut.uvs.min() >= 0 and cut.uvs.max() <= 1

    area = face_areas(np.pad(cut.uvs, ((0, 0), (0, 1))), cut.faces).sum()
    assert area > 0.4  # of the texture is used
    chart = _raster(cut.uvs, cut.faces, _chart_of_faces(cut.faces))
    assert (chart >= 0).mean() == pytest.approx(
        area, rel=0.005
    )  # less were covered if any lay on top of others
    assert _closest_charts(chart) >= 4


def _raster(uvs: np.ndarray, faces: np.ndarray, value: np.ndarray) -> np.ndarray:
    """value [F] of the face under each texel, [S, S]; -1 where none is."""
    clip = np.concatenate([uvs * 2 - 1, np.zeros((len(uvs), 1)), np.ones((len(uvs), 1))], axis=1)
    rast = make_renderer("numba").rasterize(
        torch.from_numpy(clip).float()[None], torch.from_numpy(faces), (SIZE, SIZE)
    )
    return np.r_[-1, value][rast[0, ..., 3].int().numpy()]


def _chart_of_faces(faces: np.ndarray) -> np.ndarray:
    return part_of_faces(faces, faces.max() + 1)


def _closest_charts(chart: np.ndarray) -> int:
    """Texels from one chart to the next, along rows and columns."""
    for gap in range(1, 16):
        for image in (chart, chart.T):
            left, right = image[:, :-gap], image[:, gap:]
            if ((left >= 0) & (right >= 0) & (left != right)).any():
                return gap - 1
    return 16


def test_twenty_thousand_faces_get_few_charts():
    cut = unwrap(clean_body(surface(ring), 20_000))
    assert len(cut.vertices) < 1.2 * len(np.unique(cut.vertex_map))
    assert _chart_of_faces(cut.faces).max() < 60


def test_the_same_body_is_cut_the_same_way():
    first, again = (unwrap(clean_body(surface(egg), 3000), 256) for _ in range(2))
    for name in ("vertices", "faces", "uvs", "vertex_map"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_normals_do_not_see_the_cuts():
    cut = unwrap(clean_body(surface(ring), 3000), 256)
    x, y, z = cut.vertices.T
    across = 1 - 0.55 / np.hypot(x, z)
    exact = np.stack([x * across, y, z * across], axis=1) / 0.25
    assert (cut.normals * exact).sum(1).min() > 0.98  # 11°; faces span 10°
    assert np.linalg.norm(cut.normals, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_mesh_without_faces_is_refused():
    with pytest.raises(ValueError, match="without faces"):
        unwrap(Mesh(np.zeros((3, 3), np.float32), np.zeros((0, 3), np.int32)))
