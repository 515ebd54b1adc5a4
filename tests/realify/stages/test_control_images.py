"""What a prior is shown of a ball: depth, normals, flat colours, and the guide, each held against what it must be."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distill.controls import KNOWN, KNOWN_DRAWN, NORMALS, PICTURE, ControlKind, blank_guide
from realify.stages.control_images import FARTHEST, control_pictures
from realify.stages.random_views import CLAY, render_views, shade_views
from realify.stages.rasterized_views import RasterizedViews, ViewSetup, rasterize_views
from sdf_fit.cameras import View, cam_to_work, camera_positions
from sdf_fit.render import shading
from sdf_fit.render.backgrounds import plain
from sdf_fit.render.shading import STUDIO, linear_to_srgb
from sdf_fit.render.surface import Surface
from tests.realify.stages.stage_bodies import RADIUS, RENDERER, ball_body

SIZE = 64
VIEWS = [View(0.0, 0.0, 2.5, 40.0), View(130.0, 35.0, 3.0, 35.0), View(270.0, -10.0, 2.5, 45.0, (0.2, 0.1, 0.0))]
GREEN = (0.2, 0.7, 0.3)


@pytest.fixture(scope="module")
def surface() -> Surface:
    with torch.no_grad():
        return ball_body().surface()


def painted(points: Tensor) -> Tensor:
    """A matt material [N, 5] in colours that change from place to place."""
    rest = torch.tensor([1.0, 0.0]).expand(len(points), 2)
    return torch.cat([0.5 + 0.4 * torch.sin(5 * points), rest], dim=1)


def taken(surface: Surface, views: list[View] = VIEWS, supersample: int = 1) -> RasterizedViews:
    setups = [ViewSetup(view, STUDIO, plain(GREEN, SIZE), None, "") for view in views]
    return rasterize_views(RENDERER, surface, setups, SIZE, supersample)


def pictures_of(kind: ControlKind, surface: Surface, views: list[View]) -> Tensor:
    return control_pictures([kind], taken(surface, views), painted)


def seen(surface: Surface, kind: ControlKind, views: list[View]) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures [B, H, W, 3], where the body is, and where its surface lies."""
    pictures = pictures_of(kind, surface, views)
    assert pictures.shape == (len(views), 3, SIZE, SIZE)
    assert pictures.min() >= 0 and pictures.max() <= 1 + 1e-6
    drawing = taken(surface, views).drawing
    return pictures.permute(0, 2, 3, 1), drawing.hit, drawing.position


def test_a_ball_is_brightest_at_its_nearest_point(surface: Surface) -> None:
    depth, hit, position = seen(surface, "depth", VIEWS)
    for i, camera in enumerate(camera_positions(VIEWS)):
        picture = depth[i, ..., 0]
        assert torch.equal(depth[i, ..., 1], picture) and torch.equal(depth[i, ..., 2], picture)
        row, column = divmod(int(picture.argmax()), SIZE)
        assert picture[row, column] == pytest.approx(1.0)
        # nearness counts along the view's axis, so the nearest point is where the ball looks straight back
        towards = cam_to_work(VIEWS[i])[:3, 2] * RADIUS
        assert (position[i, row, column] - towards).norm() < 0.25 * RADIUS
        assert (picture[~hit[i]] == 0).all()
        assert picture[hit[i]].min() == pytest.approx(FARTHEST, abs=1e-6)
        along = ((position[i] - camera) @ -cam_to_work(VIEWS[i])[:3, 2])[hit[i]]
        order = along.argsort()
        assert (picture[hit[i]][order].diff() <= 1e-6).all()  # the farther, the darker


def test_depth_is_normalised_in_each_picture(surface: Surface) -> None:
    near, far = View(20.0, 10.0, 2.0, 40.0), View(20.0, 10.0, 6.0, 40.0)
    together = pictures_of("depth", surface, [near, far])
    for i, view in enumerate((near, far)):
        alone = pictures_of("depth", surface, [view])
        assert torch.allclose(together[i], alone[0], atol=1e-6)
        assert alone.max() == pytest.approx(1.0)


def test_an_empty_picture_is_empty(surface: Surface) -> None:
    aside = View(0.0, 0.0, 2.0, 20.0, (3.0, 0.0, 0.0))
    assert not pictures_of("depth", surface, [aside]).any()
    flat = pictures_of("normal", surface, [aside])
    assert torch.equal(flat[0, :, 0, 0], torch.tensor([0.5, 0.5, 1.0])) and flat.flatten(2).std(2).max() == 0


def test_normals_are_red_to_the_left_green_up_and_blue_towards_the_camera(surface: Surface) -> None:
    (picture,), (hit,), _ = seen(surface, "normal", VIEWS[:1])
    middle = SIZE // 2
    columns, rows = hit[middle].nonzero()[:, 0], hit[:, middle].nonzero()[:, 0]
    left, right, top, bottom = columns[0], columns[-1], rows[0], rows[-1]
    assert picture[middle, left, 0] > 0.9 and picture[middle, right, 0] < 0.1
    assert picture[top, middle, 1] > 0.9 and picture[bottom, middle, 1] < 0.1
    assert picture[middle, middle].tolist() == pytest.approx([0.5, 0.5, 1.0], abs=0.05)
    assert picture[0, 0].tolist() == [0.5, 0.5, 1.0]


def test_normals_are_those_of_the_ball_from_any_side(surface: Surface) -> None:
    pictures, hit, position = seen(surface, "normal", VIEWS)
    for i, view in enumerate(VIEWS):
        azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
        right = torch.tensor([math.cos(azimuth), 0, -math.sin(azimuth)])
        back = torch.tensor(
            [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
        )
        up = torch.linalg.cross(back, right)
        outward = position[i][hit[i]] / RADIUS
        wanted = torch.stack([-(outward @ right), outward @ up, outward @ back], -1) / 2 + 0.5
        assert (pictures[i][hit[i]] - wanted).abs().max() < 0.06  # a ball of few triangles


def test_colours_are_flat_over_the_background(surface: Surface) -> None:
    pictures, hit, position = seen(surface, "color", VIEWS)
    assert torch.allclose(pictures[hit], linear_to_srgb(painted(position[hit])[:, :3]), atol=0.3)  # edges blend
    inside = pictures[0, SIZE // 2, SIZE // 2]
    assert torch.allclose(inside, linear_to_srgb(painted(position[0, SIZE // 2, SIZE // 2][None])[0, :3]), atol=1e-6)
    assert torch.allclose(pictures[0, 0, 0], torch.tensor(GREEN), atol=1e-4)


def test_kinds_stand_in_their_order(surface: Surface) -> None:
    rasterized = taken(surface)
    kinds: list[ControlKind] = ["normal", "guide", "depth"]
    parts = [control_pictures([kind], rasterized, painted) for kind in kinds]
    assert torch.equal(control_pictures(kinds, rasterized, painted), torch.cat(parts, 1))


# --- the guide ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("supersample", [1, 2])
def test_a_guide_is_the_photograph_of_a_matt_body_without_what_it_mirrors(
    supersample: int, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasterized = taken(surface, supersample=supersample)
    guide = control_pictures(["guide"], rasterized, painted)[:, PICTURE].permute(0, 2, 3, 1)
    apart = (shade_views(rasterized, painted) - guide).abs()
    assert 1e-3 < apart.max() < 0.2 and apart[:, 0].max() == 0
    monkeypatch.setattr(shading, "_sky_specular", lambda f0, roughness, n_v: torch.zeros_like(f0))
    monkeypatch.setattr(shading, "_ggx", lambda normal, *others: torch.zeros_like(normal))
    assert torch.allclose(guide, shade_views(rasterized, painted), atol=1e-6)


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_a_guide_knows_what_is_beside_the_body_and_less_of_the_body(strength: float, surface: Surface) -> None:
    rasterized = taken(surface, supersample=2)
    known = control_pictures(["guide"], rasterized, painted, strength=strength)[:, KNOWN]
    coverage = rasterized.mean(rasterized.drawing.hit[..., None].float()).permute(0, 3, 1, 2)
    beside, inside = shrunk(coverage == 0), shrunk(coverage == 1)
    assert known[beside].numpy() == pytest.approx(strength) and beside.any()
    assert known[inside].numpy() == pytest.approx(KNOWN_DRAWN * strength) and inside.any()
    between = known[~(beside | inside)]
    assert between.min() >= KNOWN_DRAWN * strength - 1e-6 and between.max() <= strength + 1e-6 and between.std() > 0


def test_a_guide_has_the_normals_of_the_body_and_none_beside_it(surface: Surface) -> None:
    guide = control_pictures(["guide"], taken(surface), painted)
    hit = taken(surface).drawing.hit[:, None]
    coded = guide[:, NORMALS].permute(0, 2, 3, 1)
    alone = pictures_of("normal", surface, VIEWS).permute(0, 2, 3, 1)
    apart = (coded - alone)[shrunk(hit)[:, 0]].abs().amax(-1)
    # at the rim a silhouette may lie a pixel further in
    assert apart.max() < 0.05 and (apart > 1e-5).float().mean() < 0.03
    assert (coded[shrunk(~hit)[:, 0]] == 0.5).all()


def test_clay_is_guided_as_clay_and_normals_not_at_all(surface: Surface) -> None:
    rasterized = taken(surface)
    clay = control_pictures(["guide"], rasterized, lambda points: points.new_tensor(CLAY).expand(len(points), 5))
    assert torch.equal(control_pictures(["guide"], rasterized, painted, "textureless"), clay)
    blank = blank_guide(len(VIEWS), SIZE)
    assert torch.equal(control_pictures(["guide"], rasterized, painted, "normals"), blank)
    assert torch.equal(control_pictures(["guide"], rasterized, painted, strength=0.0), blank)


def test_a_picture_taken_twice_is_the_same(surface: Surface) -> None:
    rasterized = taken(surface, supersample=2)
    control_pictures(["guide", "color"], rasterized, painted)
    anew = render_views(RENDERER, surface, painted, rasterized.setups, SIZE, 2)
    assert torch.equal(shade_views(rasterized, painted), anew)


def shrunk(mask: Tensor) -> Tensor:
    """The pixels [B, 1, H, W] whose neighbours are in the mask too, so that no silhouette blends into them."""
    return -torch.nn.functional.max_pool2d(-mask.float(), 3, 1, 1) > 0.5


@pytest.mark.parametrize("kind", ["depth", "normal", "color", "guide"])
def test_no_gradient_goes_through(kind: ControlKind) -> None:
    body = ball_body()
    rasterized = taken(body.surface())
    assert rasterized.points.requires_grad
    assert not control_pictures([kind], rasterized, body.material).requires_grad
