"""Runs a file of inside/ by pytest in a Blender that `make setup` brought, in a process of its own.

test_blender_*.py call it, a file for each Blender, so that workers can take one each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
BLENDERS = {"4.2": ".venv-bpy-4.2", "4.5": ".venv-blender", "5.0": ".venv-bpy-5.0"}
SECONDS = 900
# Of the network, the server, its errors, the page's script and what outlasts a session, where nothing of Blender's
# changes with its version that test_run does not try: in this one always, in the others among the longer checks.
USUAL = "4.5"
ALIKE = (
    "test_background", "test_connect", "test_lasting", "test_open_sketch", "test_real_prior", "test_refusals",
    "test_script", "test_trouble", "test_while_it_runs",
)  # fmt: skip


def files(blender: str) -> list[ParameterSet]:
    """The files of inside/, by their names."""
    found = sorted(INSIDE.glob("test_*.py"))
    assert set(ALIKE) <= {file.stem for file in found}
    longer = ALIKE if blender != USUAL else ()
    return [
        pytest.param(file, id=file.stem, marks=[pytest.mark.slow] if file.stem in longer else []) for file in found
    ]


def run(blender: str, file: Path) -> None:
    """Fails with what pytest printed there."""
    python = ROOT / BLENDERS[blender] / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    assert python.exists(), f"Blender {blender} is not there; `make setup` installs it."
    environment = {**os.environ, "REALIFY_SERVER_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    ran = subprocess.run(
        [*command, str(file)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert ran.returncode == 0, f"in Blender {blender}:\n{ran.stdout[-12000:]}\n{ran.stderr[-4000:]}"
