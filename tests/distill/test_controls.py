"""What a guide says, in numbers that can be told beforehand."""

from __future__ import annotations

import pytest
import torch

from distill.controls import (
    KNOWN,
    KNOWN_DRAWN,
    LEAST,
    MOST,
    NORMALS,
    PICTURE,
    blank_guide,
    count_channels,
    picture_guide,
    spread,
)


def test_the_spread_falls_from_most_to_least() -> None:
    known = torch.tensor([0.0, KNOWN_DRAWN, 1.0])
    assert spread(known).tolist() == pytest.approx([MOST, 0.05, LEAST], rel=0.01)
    assert (spread(torch.linspace(0, 1, 9)).diff() < 0).all()


def test_channels_add_up() -> None:
    assert (count_channels(()), count_channels(("guide",)), count_channels(("depth", "color"))) == (0, 7, 6)


def test_a_blank_guide_knows_nothing() -> None:
    guide = blank_guide(2, 4)
    assert guide.shape == (2, 7, 4, 4)
    assert not guide[:, KNOWN].any() and (guide[:, PICTURE] == 0.5).all() and (guide[:, NORMALS] == 0.5).all()


def test_a_picture_is_its_own_guide() -> None:
    images = torch.rand(2, 4, 4, 3)
    guide = picture_guide(images, 0.5)
    assert torch.equal(guide[:, PICTURE], images.permute(0, 3, 1, 2))
    assert torch.allclose(guide[:, KNOWN], torch.tensor(KNOWN_DRAWN / 2)) and (guide[:, NORMALS] == 0.5).all()
