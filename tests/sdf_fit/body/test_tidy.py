"""What no view sees is cleared from a field: enclosed voids filled, crumbs gone, everything else untouched."""

from __future__ import annotations

import torch
from torch import Tensor

from sdf_fit.body.tidy import tidy

AXIS = torch.linspace(-1, 1, 41)
POINTS = torch.stack(torch.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), -1)


def ball(centre: tuple[float, float, float], radius: float) -> Tensor:
    return (POINTS - torch.tensor(centre)).norm(dim=-1) - radius


def test_a_void_is_filled_and_a_crumb_removed() -> None:
    body, void, crumb = ball((0, 0, 0), 0.7), ball((0.2, 0, 0), 0.15), ball((0.9, 0.9, 0.9), 0.06)
    field = torch.minimum(torch.maximum(body, -void), crumb)
    assert (field[void < 0] > 0).any() and (field[crumb < 0] < 0).any()
    clean = tidy(field)
    assert torch.equal(clean < 0, body < 0)
    assert torch.allclose(clean.abs(), field.abs(), atol=1e-6)


def test_real_parts_and_open_hollows_stay() -> None:
    parts = torch.minimum(ball((-0.4, 0, 0), 0.4), ball((0.6, 0, 0), 0.15))
    cup = torch.maximum(ball((0, 0, 0), 0.8), -ball((0, 0.5, 0), 0.6))
    for field in (parts, cup):
        assert torch.equal(tidy(field), field)
