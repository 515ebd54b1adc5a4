"""Every numbered example runs, from a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
# What makes an example quick enough for a test, or what it cannot do without.
TINY = ["fit.grid=24", "fit.resolution=64", "fit.steps=10", "render.views=2", "output.faces=1000"]
TINY += ["stage1.steps=4", "stage2.steps=4"]
ARGUMENTS = {
    "01_realify_from_python": TINY,
    "02_fit_a_body": ["--grid", "24", "--steps", "20"],
    "03_settings": ["geometry.lr=2e-3"],
    "04_gallery": ["-o", "out/two.png", "--only", "mug", "flower", "--", *TINY],
    "05_sample_the_prior": ["a red apple", "out/samples.png", "--steps", "3"],
    "06_picture_of_a_sentence": ["a red apple", "out/apples.png", "--steps", "4"],
    "07_painting_to_real": ["out/mushroom.png", "--steps", "3"],
    "08_two_films": ["out/films", "a red apple", "a yellow duck", "a cactus", "a blue mug", "--steps", "2"],
}


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_example(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), *ARGUMENTS.get(script.stem, [])],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
