"""Light: how much comes back, where the highlight stands, and gradients that stay finite."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.render.shading import (
    STUDIO,
    Light,
    Lights,
    linear_to_srgb,
    sample_light,
    shade,
    shade_normals,
    srgb_to_linear,
)

SKY = 0.8
UNIFORM = Light((SKY, SKY, SKY), (SKY, SKY, SKY), (0.0, 1.0, 0.0), 0.0)


def directions(count: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)), dim=1)


def facing(count: int) -> tuple[Tensor, Tensor]:
    """Normals and directions to the camera [N, 3] on its side."""
    normal, to_camera = directions(count), directions(count, 1)
    side = (normal * to_camera).sum(1, keepdim=True).sign()
    return normal * side, to_camera


def material(count: int, base: float, roughness: float, metallic: float) -> Tensor:
    return torch.tensor([base, base, base, roughness, metallic]).expand(count, 5)


@pytest.mark.parametrize("roughness", [0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_a_white_body_in_a_uniform_sky_vanishes(roughness: float, metallic: float) -> None:
    """The furnace: hardly more returns than arrives. A rough metal loses what bounces between its facets."""
    normal, to_camera = facing(2000)
    radiance = shade(material(2000, 1.0, roughness, metallic), normal, to_camera, UNIFORM) / SKY
    assert radiance.max() < 1.02
    assert radiance.min() > (0.4 if metallic else 0.98)
    dark = shade(material(2000, 0.0, roughness, 0.0), normal, to_camera, UNIFORM) / SKY
    assert dark.min() >= 0 and dark.mean() < 0.2  # only what a dielectric mirrors


def test_the_distant_light_returns_no_more_than_it_sends() -> None:
    """All that a lit patch sends out over the hemisphere, by quadrature: π x irradiance bounds it."""
    normal = torch.tensor([[0.0, 0.0, 1.0]])
    cos = (torch.arange(200) + 0.5) / 200
    azimuth = (torch.arange(200) + 0.5) / 200 * 2 * math.pi
    c, a = torch.meshgrid(cos, azimuth, indexing="ij")
    s = (1 - c**2).sqrt()
    views = torch.stack([s * a.cos(), s * a.sin(), c], -1).view(-1, 3)
    for roughness in (0.2, 0.5, 1.0):
        for tilt in (0.0, 0.6, 1.2):
            light = Light((0, 0, 0), (0, 0, 0), (math.sin(tilt), 0.0, math.cos(tilt)), 1.0)
            for metallic, low in ((0.0, 0.9), (1.0, 0.25)):
                surface = material(len(views), 1.0, roughness, metallic)
                sent = shade(surface, normal.expand_as(views), views, light)
                # without the 1/π of both terms a white diffuse surface sends cos(tilt) everywhere
                returned = (sent[:, 0] * views[:, 2]).mean() * 2  # ∫ L cos dω / π
                assert low * math.cos(tilt) < returned < 1.12 * math.cos(tilt)


def test_the_highlight_moves_with_the_light() -> None:
    """On a smooth black ball seen from +Z the brightest normal is halfway between camera and light."""
    normal = directions(40_000)
    normal = normal[normal[:, 2] > 0.1]
    to_camera = torch.tensor([0.0, 0.0, 1.0]).expand(len(normal), 3)
    for towards in ((0.6, 0.3, 0.7), (-0.5, 0.4, 0.6), (0.0, -0.6, 0.8)):
        light = Light((0, 0, 0), (0, 0, 0), towards, 1.0)
        radiance = shade(material(len(normal), 0.0, 0.3, 0.0), normal, to_camera, light)[:, 0]
        halfway = F.normalize(F.normalize(torch.tensor(towards), dim=0) + to_camera[0], dim=0)
        assert normal[radiance.argmax()] @ halfway > 0.995
    rough = shade(material(len(normal), 0.0, 0.9, 0.0), normal, to_camera, light)[:, 0]
    assert rough.max() < radiance.max() / 5  # a smooth surface's highlight is the sharper one


def test_a_metal_colours_its_highlight_and_a_dielectric_does_not() -> None:
    normal = torch.tensor([[0.0, 0.0, 1.0]])
    light = Light((0, 0, 0), (0, 0, 0), (0.0, 0.0, 1.0), 1.0)
    metal = shade(torch.tensor([[0.9, 0.4, 0.1, 0.3, 1.0]]), normal, normal, light)[0]
    assert float(metal[1] / metal[0]) == pytest.approx(4 / 9, rel=1e-3)
    plastic, black = (
        shade(torch.tensor([[*base, 0.3, 0.0]]), normal, normal, light)[0]
        for base in ((0.9, 0.4, 0.1), (0, 0, 0))
    )
    assert float(black.max() - black.min()) == 0 and black[0] > 1
    torch.testing.assert_close((plastic - black) / (plastic - black)[0], torch.tensor([1.0, 4 / 9, 1 / 9]))


def test_a_light_for_each_point() -> None:
    normal, to_camera = facing(2)
    lights = [STUDIO, Light((0.1, 0.2, 0.3), (0, 0, 0), (1.0, 2.0, 3.0), 0.4)]
    both = shade(material(2, 0.5, 0.5, 0.1), normal, to_camera, Lights.stack(lights))
    for i, light in enumerate(lights):
        alone = shade(material(1, 0.5, 0.5, 0.1), normal[i : i + 1], to_camera[i : i + 1], light)
        torch.testing.assert_close(both[i : i + 1], alone)


def test_gradients_are_finite_everywhere() -> None:
    """Also where normals look away from the camera or the light, and at the ends of every range."""
    generator = torch.Generator().manual_seed(3)
    surfaces = torch.rand(4000, 5, generator=generator).round(decimals=1).requires_grad_(True)
    normal = directions(4000).clone()
    normal[:10], normal[10:20] = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, -1.0])
    normal.requires_grad_(True)
    to_camera = directions(4000, 1).clone()
    to_camera[:20] = torch.tensor([0.0, 0.0, 1.0])
    for towards in ((0.3, 0.8, 0.5), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)):
        light = Light((0.6, 0.6, 0.6), (0.3, 0.3, 0.3), towards, 0.7)
        radiance = shade(surfaces, F.normalize(normal, dim=1), to_camera, light)
        assert radiance.isfinite().all() and (radiance >= 0).all()
        grads = torch.autograd.grad(linear_to_srgb(radiance).sum(), [surfaces, normal])
        assert all(grad.isfinite().all() for grad in grads)


def test_sampled_lights_stand_around_the_camera_and_keep_white_below_one() -> None:
    generator = torch.Generator().manual_seed(0)
    camera = torch.tensor([2.0, 1.0, -1.5])
    lights = [sample_light(camera, generator, 0.7) for _ in range(300)]
    towards = torch.tensor([light.direction for light in lights])
    torch.testing.assert_close(towards.norm(dim=1), torch.ones(300))
    cosines = towards @ F.normalize(camera, dim=0)
    assert cosines.mean() > 0.5 and cosines.std() > 0.1
    for light in lights:
        lit_head_on = light.strength + max(light.sky)
        assert 0 < min(light.ground) <= max(light.ground) < max(light.sky) and lit_head_on < 1.05
    again = sample_light(camera, torch.Generator().manual_seed(0), 0.7)
    assert again == lights[0]


def test_srgb_there_and_back() -> None:
    x = torch.linspace(0.001, 1, 1000)
    torch.testing.assert_close(srgb_to_linear(linear_to_srgb(x)), x, atol=1e-5, rtol=1e-5)
    known = torch.tensor([0.0031308, 0.21404, 1.0])  # IEC 61966-2-1
    torch.testing.assert_close(linear_to_srgb(known), torch.tensor([0.04045, 0.5, 1.0]), atol=1e-4, rtol=0)
    at_zero = torch.zeros(3, requires_grad=True)
    linear_to_srgb(at_zero).sum().backward()
    assert at_zero.grad is not None and at_zero.grad.isfinite().all()


def test_normals_as_colours() -> None:
    srgb = linear_to_srgb(shade_normals(torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])))
    torch.testing.assert_close(srgb, torch.tensor([[0.5, 0.5, 1.0], [1.0, 0.5, 0.5]]), atol=1e-4, rtol=0)
