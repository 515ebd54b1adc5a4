"""Runs a file of inside/ by pytest in a Blender that `make setup` brought, in a process of its own.

test_blender_*.py call it, a file for each Blender, so that workers can take one each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
BLENDERS = {"4.2": ".venv-bpy-4.2", "4.5": ".venv-blender", "5.0": ".venv-bpy-5.0"}
SECONDS = 900
FILES = sorted(INSIDE.glob("test_*.py"))



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
