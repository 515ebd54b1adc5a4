"""The SDF grid and the material field: interpolation, the grid against its twin, a fit to given colours."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdf_fit.body.feature_grid import FeatureGrid, sample_torch
from sdf_fit.body.fields import MaterialField, SdfGrid


@pytest.fixture
def points() -> Tensor:
    return F.normalize(torch.randn(400, 3, generator=torch.Generator().manual_seed(0)), dim=1) * 0.6


def linear_field(resolution: int) -> Tensor:
    x, y, z = torch.meshgrid(*[torch.linspace(-1, 1, resolution + 1)] * 3, indexing="ij")
    return x + 2 * y + 3 * z


def test_sdf_samples_a_linear_field_exactly(points: Tensor) -> None:
    sampled = SdfGrid.from_values(linear_field(6)).sample(points)
    assert torch.allclose(sampled, points @ torch.tensor([1.0, 2.0, 3.0]), atol=1e-5)


def test_sdf_of_a_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"\[3, 4, 3\]"):
        SdfGrid.from_values(torch.zeros(3, 4, 3))


def filled_grid(points: Tensor) -> FeatureGrid:
    grid = FeatureGrid((4, 9, 32), 5, surface=points, margin=0.05)
    torch.nn.init.normal_(grid.features, generator=torch.Generator().manual_seed(1))
    return grid


def test_numba_and_torch_sample_alike(points: Tensor) -> None:
    grid = filled_grid(points)
    anywhere = torch.cat([points, torch.rand(200, 3) * 2.4 - 1.2])  # off the surface and out of the cube too
    weight = torch.randn(len(anywhere), 15)
    gradients = []
    for sample in (grid(anywhere), sample_torch(anywhere, grid.features, grid.lookup, grid.resolutions)):
        gradients.append((sample, *torch.autograd.grad((sample * weight).sum(), grid.features)))
    (fast, fast_gradient), (slow, slow_gradient) = gradients
    assert torch.allclose(fast, slow, atol=1e-4)
    assert torch.allclose(fast_gradient, slow_gradient, atol=1e-4)


def test_a_full_grid_is_grid_sample(points: Tensor) -> None:
    grid = FeatureGrid((7,), 3)
    torch.nn.init.normal_(grid.features)
    volume = grid.features.detach().T.reshape(1, 3, 8, 8, 8)
    expected = F.grid_sample(volume, points.flip(-1).view(1, 1, 1, -1, 3), align_corners=True)
    assert torch.allclose(grid(points), expected.view(3, -1).T, atol=1e-4)


def test_the_band_covers_the_margin_and_not_the_cube(points: Tensor) -> None:
    dense, banded = FeatureGrid((64,), 1), FeatureGrid((64,), 1, surface=points, margin=0.1)
    assert len(banded.features) < 0.6 * len(dense.features)
    moved = points + (torch.rand(points.shape) * 2 - 1) * 0.1
    for grid in (dense, banded):
        torch.nn.init.ones_(grid.features)
    assert torch.allclose(banded(moved), dense(moved), atol=1e-5)
    assert (banded(torch.zeros(1, 3)) == 0).all()


def test_a_point_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match="not finite"):
        FeatureGrid((4,), 1)(torch.tensor([[0.0, float("nan"), 0.0]]))


def test_fresh_material_is_mid_grey(points: Tensor) -> None:
    material = MaterialField((4, 8), surface=points)(points)
    expected = torch.tensor([0.2140, 0.2140, 0.2140, 0.6, 0.02])
    assert torch.allclose(material, expected.expand(len(points), 5), atol=5e-3)  # about one step of 8 bits


def test_material_is_fitted_in_a_hundred_steps(points: Tensor) -> None:
    wanted = torch.cat([points.sign() * 0.35 + 0.5, torch.full((len(points), 2), 0.3)], dim=1)
    field = MaterialField((8, 16, 32, 64), surface=points)
    optimizer = torch.optim.Adam(field.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        (field(points) - wanted).square().mean().backward()
        optimizer.step()
    assert (field(points) - wanted).abs().mean() < 0.01


def test_state_brings_the_field_back(points: Tensor) -> None:
    field = MaterialField((4, 16), surface=points, margin=0.05)
    torch.nn.init.normal_(field.grid.features)
    back = MaterialField.from_state(field.state_dict())
    assert torch.equal(back(points), field(points))
    names = [name for name, _ in field.named_parameters()]
    assert [name for name, _ in back.named_parameters()] == names
