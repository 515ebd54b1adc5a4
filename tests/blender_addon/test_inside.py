"""Runs the files of inside/ by pytest in each Blender that `make setup` brought, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
BLENDERS = {"4.2": ".venv-bpy-4.2", "4.5": ".venv-blender", "5.0": ".venv-bpy-5.0"}
SECONDS = 900


def _python(folder: str) -> Path:
    return ROOT / folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# By file and not by Blender, so that workers that take a share each have about the same to do.
@pytest.mark.parametrize("file", sorted(INSIDE.glob("test_*.py")), ids=lambda file: file.stem)
@pytest.mark.parametrize("blender", BLENDERS)
def test_inside(blender: str, file: Path) -> None:
    python = _python(BLENDERS[blender])
    assert python.exists(), f"Blender {blender} is not there; `make setup` installs it."
    environment = {**os.environ, "REALIFY_SERVER_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    ran = subprocess.run(
        [*command, str(file)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert ran.returncode == 0, f"in Blender {blender}:\n{ran.stdout[-12000:]}\n{ran.stderr[-4000:]}"
