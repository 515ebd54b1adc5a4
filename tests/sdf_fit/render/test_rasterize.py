"""Rasterise and interpolate: by hand, against the torch twin, and against finite differences."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sdf_fit.cameras import CameraRanges, clip_from_work, sample_views, to_clip
from sdf_fit.render import Rasterizer
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.reference import TorchRasterizer
from tests.sdf_fit.shapes import bumpy_ball

NUMBA, TORCH = NumbaRasterizer(), TorchRasterizer()
both = pytest.mark.parametrize("renderer", [NUMBA, TORCH], ids=["numba", "torch"])
ONE = torch.tensor([[0, 1, 2]], dtype=torch.int32)


@dataclass(frozen=True)
class Scene:
    """vertices [V, 3], tri [F, 3], matrices [B, 4, 4]."""

    vertices: Tensor
    tri: Tensor
    matrices: Tensor


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A bumpy ball from three places, one of them close up, so that triangles leave the picture."""
    vertices, tri = bumpy_ball(4)
    ranges = CameraRanges(close_up_share=0.4)
    views = sample_views(3, ranges, torch.Generator().manual_seed(2))
    assert {view.close_up for view in views} == {True, False}
    return Scene(vertices, tri, clip_from_work(views))


def test_a_triangle_by_hand() -> None:
    # corners at the centres of pixels (row 0, col 0), (row 0, col 3), (row 3, col 0) of 4 x 4; z/w = 0.25
    corner = 0.75
    pos = torch.tensor([[[-corner, -corner], [corner, -corner], [-corner, corner]]])
    pos = torch.cat([pos, torch.full((1, 3, 1), 0.25), torch.ones(1, 3, 1)], 2)
    for renderer in (NUMBA, TORCH):
        rast = renderer.rasterize(pos, ONE, (4, 4))[0]
        ids = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
        assert torch.equal(rast[..., 3].long(), ids)
        rows, cols = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
        hit = ids > 0
        # u weighs vertex 0 and v vertex 1, as nvdiffrast has it
        torch.testing.assert_close(rast[..., 0][hit], (1 - (rows + cols) / 3)[hit], atol=1e-6, rtol=0)
        torch.testing.assert_close(rast[..., 1][hit], (cols / 3)[hit], atol=1e-6, rtol=0)
        assert (rast[..., 2][hit] == 0.25).all() and (rast[~hit] == 0).all()
        values = torch.tensor([[[10.0], [20.0], [40.0]]])
        seen = renderer.interpolate(values, rast[None], ONE)[0, ..., 0]
        assert seen[0, 3] == pytest.approx(20) and seen[3, 0] == pytest.approx(40)
        assert seen[1, 1] == pytest.approx((10 + 20 + 40) / 3) and seen[3, 3] == 0


@both
def test_pixel_centres_of_an_oblong_picture(renderer: Rasterizer) -> None:
    height, width = 6, 10
    quad = torch.tensor([[-2.0, -2, 0, 1], [2, -2, 0, 1], [2, 2, 0, 1], [-2, 2, 0, 1]])[None]
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    rast = renderer.rasterize(quad, tri, (height, width))
    seen = renderer.interpolate(quad[..., :2], rast, tri)[0]
    x = -1 + (2 * torch.arange(width) + 1) / width
    y = -1 + (2 * torch.arange(height) + 1) / height
    torch.testing.assert_close(seen[..., 0], x.expand(height, width), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen[..., 1], y[:, None].expand(height, width), atol=1e-6, rtol=0)


@both
def test_interpolation_is_perspective_correct(renderer: Rasterizer) -> None:
    # a floor that runs away from the camera; the attribute is the place itself: linear there, not on screen
    points = torch.tensor([[-4.0, -1, -1.5], [4, -1, -1.5], [0, -1, -40]])
    w = -points[:, 2]
    pos = torch.stack([points[:, 0], points[:, 1], 0.9 * w, w], 1)[None]
    rast = renderer.rasterize(pos, ONE, (64, 64))
    seen = renderer.interpolate(points[None], rast, ONE)[0]
    hit = rast[0, ..., 3] > 0
    rows, cols = hit.nonzero(as_tuple=True)
    px, py = (2 * cols + 1) / 64 - 1, (2 * rows + 1) / 64 - 1
    depth = -1 / py  # where the pixel's ray meets the floor y = -1
    assert len(rows) > 200
    torch.testing.assert_close(seen[hit][:, 1], torch.full_like(depth, -1.0), atol=1e-4, rtol=0)
    torch.testing.assert_close(-seen[hit][:, 2], depth, atol=0, rtol=1e-4)
    torch.testing.assert_close(seen[hit][:, 0], px * depth, atol=1e-3, rtol=1e-4)


@both
def test_the_nearer_triangle_hides_the_other(renderer: Rasterizer) -> None:
    plane = torch.tensor([[-1.0, -1], [3, -1], [-1, 3]])
    near, far = (torch.cat([plane, torch.full((3, 1), z), torch.ones(3, 1)], 1) for z in (-0.2, 0.6))
    tri = torch.tensor([[0, 1, 2], [3, 4, 5]], dtype=torch.int32)
    for first, second, winner in ((near, far, 1), (far, near, 2)):
        rast = renderer.rasterize(torch.cat([first, second])[None], tri, (8, 8))
        assert (rast[..., 3] == winner).all() and (rast[..., 2] == -0.2).all()
    # of two at the same depth the first wins
    rast = renderer.rasterize(torch.cat([near, near])[None], tri, (8, 8))
    assert (rast[..., 3] == 1).all()


@both
def test_what_is_behind_the_camera_or_out_of_range_is_left_out(renderer: Rasterizer) -> None:
    plane = torch.tensor([[-1.0, -1, 0, 1], [3, -1, 0, 1], [-1, 3, 0, 1]])
    behind = plane.clone()
    behind[2, 3] = -1.0
    for z, drawn in ((0.0, True), (1.1, False), (-1.1, False)):
        moved = plane.clone()
        moved[:, 2] = z
        assert bool((renderer.rasterize(moved[None], ONE, (8, 8))[..., 3] > 0).all()) is drawn
    assert not renderer.rasterize(behind[None], ONE, (8, 8)).any()
    needle = plane[[0, 1, 1]]
    assert not renderer.rasterize(needle[None], ONE, (8, 8)).any()


def test_numba_agrees_with_its_twin(scene: Scene) -> None:
    results = []
    weights = torch.randn(3, 96, 80, 5, generator=torch.Generator().manual_seed(1))
    attributes = torch.randn(1, len(scene.vertices), 2, generator=torch.Generator().manual_seed(3))
    for renderer in (NUMBA, TORCH):
        vertices = scene.vertices.clone().requires_grad_(True)
        values = attributes.clone().requires_grad_(True)
        pos = to_clip(vertices, scene.matrices)
        rast = renderer.rasterize(pos, scene.tri, (96, 80))
        seen = renderer.interpolate(torch.cat([vertices[None], values], 2), rast, scene.tri)
        (seen * weights).sum().backward()
        assert vertices.grad is not None and values.grad is not None
        results.append((rast.detach(), seen.detach(), vertices.grad, values.grad))
    (rast, seen, grad, grad_values), (rast_t, seen_t, grad_t, grad_values_t) = results
    assert rast.shape == (3, 96, 80, 4) and rast.dtype == torch.float32
    same = rast[..., 3] == rast_t[..., 3]
    assert (~same).float().mean() < 1e-4  # rounding at shared edges
    torch.testing.assert_close(rast[same], rast_t[same], atol=1e-3, rtol=0)
    torch.testing.assert_close(seen[same], seen_t[same], atol=1e-3, rtol=0)
    assert (grad - grad_t).norm() < 1e-3 * grad_t.norm()
    assert (grad_values - grad_values_t).norm() < 1e-3 * grad_values_t.norm()


def test_each_image_of_a_batch_is_as_if_alone(scene: Scene) -> None:
    pos = to_clip(scene.vertices, scene.matrices)
    per_image = torch.randn(3, len(scene.vertices), 2, generator=torch.Generator().manual_seed(5))
    for renderer in (NUMBA, TORCH):
        rast = renderer.rasterize(pos, scene.tri, (48, 48))
        seen = renderer.interpolate(per_image, rast, scene.tri)
        for b in range(3):
            alone = renderer.rasterize(pos[b : b + 1], scene.tri, (48, 48))
            assert torch.equal(alone[0], rast[b])
            assert torch.equal(renderer.interpolate(per_image[b : b + 1], alone, scene.tri)[0], seen[b])


def test_threads_change_nothing(scene: Scene) -> None:
    results = []
    weights = torch.randn(3, 64, 64, 3, generator=torch.Generator().manual_seed(1))
    for threads in (1, 3):
        renderer = NumbaRasterizer(threads)
        vertices = scene.vertices.clone().requires_grad_(True)
        rast = renderer.rasterize(to_clip(vertices, scene.matrices), scene.tri, (64, 64))
        (renderer.interpolate(vertices[None], rast, scene.tri) * weights).sum().backward()
        results.append((rast.detach(), vertices.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@both
def test_gradient_agrees_with_finite_differences(renderer: Rasterizer) -> None:
    """A large quad that covers the picture at every step: nothing but smooth interpolation."""
    generator = torch.Generator().manual_seed(0)
    base = torch.tensor(
        [[-3.0, -2.5, 0.1, 1.2], [2.6, -3.0, 0.0, 0.9], [2.8, 2.7, -0.1, 1.1], [-2.5, 3.1, 0.0, 1.0]]
    )
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    values = torch.randn(1, 4, 3, generator=generator)
    smooth = torch.randn(1, 3, 4, 4, generator=generator)
    weights = torch.nn.functional.interpolate(smooth, (32, 32), mode="bicubic")[0].permute(1, 2, 0)

    def loss(pos: Tensor) -> Tensor:
        rast = renderer.rasterize(pos[None], tri, (32, 32))
        return (renderer.interpolate(values, rast, tri) * weights).double().sum()

    pos = base.clone().requires_grad_(True)
    loss(pos).backward()
    assert pos.grad is not None and (pos.grad[:, 2] == 0).all()
    # the diagonal is inner surface, where interpolation is continuous: no jump spoils the differences
    for vertex in range(4):
        for axis in (0, 1, 3):
            step = torch.zeros_like(base)
            step[vertex, axis] = 0.01
            difference = (loss(base + step) - loss(base - step)) / 0.02
            assert float(pos.grad[vertex, axis]) == pytest.approx(float(difference), rel=0.02, abs=0.15)


@both
def test_texture_is_bilinear_and_clamped(renderer: Rasterizer) -> None:
    image = torch.arange(8.0).view(1, 2, 4, 1)
    uv = torch.tensor([[[[0.125, 0.25], [0.25, 0.25], [0.125, 0.5], [-1.0, -1.0], [2.0, 2.0]]]])
    torch.testing.assert_close(renderer.texture(image, uv).flatten(), torch.tensor([0.0, 0.5, 2.0, 0.0, 7.0]))


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"pos_clip has shape \(3, 4\), wanted \[B, V, 4\]"):
        NUMBA.rasterize(torch.zeros(3, 4), ONE, (4, 4))
    with pytest.raises(ValueError, match=r"int64 \(1, 3\), wanted int32 \[F, 3\]"):
        NUMBA.rasterize(torch.zeros(1, 3, 4), ONE.long(), (4, 4))
