"""The main job as a person runs it: stopped by Ctrl-C in each stage and resumed each time, it ends the same."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SKETCH = ROOT / "examples/sketches/mushroom.glb"
# As small as everything still happens; enough steps that a signal arrives before the end.
TINY = {
    "fit.grid": 24,
    "fit.resolution": 48,
    "fit.steps": 8,
    "render.views": 1,
    "stage1.steps": 20,
    "stage2.steps": 20,
    "output.texture_size": 1024,
    "output.faces": 1000,
    "checkpoint.every_seconds": 1,
    "checkpoint.preview_every": 20,
}


def command(out: Path) -> list[str]:
    """The tiny job with its result at `out`."""
    changes = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    job = ["run", str(SKETCH), "--prompt", "a photo of a red mushroom", "-o", str(out)]
    return [sys.executable, "-m", "realify", *job, *changes]


def to_the_end(words: list[str]) -> str:
    """What it tells on its way."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def stopped_in(stage: str, words: list[str]) -> list[str]:
    """Ctrl-C in that stage; the command that goes on, as it is told."""
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(stage):
                process.send_signal(signal.SIGINT)
                break
        told = process.stderr.read()
    assert process.returncode == 130, told
    resume = shlex.split(told.strip().splitlines()[-1])
    assert resume[:3] == ["realify", "run", "--resume"]
    return [sys.executable, "-m", "realify", *resume[1:]]


def test_stopped_and_resumed_is_the_same_mesh(tmp_path: Path) -> None:
    """The second stop is one of a job that was resumed already."""
    whole, out = tmp_path / "whole.glb", tmp_path / "mushroom.glb"
    to_the_end(command(whole))
    assert whole.with_suffix(".png").exists()
    again = stopped_in("stage 1", command(out))
    assert not out.exists()
    again = stopped_in("stage 2", again)
    assert not out.exists()
    assert "fitting a body" not in to_the_end(again), "the fit was done again"
    assert out.read_bytes() == whole.read_bytes()
