"""The main job as a person runs it: stopped by Ctrl-C in either stage and resumed, it ends the same."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKETCH = ROOT / "examples/sketches/mushroom.glb"
# As small as everything still happens; enough steps that a signal arrives before the end.
TINY = {
    "fit.grid": 24,
    "fit.resolution": 48,
    "fit.steps": 8,
    "render.views": 1,
    "sds.steps": 30,
    "bridge.steps": 30,
    "output.texture_size": 1024,
    "output.faces": 1000,
    "checkpoint.every_seconds": 1,
    "checkpoint.preview_every": 10,
}


def command(out: Path) -> list[str]:
    """The tiny job with its result at `out`."""
    changes = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    job = ["run", str(SKETCH), "--prompt", "a photo of a red mushroom", "-o", str(out)]
    return [sys.executable, "-m", "realify.cli", *job, *changes]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The result of the job that nobody stopped."""
    out = tmp_path_factory.mktemp("whole") / "mushroom.glb"
    done = subprocess.run(command(out), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert out.with_suffix(".png").exists()
    return out.read_bytes()


@pytest.mark.parametrize("stage", ["stage 1", "stage 2"])
def test_stopped_and_resumed_is_the_same_mesh(stage: str, uninterrupted: bytes, tmp_path: Path) -> None:
    out = tmp_path / "mushroom.glb"
    with subprocess.Popen(command(out), cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(stage):
                process.send_signal(signal.SIGINT)
                break
        told = process.stderr.read()
    assert process.returncode == 130, told
    assert not out.exists()
    resume = shlex.split(told.strip().splitlines()[-1])
    assert resume[:3] == ["realify", "run", "--resume"]
    again = [sys.executable, "-m", "realify.cli", *resume[1:]]
    done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "fitting a body" not in done.stderr, "the fit was done again"
    assert out.read_bytes() == uninterrupted
