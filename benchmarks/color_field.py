"""Which colour field: time of an optimiser's step and quality after equal steps. `python -m
benchmarks.color_field`

Every candidate learns the same detailed pattern on a sphere from 150 views of 30,000 surface points each, as
pixels of a view would give them (a cap of the sphere, neighbours next to each other), with Adam at the best
of three rates.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.yardstick import markdown, time_ms, yardstick_ms
from sdf_fit.body.feature_grid import FeatureGrid
from sdf_fit.body.fields import MaterialField
from sdf_fit.render.shading import srgb_to_linear

HEADER = ["colour field, 30k points, one thread", "parameters", "step ms best", "median", "PSNR dB", "rate"]
STEPS, POINTS, RADIUS = 150, 30_000, 0.7


class BandedSum(nn.Module):
    """Logits summed over the levels, near the surface only: no decoder."""

    def __init__(self, resolutions: tuple[int, ...], surface: Tensor) -> None:
        super().__init__()
        self.grid = FeatureGrid(resolutions, 5, surface, margin=0.06)

    def forward(self, points: Tensor) -> Tensor:
        return material(self.grid(points).view(len(points), -1, 5).sum(dim=1))


class DenseSum(nn.Module):
    """Logits summed over dense grids."""

    def __init__(self, resolutions: tuple[int, ...]) -> None:
        super().__init__()
        self.grids = nn.ParameterList([torch.zeros(1, 5, r, r, r) for r in resolutions])

    def forward(self, points: Tensor) -> Tensor:
        return material(torch.stack([sample_dense(grid, points) for grid in self.grids]).sum(dim=0))


class DenseDecoded(nn.Module):
    """Four features a level from dense grids, decoded by one hidden layer of 32."""

    def __init__(self, resolutions: tuple[int, ...]) -> None:
        super().__init__()
        self.grids = nn.ParameterList([torch.randn(1, 4, r, r, r) * 0.01 for r in resolutions])
        self.decoder = decoder(4 * len(resolutions))

    def forward(self, points: Tensor) -> Tensor:
        return material(self.decoder(torch.cat([sample_dense(grid, points) for grid in self.grids], dim=1)))


class HashGrid(nn.Module):
    """Multi-resolution hash encoding (Müller et al. 2022, section 3), 8 levels, the same decoder."""

    SIZE = 2**16
    PRIMES = (1, 2654435761, 805459861)

    def __init__(self) -> None:
        super().__init__()
        self.resolutions = [round(8 * (128 / 8) ** (level / 7)) for level in range(8)]
        self.table = nn.Parameter((torch.rand(8 * self.SIZE, 2) * 2 - 1) * 1e-2)
        self.decoder = decoder(16)
        self.register_buffer("corners", torch.cartesian_prod(*[torch.arange(2)] * 3))

    def forward(self, points: Tensor) -> Tensor:
        features = []
        for level, resolution in enumerate(self.resolutions):
            at = (points + 1) * (resolution / 2)
            vertex = at.floor().long()[:, None] + self.corners
            weight = (1 - (at[:, None] - vertex).abs()).prod(dim=-1)
            x, y, z = (vertex * torch.tensor(self.PRIMES)).unbind(dim=-1)
            row = level * self.SIZE + ((x ^ y ^ z) & (self.SIZE - 1))
            values = self.table.index_select(0, row.reshape(-1)).view(*row.shape, 2)
            features.append((values * weight[..., None]).sum(dim=1))
        return material(self.decoder(torch.cat(features, dim=1)))


def decoder(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 5))


def sample_dense(grid: Tensor, points: Tensor) -> Tensor:
    at = points.flip(-1).view(1, 1, 1, -1, 3)
    return F.grid_sample(grid, at, align_corners=True, padding_mode="border")[0, :, 0, 0].T


def material(logits: Tensor) -> Tensor:
    sample = torch.sigmoid(logits)
    return torch.cat([srgb_to_linear(sample[:, :3]), sample[:, 3:]], dim=1)


def pattern(points: Tensor) -> Tensor:
    """A detailed material [N, 5] with values in .1..1: stripes, spots with sharp rims, fine grain."""
    x, y, z = points.unbind(dim=1)
    stripes = torch.sin(25 * y + 3 * torch.sin(7 * x))
    spots = torch.tanh(8 * (torch.sin(13 * x) * torch.sin(13 * y) * torch.sin(13 * z) - 0.1))
    grain = torch.sin(60 * x + 20 * y) * torch.sin(55 * z)
    return torch.stack([stripes, spots, grain, stripes * spots, grain * 0 - 0.8], dim=1) * 0.45 + 0.55


def view(generator: torch.Generator) -> Tensor:
    """[POINTS, 3] on a cap of the sphere of 60 degrees half-angle, in the order of rows of pixels."""
    cosine = torch.rand(POINTS, generator=generator) * 0.5 + 0.5
    angle = torch.rand(POINTS, generator=generator) * (2 * math.pi)
    sine = (1 - cosine**2).sqrt()
    cap = torch.stack([sine * angle.cos(), sine * angle.sin(), cosine], dim=1)
    order = torch.argsort((cap[:, 1] * 100).round() * 4 + cap[:, 0])
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    return cap[order] @ turn.T * RADIUS


def fit(field: nn.Module, rate: float) -> tuple[float, Callable[[], None]]:
    """PSNR of the sRGB-like colours on fresh points, and one step as a function to be timed."""
    optimizer = torch.optim.Adam(field.parameters(), lr=rate, betas=(0.9, 0.99), fused=True)

    def step(points: Tensor) -> None:
        optimizer.zero_grad()
        (field(points) - pattern(points)).square().mean().backward()
        optimizer.step()

    generator = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        step(view(generator))
    points = F.normalize(torch.randn(POINTS, 3, generator=generator), dim=1) * RADIUS
    with torch.no_grad():
        error = (field(points) - pattern(points)).square().mean().item()
    last = view(generator)
    return -10 * math.log10(error), lambda: step(last)


def run() -> list[list[str]]:
    """Rows under HEADER; the yardstick comes last."""
    torch.set_num_threads(1)
    surface = F.normalize(torch.randn(100_000, 3, generator=torch.Generator().manual_seed(1)), dim=1) * RADIUS
    pyramid = (8, 16, 32, 64, 128)
    candidates: dict[str, Callable[[], nn.Module]] = {
        "banded grids 8..128 + hidden layer (the product's)": lambda: MaterialField(pyramid, surface),
        "banded grids 8..256 + hidden layer": lambda: MaterialField((*pyramid, 256), surface, margin=0.03),
        "sum of banded grids 8..128": lambda: BandedSum(pyramid, surface),
        "sum of dense grids 8..128": lambda: DenseSum(pyramid),
        "dense grids 8..128 + hidden layer": lambda: DenseDecoded(pyramid),
        "dense grids 8..64 + hidden layer": lambda: DenseDecoded(pyramid[:-1]),
        "hash grid 8..128, 2^16 rows + hidden layer": HashGrid,
    }
    rows = []
    for name, make in candidates.items():
        tries = []
        for rate in (0.02, 0.03, 0.05):
            torch.manual_seed(0)
            field = make()
            psnr, step = fit(field, rate)
            tries.append((psnr, rate, time_ms(step), sum(p.numel() for p in field.parameters())))
        psnr, rate, (best, median), size = max(tries)
        rows.append([name, f"{size / 1e6:.1f} M", f"{best:.0f}", f"{median:.0f}", f"{psnr:.1f}", str(rate)])
    return [*rows, ["yardstick: 1024³ float32 product", "", f"{yardstick_ms():.1f}", "", "", ""]]


if __name__ == "__main__":
    print(markdown(HEADER, run()))
