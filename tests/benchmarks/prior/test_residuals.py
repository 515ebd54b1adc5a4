"""Shares of bands are measured where the objects are; the closed form that knows them is the better one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.prior.residuals import band_shares, main, v_loss
from distill.controls import KNOWN_DRAWN, spread
from distill.priors.guide_head import OPPONENT, band_noise
from tests.training.tiny_world import tiny_renders, write_shard


def test_white_residuals_have_the_shares_of_noise() -> None:
    guides = torch.full((24, 7, 64, 64), 0.5)
    guides[:, 3] = KNOWN_DRAWN
    deviation = float(spread(torch.tensor(KNOWN_DRAWN))) ** 0.5
    grey = torch.randn(24, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * deviation
    pictures = grey * torch.tensor(OPPONENT)[0].view(1, 3, 1, 1)  # light alone
    light, color = band_shares(pictures, guides)
    assert light[0] == pytest.approx(band_noise(5, 64)[0], rel=0.1) and max(color) < 1e-6
    guides[:, 3] = 1.0
    guides[0, 3] = KNOWN_DRAWN
    assert band_shares(pictures * 3, guides)[0][0] == pytest.approx(9 * light[0], rel=0.1)


def test_knowing_the_right_shares_is_better_than_others() -> None:
    guides = torch.full((8, 7, 64, 64), 0.5)
    guides[:, 3] = KNOWN_DRAWN
    pictures = torch.full((8, 3, 64, 64), 0.2)  # all coarse
    coarse, fine = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert v_loss(pictures, guides, coarse, coarse) < 0.2 * v_loss(pictures, guides, fine, fine)


def test_the_command_prints_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write_shard(tmp_path / "tiny.tar", tiny_renders(range(1, 20)))
    main(["--data", str(shard), "--pictures", "6", "--size", "32"])
    said = capsys.readouterr().out
    assert "light [" in said and "every pixel by itself" in said and "bands" in said
