import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realify.job.events import Advice
from realify.result import remesh
from realify.result.measures import face_areas, face_volumes, is_closed_manifold, part_of_faces
from realify.result.remesh import clean_body, without_crumbs
from sdf_fit.mesh import Mesh
from tests.realify.bodies import ball, egg, ring, surface


@pytest.mark.parametrize("field", [egg, ring])
@pytest.mark.parametrize("budget", [1500, 20_000])
def test_budget_is_met_by_a_closed_even_mesh_on_the_surface(field, budget):
    raw = surface(field)
    body = clean_body(raw, budget)
    assert 0.98 * budget <= len(body.faces) <= budget
    assert is_closed_manifold(body.faces)
    assert len(np.unique(body.vertices, axis=0)) == len(body.vertices)
    euler = len(body.vertices) - len(body.faces) // 2
    assert euler == {egg: 2, ring: 0}[field]
    # the chord of the coarsest edges lies .004 below the surface, that of the grid's cells .002
    assert np.abs(field(body.vertices)).max() < 0.006
    volume, raw_volume = (face_volumes(m.vertices, m.faces).sum() for m in (body, raw))
    assert volume == pytest.approx(raw_volume, rel=0.02)  # chords of the coarser mesh cut off 1.5 %
    smallest, middle = np.quantile(_smallest_angles(body), [0.01, 0.5])
    assert smallest > 15 and middle > 40


def _smallest_angles(mesh: Mesh) -> np.ndarray:
    """Degrees [F]."""
    corner = mesh.vertices[mesh.faces]
    towards_next = np.roll(corner, -1, axis=1) - corner
    towards_next /= np.linalg.norm(towards_next, axis=2, keepdims=True)
    cosine = -(towards_next * np.roll(towards_next, 1, axis=1)).sum(2)
    return np.degrees(np.arccos(cosine.clip(-1, 1))).min(1)


def test_crumbs_and_cavities_go_and_small_parts_stay():
    eye, crumb, cavity = ball((0, 0.3, 0.78), 0.08), ball((0.9, 0.9, 0.9), 0.04), ball((0, -0.2, 0), 0.2)

    def face(points: np.ndarray) -> np.ndarray:
        hollow = np.maximum(ball((0, 0, 0), 0.6)(points), -cavity(points))
        return np.minimum(np.minimum(hollow, eye(points)), crumb(points))

    raw = surface(face)
    assert part_of_faces(raw.faces, len(raw.vertices)).max() + 1 == 4
    body = without_crumbs(raw)
    part = part_of_faces(body.faces, len(body.vertices))
    assert part.max() + 1 == 2
    areas = sorted(np.bincount(part, face_areas(body.vertices, body.faces)))
    assert areas == pytest.approx([4 * np.pi * 0.08**2, 4 * np.pi * 0.6**2], rel=0.12)


def test_colors_follow_the_surface():
    raw = surface(ring)
    body = clean_body(Mesh(raw.vertices, raw.faces, raw.vertices * 0.5 + 0.5), 2000)
    assert body.colors is not None
    assert np.abs(body.colors - (body.vertices * 0.5 + 0.5)).max() < 0.05


def test_a_child_that_fails_costs_the_remeshing_and_not_the_body(monkeypatch):
    monkeypatch.setattr(remesh, "SECONDS", 0.0)
    monkeypatch.setattr(remesh, "SECONDS_PER_FACE", 0.0)
    raw = surface(ring)
    with pytest.warns(Advice, match="keeps its .* faces"):
        body = clean_body(raw, 2000)
    np.testing.assert_array_equal(body.faces, raw.faces)


def test_bodies_that_cannot_be_cleaned_are_refused():
    raw = surface(ring, 16)
    with pytest.raises(ValueError, match="closed"):
        clean_body(Mesh(raw.vertices, raw.faces[1:]), 1000)
    with pytest.raises(ValueError, match="inside out"):
        clean_body(Mesh(raw.vertices, np.ascontiguousarray(raw.faces[:, ::-1])), 1000)
    with pytest.raises(ValueError, match="too small"):
        clean_body(raw, 10)


def test_pymeshlab_stays_out_of_this_process():
    code = (
        "import sys; from tests.realify.bodies import ring, surface; from realify.result.remesh import clean_body;"
        "clean_body(surface(ring, 24), 1000); sys.exit('pymeshlab' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
