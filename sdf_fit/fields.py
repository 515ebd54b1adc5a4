"""The two things that are optimised: a body's signed distance, and the material of its surface."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdf_fit.feature_grid import FeatureGrid

RESOLUTIONS = (8, 16, 32, 64, 128)
ROUGHNESS, METALLIC = 0.6, 0.02  # of a fresh field: a matt body, hardly any metal


class SdfGrid(nn.Module):
    """A signed distance (working units, negative inside): values [R+1]*3 over [-1, 1]^3, x slowest."""

    def __init__(self, resolution: int, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.values = nn.Parameter(torch.full([resolution + 1] * 3, 2.0 / resolution, device=device))

    @classmethod
    def from_values(cls, values: Tensor) -> SdfGrid:
        """A grid that starts from a copy of values [R+1, R+1, R+1]. Raises ValueError on another shape."""
        side = values.shape[0]
        if values.shape != (side, side, side) or side < 3:
            raise ValueError(
                f"values have the shape {list(values.shape)}, wanted [R+1, R+1, R+1] with R >= 2"
            )
        grid = cls(side - 1, values.device)
        grid.values = nn.Parameter(values.detach().clone())
        return grid

    @property
    def resolution(self) -> int:
        """Cubes along an axis."""
        return self.values.shape[0] - 1

    def refined(self, resolution: int) -> SdfGrid:
        """The same field on a grid of another resolution, by trilinear interpolation."""
        values = F.interpolate(
            self.values.detach()[None, None], size=[resolution + 1] * 3, mode="trilinear", align_corners=True
        )
        return SdfGrid.from_values(values[0, 0])

    def sample(self, points: Tensor) -> Tensor:
        """Trilinear values [N] at points [N, 3]; outside the cube its border's. Differentiable once."""
        at = points.flip(-1).view(1, 1, 1, -1, 3)  # grid_sample names the fastest axis first
        values = F.grid_sample(self.values[None, None], at, padding_mode="border", align_corners=True)
        return values.reshape(-1)


class MaterialField(nn.Module):
    """Points [N, 3] in [-1, 1]^3 -> [N, 5]: linear base colour r, g, b, roughness, metallic, each in 0..1.

    Each of the five is a logit, summed over a pyramid of grids; the colour's sigmoid is read as sRGB, so that
    equal steps look equal in light and dark. Fresh, it is mid-grey (.5 sRGB) everywhere. `surface` [P, 3] and
    `margin` limit the grids to the neighbourhood of a surface: see FeatureGrid. Why this and not a hash grid
    or a network: docs/decisions/colour-field.md.
    """

    start: Tensor

    def __init__(
        self, resolutions: Sequence[int] = RESOLUTIONS, surface: Tensor | None = None, margin: float = 0.1
    ) -> None:
        super().__init__()
        self.grid = FeatureGrid(resolutions, 5, surface, margin)
        start = torch.tensor([0.0, 0.0, 0.0, _logit(ROUGHNESS), _logit(METALLIC)])
        self.register_buffer("start", start.to(self.grid.features.device))

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> MaterialField:
        """The field whose `state_dict` this is, with the grid vertices it had."""
        field = cls(resolutions=(1,))
        for name, tensor in state.items():
            owner = field.grid if name.startswith("grid.") else field
            key = name.removeprefix("grid.")
            value = tensor.clone()
            setattr(owner, key, nn.Parameter(value) if key == "features" else value)
        return field

    def forward(self, points: Tensor) -> Tensor:
        """Material [N, 5] at points [N, 3]. The gradient goes to the field, not to the points."""
        sample = torch.sigmoid(self.grid(points) + self.start)
        return torch.cat([srgb_to_linear(sample[:, :3]), sample[:, 3:]], dim=1)


def srgb_to_linear(color: Tensor) -> Tensor:
    """IEC 61966-2-1, for values in 0..1."""
    return torch.where(color <= 0.04045, color / 12.92, ((color.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))
