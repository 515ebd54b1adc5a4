"""Losses on a body: what its pictures should be, and what keeps it sound where pictures say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.body.targets import Targets
from sdf_fit.render import Rasterizer
from sdf_fit.render.shading import linear_to_srgb
from sdf_fit.render.surface import Surface, draw, soft_mask

DEPTH_CAP = 0.1  # working units; further off is a hole or an occlusion, not a distance
MATERIAL_FREEDOM = (0.07, 0.07, 0.07, 0.3, 0.05)  # sRGB, roughness, metallic
BAND_CELLS = 2.5  # the terms look at grid vertices this close to the surface


class NonFiniteError(FloatingPointError):
    """A loss or gradient that is not finite; the message names the step, the fix a way on."""

    def __init__(
        self,
        message: str,
        fix: str = "lower the learning rates geometry.lr and color.lr, or set prior.dtype to float32",
    ) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


def silhouette_loss(surface: Surface, targets: Targets, chosen: list[int], renderer: Rasterizer) -> Tensor:
    """Mean absolute difference between the body's coverage and the sketch's, in the chosen views."""
    mask = targets.mask[chosen].to(surface.vertices.device)
    drawing = draw(renderer, surface, [targets.views[i] for i in chosen], mask.shape[1])
    return (soft_mask(renderer, drawing) - mask.float()).abs().mean()


def mask_and_depth_loss(
    surface: Surface, targets: Targets, chosen: list[int], renderer: Rasterizer
) -> tuple[Tensor, Tensor]:
    """Mean absolute difference of coverage, and of depth where both have one, in the chosen views."""
    device = surface.vertices.device
    mask, depth = targets.mask[chosen].to(device), targets.depth[chosen].to(device)
    drawing = draw(renderer, surface, [targets.views[i] for i in chosen], mask.shape[1])
    mask_loss = (soft_mask(renderer, drawing) - mask.float()).abs().mean()
    error = (drawing.depth - depth).abs().clamp(max=DEPTH_CAP)
    return mask_loss, torch.where(mask & drawing.hit, error, 0.0).mean()


def material_drift(material: Tensor, drawn: Tensor) -> Tensor:
    """How far materials [N, 5] are from the drawn ones, beyond MATERIAL_FREEDOM; mean square, colour in sRGB.

    Within that freedom they cost nothing: texture is made of small differences, and those are wanted.
    Roughness and metallic belong to it because a metal without surroundings to mirror is dark: distillation
    would find that way.
    """
    shown = torch.cat([linear_to_srgb(material[:, :3]), material[:, 3:]], 1)
    before = torch.cat([linear_to_srgb(drawn[:, :3]), drawn[:, 3:]], 1)
    excess = (shown - before).abs() - shown.new_tensor(MATERIAL_FREEDOM)
    return excess.clamp(min=0).square().sum(1).mean()


@dataclass(frozen=True)
class SdfTerms:
    """Each a mean over the band around the surface; lengths are in cells, so no term knows the grid."""

    eikonal: Tensor  # (|gradient| - 1)²
    smoothness: Tensor  # squared Laplacian
    # cross entropy between the two sides of every sign change (Munkberg et al. 2022, section 3.1)
    sign: Tensor


def sdf_terms(values: Tensor) -> SdfTerms:
    """The three terms for values [R+1]^3 (working units over [-1, 1]^3)."""
    side = values.shape[0]
    cells = values * ((side - 1) / 2)  # in cells
    flat = cells.reshape(-1)
    inner = torch.zeros(side, side, side, dtype=torch.bool, device=values.device)
    inner[1:-1, 1:-1, 1:-1] = cells.detach()[1:-1, 1:-1, 1:-1].abs() < BAND_CELLS
    band = inner.view(-1).nonzero()[:, 0]
    centre = flat.index_select(0, band)
    before = [flat.index_select(0, band - step) for step in (side * side, side, 1)]
    after = [flat.index_select(0, band + step) for step in (side * side, side, 1)]

    pairs = list(zip(after, before, strict=True))
    squared = torch.stack([((a - b) * 0.5) ** 2 for a, b in pairs]).sum(0)
    laplacian = torch.stack([a + b for a, b in pairs]).sum(0) - 6 * centre
    sign = torch.stack([_sign_change(centre, neighbour) for neighbour in after]).mean()
    return SdfTerms((torch.sqrt(squared + 1e-8) - 1).square().mean(), laplacian.square().mean(), sign)


def _sign_change(a: Tensor, b: Tensor) -> Tensor:
    """Pulls two neighbours of different sign towards one sign: fewer sign changes, less surface."""
    crossing = ((a < 0) != (b < 0)).detach()
    entropy = F.binary_cross_entropy_with_logits(a, (b > 0).to(a.dtype), reduction="none")
    entropy = entropy + F.binary_cross_entropy_with_logits(b, (a > 0).to(b.dtype), reduction="none")
    return (entropy * crossing).mean()


def normal_consistency(surface: Surface) -> Tensor:
    """Mean of 1 - cos between the normals at the ends of every triangle side; 0 on a plane."""
    corners = surface.normals[surface.faces.long()]
    return sum(1 - (corners[:, k] * corners[:, k - 1]).sum(1).mean() for k in range(3)) / 3  # type: ignore[return-value]
