"""Shading in linear light: soft sky, one moving light, diffuse and specular terms.

The specular terms are there so that a highlight the prior asks for is made by the light and not burnt into
the base colour. Microfacet model: GGX distribution, height-correlated Smith masking, Schlick's Fresnel term
(Walter et al. 2007; Heitz 2014; Schlick 1994); the sky's specular part uses the polynomial fit of Karis
(2014, "Physically Based Shading on Mobile") to the split sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DIELECTRIC_F0 = 0.04  # reflectance of a non-metal at normal incidence


@dataclass(frozen=True)
class Light:
    """Linear radiance of sky and ground, and one distant light; direction points towards the light."""

    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    direction: tuple[float, float, float]
    strength: float


@dataclass(frozen=True)
class Lights:
    """A light for each of N points: sky, ground, unit direction [N, 3] and strength [N, 1]."""

    sky: Tensor
    ground: Tensor
    direction: Tensor
    strength: Tensor

    @staticmethod
    def stack(lights: Sequence[Light], device: torch.device | str = "cpu") -> Lights:
        """One row a light."""

        def rows(values: list) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        return Lights(
            rows([light.sky for light in lights]),
            rows([light.ground for light in lights]),
            F.normalize(rows([light.direction for light in lights]), dim=1),
            rows([[light.strength] for light in lights]),
        )

    def __getitem__(self, index: Tensor) -> Lights:
        return Lights(self.sky[index], self.ground[index], self.direction[index], self.strength[index])


# what results are looked at under: bright enough that white stays below 1
STUDIO = Light((0.62, 0.62, 0.64), (0.34, 0.33, 0.32), (0.45, 0.75, 0.6), 0.55)


def sample_light(camera: Tensor, generator: torch.Generator, exposure: float = 1.0) -> Light:
    """A light somewhere above and around the camera [3], with a sky that balances its strength; together they show
    white at about `exposure` of full scale."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    towards = F.normalize(camera, dim=0)
    offset = torch.randn(3, generator=generator) * 0.7
    offset[1] = uniform(0.2, 1.4)
    x, y, z = F.normalize(towards + offset, dim=0).tolist()
    strength = uniform(0.3, 0.75) * exposure
    level = 0.95 * exposure - 0.6 * strength
    warmth = uniform(-0.04, 0.04)
    sky = (level * (1 + warmth), level, level * (1 - warmth))
    ground = uniform(0.45, 0.7)
    return Light(sky, (sky[0] * ground, sky[1] * ground, sky[2] * ground), (x, y, z), strength)


def shade(material: Tensor, normal: Tensor, to_camera: Tensor, light: Light | Lights) -> Tensor:
    """Radiance [N, 3] of material [N, 5] (linear base colour, roughness, metallic).

    Unit normal and to_camera [N, 3]. One light for all points, or one for each.
    """
    lights = Lights.stack([light], material.device) if isinstance(light, Light) else light
    base, roughness, metallic = material[:, :3], material[:, 3:4].clamp(0.08, 1.0), material[:, 4:5]
    f0 = DIELECTRIC_F0 * (1 - metallic) + base * metallic
    n_v = (normal * to_camera).sum(1, keepdim=True).clamp(1e-3, 1.0)
    mirrored, reflected = _sky_specular(f0, roughness, n_v), 2 * n_v * normal - to_camera
    diffuse = base * (1 - metallic) * (1 - mirrored)  # what is mirrored does not enter

    n_l = (normal * lights.direction).sum(1, keepdim=True).clamp(min=0.0)
    specular = _ggx(normal, to_camera, lights.direction, n_v, n_l, roughness, f0)
    shining = mirrored * _sky(reflected, lights) + specular * n_l * lights.strength
    return diffuse * irradiance(normal, lights) + shining


def irradiance(normal: Tensor, lights: Lights) -> Tensor:
    """The light that falls on surfaces of unit normals [N, 3], over π: radiance [N, 3] of a matt white there."""
    n_l = (normal * lights.direction).sum(1, keepdim=True).clamp(min=0.0)
    return _sky(normal, lights) + n_l * lights.strength


def _sky(direction: Tensor, lights: Lights) -> Tensor:
    """Radiance from around a direction: a linear blend from ground to sky over its height."""
    height = direction[:, 1:2] * 0.5 + 0.5
    return lights.ground * (1 - height) + lights.sky * height


def _sky_specular(f0: Tensor, roughness: Tensor, n_v: Tensor) -> Tensor:
    a = torch.minimum((1 - roughness) ** 2, torch.exp2(-9.28 * n_v)) * (1 - roughness) + (
        0.0425 - 0.0275 * roughness
    )
    scale = -1.04 * a + (1.04 - 0.572 * roughness)
    return f0 * scale.clamp(min=0) + (1.04 * a + (0.022 * roughness - 0.04)).clamp(min=0)


def _ggx(
    normal: Tensor,
    to_camera: Tensor,
    towards: Tensor,
    n_v: Tensor,
    n_l: Tensor,
    roughness: Tensor,
    f0: Tensor,
) -> Tensor:
    """π times the specular reflectance, to stand beside a diffuse term without its 1/π."""
    half = F.normalize(to_camera + towards, dim=1)
    n_h = (normal * half).sum(1, keepdim=True).clamp(0.0, 1.0)
    v_h = (to_camera * half).sum(1, keepdim=True).clamp(0.0, 1.0)
    a2 = roughness**4
    distribution = a2 / (math.pi * (n_h**2 * (a2 - 1) + 1) ** 2)
    mask = 0.5 / (n_l * (n_v**2 * (1 - a2) + a2).sqrt() + n_v * (n_l**2 * (1 - a2) + a2).sqrt() + 1e-4)
    return math.pi * distribution * mask * (f0 + (1 - f0) * (1 - v_h) ** 5)


def shade_normals(normal: Tensor) -> Tensor:
    """The surface without texture: its normals as colours, [N, 3] in 0..1 (linear)."""
    return srgb_to_linear(normal * 0.5 + 0.5)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """IEC 61966-2-1 transfer curve; input clamped to 0..1 (with a floor that keeps its slope finite)."""
    x = linear.clamp(1e-5, 1.0)
    return torch.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """Inverse of `linear_to_srgb`."""
    x = srgb.clamp(0.0, 1.0)
    return torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
