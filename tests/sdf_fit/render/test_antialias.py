"""Antialias: exact at straight edges, blind to hidden ones, gradients as finite differences have them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.cameras import CameraRanges, View, clip_from_work, sample_views, to_clip
from sdf_fit.mesh import Mesh
from sdf_fit.render.antialias import antialias
from sdf_fit.render.edges import _find_edges, _find_edges_torch
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.silhouettes import (
    Crossings,
    _select_compiled,
    _silhouette_edges,
    select_crossings_torch,
)
from tests.sdf_fit.shapes import ball, box, bumpy_ball, together

RENDERER = NumbaRasterizer()


def flat(corners: list[tuple[float, float]], size: int, z: float = 0.0) -> Tensor:
    """Corners given in pixels (x, y) of a size x size picture → clip coordinates [1, V, 4] at depth z."""
    xy = torch.tensor(corners) / size * 2 - 1
    return torch.cat([xy, torch.full((len(xy), 1), z), torch.ones(len(xy), 1)], 1)[None]


def coverage(pos: Tensor, tri: Tensor, size: int) -> Tensor:
    rast = RENDERER.rasterize(pos, tri, (size, size))
    return antialias((rast[..., 3:] > 0).float(), rast, pos, tri)[0, ..., 0]


QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)


@pytest.mark.parametrize("edge", [3.1, 3.5001, 3.75, 4.0, 4.3, 4.4999])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_straight_edge_covers_exactly_its_share(edge: float, quarter_turns: int) -> None:
    """The mesh lies left of x = edge, in the picture and beyond it; all four directions."""
    corners = [(-4.0, -4.0), (edge, -4.0), (edge, 12.0), (-4.0, 12.0)]
    for _ in range(quarter_turns):
        corners = [(8 - y, x) for x, y in corners]
    image = torch.rot90(coverage(flat(corners, 8), QUAD, 8), quarter_turns)
    expected = (edge - torch.arange(8.0)).clamp(0, 1)
    torch.testing.assert_close(image, expected.expand(8, 8), atol=1e-5, rtol=0)


def test_an_oblique_edge_covers_nearly_its_area() -> None:
    """Against a hundredfold supersampled picture, an edge of slope 1/3."""
    corners, size, fine = [(-30.0, -60.0), (60.0, -60.0), (60.0, 24.0), (-30.0, -6.0)], 16, 10
    image = coverage(flat(corners, size), QUAD, size)
    sharp = RENDERER.rasterize(flat(corners, size), QUAD, (size * fine, size * fine))[0, ..., 3] > 0
    error = image - F.avg_pool2d(sharp.float()[None, None], fine)[0, 0]
    assert error.abs().max() < 0.06 and error.mean().abs() < 0.002
    assert ((image > 0.01) & (image < 0.99)).sum() >= size - 1


def test_a_sheet_is_antialiased_on_both_of_its_faces() -> None:
    corners = [(2.3, 2.3), (5.6, 2.3), (5.6, 5.6), (2.3, 5.6)]
    front = coverage(flat(corners, 8), QUAD, 8)
    back = coverage(flat(corners, 8), QUAD[:, [0, 2, 1]], 8)
    torch.testing.assert_close(front, back)
    assert front[4, 2] == pytest.approx(0.7, abs=1e-5) and front[4, 5] == pytest.approx(0.6, abs=1e-5)
    assert front[2, 4] == pytest.approx(0.7, abs=1e-5) and front[5, 4] == pytest.approx(0.6, abs=1e-5)


def test_hidden_edges_do_not_blend() -> None:
    """A small sheet behind a large one leaves no trace; in front of it, it blends with it."""
    wall = flat([(-9.0, -9.0), (17.0, -9.0), (17.0, 17.0), (-9.0, 17.0)], 8, z=0.0)
    card = [(2.3, 2.3), (5.6, 2.3), (5.6, 5.6), (2.3, 5.6)]
    tri = torch.cat([QUAD, QUAD + 4])
    color = torch.rand(1, 8, 8, 3, generator=torch.Generator().manual_seed(0))
    for z, shown in ((0.3, False), (-0.3, True)):
        pos = torch.cat([wall, flat(card, 8, z)], 1)
        rast = RENDERER.rasterize(pos, tri, (8, 8))
        assert torch.equal(antialias(color, rast, pos, tri), color) is not shown
    pos = torch.cat([wall, flat(card, 8, -0.3)], 1)
    rast = RENDERER.rasterize(pos, tri, (8, 8))
    card_mask = (rast[..., 3:] > 2).float()
    assert antialias(card_mask, rast, pos, tri)[0, 4, 2, 0] == pytest.approx(0.7, abs=1e-5)


def test_inner_edges_of_a_closed_body_do_not_blend() -> None:
    """Only the outline changes: the picture of a ball is left alone inside, its far side everywhere."""
    mesh = ball(3)
    matrices = clip_from_work(sample_views(1, CameraRanges(), _seeded(1)))
    pos = to_clip(torch.from_numpy(mesh.vertices), matrices)
    tri = torch.from_numpy(mesh.faces)
    rast = RENDERER.rasterize(pos, tri, (64, 64))
    color = torch.rand(1, 64, 64, 3, generator=_seeded(2))
    changed = (antialias(color, rast, pos, tri) != color).any(-1)[0]
    hit = (rast[0, ..., 3] > 0).float()[None, None]
    inner = -F.max_pool2d(-hit, 3, 1, 1)[0, 0] > 0
    outer = F.max_pool2d(hit, 3, 1, 1)[0, 0] == 0
    assert changed.sum() > 60 and not changed[inner].any() and not changed[outer].any()


def test_an_image_of_one_colour_stays_as_it_is() -> None:
    vertices, tri = bumpy_ball(3)
    pos = to_clip(vertices, clip_from_work(sample_views(2, CameraRanges(), _seeded(1))))
    rast = RENDERER.rasterize(pos, tri, (64, 64))
    color = torch.full((2, 64, 64, 3), 0.4)
    assert torch.equal(antialias(color, rast, pos, tri), color)


def test_coverage_of_a_ball_is_that_of_a_supersampled_picture() -> None:
    mesh = ball(5)
    vertices, tri = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.faces)
    for matrix in clip_from_work(sample_views(4, CameraRanges(close_up_share=0.0), _seeded(5))):
        pos = to_clip(vertices, matrix[None])
        fine = (RENDERER.rasterize(pos, tri, (1536, 1536))[..., 3] > 0).float()
        exact = F.avg_pool2d(fine[None], 16)[0, 0]
        hard = (RENDERER.rasterize(pos, tri, (96, 96))[0, ..., 3] > 0).float()
        soft = coverage(pos, tri, 96)
        assert (soft - exact).abs().sum() < 0.15 * (hard - exact).abs().sum()
        assert float(soft.sum()) == pytest.approx(float(exact.sum()), rel=2e-3)


@pytest.mark.parametrize("size", [128, 256])
def test_silhouette_gradient_agrees_with_finite_differences(size: int) -> None:
    """20,480 triangles about as small as pixels; random smooth deformations; a smooth loss on the mask."""
    vertices, tri = bumpy_ball(5)
    assert len(tri) == 20_480
    matrices = clip_from_work(sample_views(1, CameraRanges(), _seeded(0)))
    coarse = torch.randn(1, 1, 9, 9, generator=_seeded(2))
    weights = F.interpolate(coarse, size=(size, size), mode="bicubic")[0, 0]
    moved = vertices.clone().requires_grad_(True)
    (coverage(to_clip(moved, matrices), tri, size) * weights).sum().backward()
    assert moved.grad is not None and moved.grad.isfinite().all()

    fine = 2048 // size
    fine_weights = weights.repeat_interleave(fine, 0).repeat_interleave(fine, 1) / fine**2

    def supersampled(at: Tensor) -> float:
        rast = RENDERER.rasterize(to_clip(at, matrices), tri, (2048, 2048))
        return float(((rast[0, ..., 3] > 0) * fine_weights).double().sum())

    generator, step = _seeded(3), 0.004
    measured, computed = [], []
    for _ in range(16):
        frequency, phase = torch.randn(3, 3, generator=generator) * 3, torch.rand(3, generator=generator) * 6
        direction = torch.sin(vertices @ frequency + phase) * torch.randn(3, generator=generator)
        ahead, behind = supersampled(vertices + step * direction), supersampled(vertices - step * direction)
        measured.append((ahead - behind) / (2 * step))
        computed.append(float((moved.grad * direction).sum()))
    a, b = np.array(measured), np.array(computed)
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.99
    assert np.linalg.norm(a - b) < 0.05 * np.linalg.norm(a)


def test_color_gradient_is_the_transposed_blend() -> None:
    vertices, tri = bumpy_ball(2)
    pos = to_clip(vertices, clip_from_work(sample_views(1, CameraRanges(), _seeded(1))))
    rast = RENDERER.rasterize(pos, tri, (24, 24))
    color = torch.rand(1, 24, 24, 2, generator=_seeded(4), dtype=torch.float32).requires_grad_(True)
    weights = torch.randn(1, 24, 24, 2, generator=_seeded(5))
    blended = antialias(color, rast, pos, tri)
    (blended * weights).sum().backward()
    assert color.grad is not None
    given, blended = color.detach(), blended.detach()
    # the blend is linear in the colour: <blend(c), w> = <c, grad>
    assert float((given * color.grad).sum()) == pytest.approx(float((blended * weights).sum()), rel=1e-5)


def test_a_mesh_partly_behind_the_camera_is_no_trouble() -> None:
    mesh = box((0.5, 0.5, 8.0))
    matrices = clip_from_work(sample_views(1, CameraRanges(), _seeded(0)))
    pos = to_clip(torch.from_numpy(mesh.vertices), matrices)
    pos.requires_grad_(True)
    image = coverage(pos, torch.from_numpy(mesh.faces), 32)
    image.sum().backward()
    assert image.isfinite().all() and pos.grad is not None and pos.grad.isfinite().all()


def _edge_table(edges: Tensor, faces: Tensor) -> dict[tuple[int, ...], set[int]]:
    rows = zip(edges.tolist(), faces.tolist(), strict=True)
    return {tuple(edge): set(owners) - {-1} for edge, owners in rows}


def test_edges_and_their_faces() -> None:
    """The hash table against its torch twin, on a closed mesh, on open sheets and where three faces meet."""
    strip = torch.tensor([[0, 1, 2], [2, 1, 3], [1, 3, 4]], dtype=torch.int32)
    solids = torch.from_numpy(together(ball(2), box((1, 1, 1))).faces)
    for tri in (strip, solids, torch.cat([solids, solids[::7] + 1000])):
        edges, faces = (torch.from_numpy(found) for found in _find_edges(tri.numpy()))
        twin_edges, twin_faces = _find_edges_torch(tri)
        assert _edge_table(edges, faces) == _edge_table(twin_edges, twin_faces)
        assert (edges[:, 0] < edges[:, 1]).all() and len(torch.unique(edges, dim=0)) == len(edges)
    table = _edge_table(*_find_edges_torch(strip))
    assert table[1, 2] == {0, 1} and table[1, 3] == {1, 2} and table[0, 1] == {0} and len(table) == 7
    fan = torch.tensor([[0, 1, 2], [0, 1, 3], [0, 1, 4]], dtype=torch.int32)  # the first two are kept
    for find in (lambda: map(torch.from_numpy, _find_edges(fan.numpy())), lambda: _find_edges_torch(fan)):
        assert _edge_table(*find())[0, 1] == {0, 1}


def test_a_cube_seen_askew_has_six_silhouette_edges() -> None:
    mesh = box((1, 1, 1))
    pos = to_clip(torch.from_numpy(mesh.vertices), clip_from_work([View(30.0, 20.0, 4.0, 38.0)] * 2))
    visible = torch.ones(pos.shape[:2], dtype=torch.bool)
    image, _, _ = _silhouette_edges(pos[..., :2] / pos[..., 3:], visible, torch.from_numpy(mesh.faces))
    assert (image == 0).sum() == (image == 1).sum() == 6


@pytest.mark.parametrize("size", [48, 160])
def test_crossings_and_their_twin(size: int) -> None:
    """The compiled selection keeps what the torch one keeps: overlapping bodies, pixel-sized triangles, a sheet."""
    sheet = box((0.9, 0.9, 0.01))
    vertices, faces = bumpy_ball(4)
    bumpy = Mesh(vertices.numpy(), faces.numpy())
    for mesh in (bumpy, together(ball(3), box((0.5, 1.5, 0.3))), Mesh(sheet.vertices, sheet.faces[:7])):
        tri = torch.from_numpy(mesh.faces)
        pos = to_clip(torch.from_numpy(mesh.vertices), clip_from_work(sample_views(3, CameraRanges(), _seeded(1))))
        rast = RENDERER.rasterize(pos, tri, (size, size))
        screen = (pos[..., :2] / pos[..., 3:] + 1) * 0.5 * size
        visible = torch.ones(pos.shape[:2], dtype=torch.bool)
        given = screen, pos[..., 2] / pos[..., 3], visible, rast, tri
        compiled, twin = _rows(_select_compiled(*given)), _rows(select_crossings_torch(*given))
        assert len(twin) > size
        # float32 sums in another order may decide a tie or a tolerance otherwise, rarely
        assert len(compiled ^ twin) <= 0.005 * len(twin)


def _rows(crossings: Crossings) -> set[tuple[float, ...]]:
    columns = [crossings.image, *crossings.edge.unbind(1), *crossings[2:]]
    return set(zip(*(column.tolist() for column in columns), strict=True))


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
