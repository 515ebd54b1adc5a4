"""The whole grade, for priors with and without guides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.prior import __main__ as grade
from benchmarks.prior.classifier import Classifier, save, vocabulary
from tests.benchmarks.prior.priors import SIZE, copyist, prior_of
from tests.training.tiny_world import tiny_renders, write_shard
from training.corruptions import DESCRIPTORS


def check_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    renders = tiny_renders(range(0, 300, 25), size=128)
    shard = write_shard(folder / "renders.tar", renders)
    out = folder / "docs" / "grades.json"
    torch.manual_seed(0)
    save(
        Classifier(vocabulary(renders) | {"material": ["brick", "wooden", "woollen"]}).eval(), folder / "c.safetensors"
    )
    grade.main(["--data", str(shard), "--out", str(out), "--quick", "--classifier", str(folder / "c.safetensors")])
    printed = capsys.readouterr().out
    assert printed.startswith("QUICK, not the figures: embedded on") and "24 held-out renders of 12 objects" in printed
    figures = json.loads(out.read_text())
    assert set(figures["descriptors"]) == set(DESCRIPTORS) and figures["plan"]["pairs"] == 2
    assert (out.parent / figures["sheets"]["sheet"]).is_file()
    text = out.with_suffix(".md").read_text()
    assert all(f"## {name}" in text for name in grade.USUAL) and "## goals" in text and "### goals" in printed
    return figures


def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prior = prior_of(lambda prompt: np.full((SIZE, SIZE, 3), 0.1 + len(prompt) % 7 / 10))
    monkeypatch.setattr(grade, "load_prior", lambda *_: prior)
    figures = check_the_command(tmp_path, capsys)
    assert set(figures["retrieval"]) == {"unguided"} and figures["samples"]["nearness"] is None
    assert len(figures["goals"]) == 4


def test_the_command_grades_a_guided_prior(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grade, "load_prior", lambda *_: copyist())
    figures = check_the_command(tmp_path, capsys)
    assert set(figures["retrieval"]) == {"guided", "unguided"} and figures["samples"]["nearness"]["nearer"] <= 1
    assert (tmp_path / "docs" / figures["materials"]["sheet"]).is_file()
    assert len(figures["goals"]) == 6


@pytest.mark.slow
def test_the_command_grades_the_embedded_prior(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_the_command(tmp_path, capsys)
