"""Muon's updates are orthogonal matrices of AdamW's size, and they descend."""

from __future__ import annotations

import pytest
import torch

from training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(48, 48), (96, 32), (32, 96), (32, 16, 3, 3)])
def test_singular_values_come_near_one(shape: tuple[int, ...]) -> None:
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 1e-3
    made = orthogonalise(gradient)
    assert made.shape == gradient.shape and made.dtype == gradient.dtype
    values = torch.linalg.svdvals(made.reshape(shape[0], -1))
    assert values.max() < 1.2
    # the smallest ones of a square matrix are far below the largest and come up last
    assert values.median() > 0.85 and (shape[0] == shape[-1] or values.min() > 0.8)


def test_keeps_the_singular_vectors() -> None:
    generator = torch.Generator().manual_seed(1)
    left, _, right = torch.linalg.svd(torch.randn(24, 40, generator=generator), full_matrices=False)
    made = orthogonalise(left * torch.linspace(0.2, 1, 24) @ right)
    assert torch.allclose(made, left @ right, atol=0.06)


def test_a_gradient_of_zeros_stays_one() -> None:
    assert torch.equal(orthogonalise(torch.zeros(8, 4)), torch.zeros(8, 4))


def test_an_update_is_as_large_as_adamws() -> None:
    weight = torch.nn.Parameter(torch.zeros(64, 16, 3, 3))
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=0.01).step()
    assert 0.1 < float(weight.detach().square().mean().sqrt()) / 0.01 < 0.4


def test_descends() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(16, 16, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(16, 16))
    optimiser = Muon([weight], lr=0.1, weight_decay=0.0)
    for step in range(120):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 120)
        optimiser.zero_grad()
        (weight - wanted).square().sum().backward()
        optimiser.step()
    assert (weight - wanted).square().mean() < 0.05 * wanted.square().mean()
