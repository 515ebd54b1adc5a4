"""The two things that are optimised: a body's signed distance, and the material of its surface."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdf_fit.body.feature_grid import FeatureGrid
from sdf_fit.render.shading import srgb_to_linear

RESOLUTIONS = (8, 16, 32, 64, 128)
FEATURES, HIDDEN = 2, 32
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

    def sample(self, points: Tensor) -> Tensor:
        """Trilinear values [N] at points [N, 3]; outside the cube its border's. Differentiable once."""
        at = points.flip(-1).view(1, 1, 1, -1, 3)  # grid_sample names the fastest axis first
        values = F.grid_sample(self.values[None, None], at, padding_mode="border", align_corners=True)
        return values.reshape(-1)


class MaterialField(nn.Module):
    """Points [N, 3] in [-1, 1]^3 -> [N, 5]: linear base colour r, g, b, roughness, metallic, each in 0..1.

    Two features per level of a pyramid of grids, decoded by one hidden layer into logits; the colour's
    sigmoid is read as sRGB, so that equal steps look equal in light and dark. Fresh, it is mid-grey (.5 sRGB)
    everywhere. `surface` [P, 3] and `margin` limit the grids to the neighbourhood of a surface: see
    FeatureGrid. Why this and not a hash grid: docs/decisions/colour-field.md.
    """

    def __init__(
        self,
        resolutions: Sequence[int] = RESOLUTIONS,
        surface: Tensor | None = None,
        margin: float = 0.06,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.grid = FeatureGrid(resolutions, FEATURES, surface, margin)
        hidden, out = nn.Linear(FEATURES * len(resolutions), HIDDEN), nn.Linear(HIDDEN, 5)
        self.decoder = nn.Sequential(hidden, nn.ReLU(), out)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            # Features near zero and no bias but the last: it starts at that bias, yet all gradients flow.
            self.grid.features.copy_(torch.randn(self.grid.features.shape, generator=generator) * 1e-3)
            for layer in (hidden, out):
                weight = torch.randn(layer.weight.shape, generator=generator)
                layer.weight.copy_(weight / math.sqrt(layer.in_features))
            hidden.bias.zero_()
            out.bias.copy_(torch.tensor([0.0, 0.0, 0.0, _logit(ROUGHNESS), _logit(METALLIC)]))
        self.to(self.grid.features.device)

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> MaterialField:
        """The field whose `state_dict` this is, with the grid vertices it had."""
        field = cls(resolutions=[1] * len(state["grid.resolutions"]))
        field.grid.features = nn.Parameter(torch.empty_like(state["grid.features"]))
        field.grid.lookup = torch.empty_like(state["grid.lookup"])
        field.load_state_dict(state)
        return field.to(state["grid.features"].device)

    def forward(self, points: Tensor) -> Tensor:
        """Material [N, 5] at points [N, 3]. The gradient goes to the field, not to the points."""
        sample = torch.sigmoid(self.decoder(self.grid(points)))
        return torch.cat([srgb_to_linear(sample[:, :3]), sample[:, 3:]], dim=1)


def _logit(p: float) -> float:
    return math.log(p / (1 - p))
