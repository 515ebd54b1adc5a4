"""The settings of the prior's network on the command line: a job with a ControlNet, and how what cannot be is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.distill.priors.tiny_controlnet import save_tiny_controlnet
from tests.distill.priors.tiny_guided import save_tiny_guided
from tests.distill.priors.tiny_mvdream import save_tiny_mvdream
from tests.distill.priors.tiny_stable_diffusion import save_tiny

ROOT = Path(__file__).parents[3]
SKETCH = ROOT / "examples/sketches/mushroom.glb"
TINY = {
    "fit.grid": 24,
    "fit.resolution": 48,
    "fit.steps": 8,
    "render.views": 2,
    "stage1.steps": 3,
    "stage2.steps": 3,
    "output.texture_size": 1024,
    "output.faces": 1000,
    "checkpoint.preview_every": 2,
}


def run(out: Path, settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """A tiny job with these settings besides."""
    words = [word for key, value in (TINY | settings).items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "realify", "run", SKETCH, "--prompt", "a red mushroom", "-o", out, *words]
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_a_job_with_a_controlnet(tmp_path: Path) -> None:
    prior = save_tiny(tmp_path / "sd")
    net = save_tiny_controlnet(tmp_path / "tiny-normal", prior)
    out = tmp_path / "mushroom.glb"
    fast = {"prior.channels_last": True, "prior.attention": "math"}
    done = run(out, {"prior.name": prior, "prior.controlnet": net, **fast})
    assert done.returncode == 0, done.stderr
    assert out.exists() and out.with_suffix(".png").exists()


@pytest.mark.slow
def test_a_job_with_a_guided_prior(tmp_path: Path) -> None:
    prior, out = save_tiny_guided(tmp_path / "guided"), tmp_path / "mushroom.glb"
    done = run(out, {"prior.name": prior, "prior.guide": 0.5, "render.supersample": 2, "render.textureless": 0.5})
    assert done.returncode == 0, done.stderr
    assert out.exists() and out.with_suffix(".png").exists()


@pytest.mark.slow
def test_a_job_with_a_multi_view_prior(tmp_path: Path) -> None:
    save_tiny_mvdream(tmp_path / "mvdream")
    out = tmp_path / "mushroom.glb"
    done = run(out, {"prior.name": tmp_path / "mvdream"})
    assert done.returncode == 0, done.stderr
    assert out.exists() and out.with_suffix(".png").exists()


def test_what_cannot_be_is_told_before_the_fit(tmp_path: Path) -> None:
    done = run(tmp_path / "out.glb", {"prior.attention": "cudnn", "device": "cpu"})
    assert done.returncode == 2, done.stderr
    assert "prior.attention: the cudnn kernel does not run" in done.stderr
    assert "prior.attention=auto" in done.stderr and "Traceback" not in done.stderr
    assert not any(line.startswith("fit") for line in done.stderr.splitlines())
