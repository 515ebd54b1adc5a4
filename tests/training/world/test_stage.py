"""The photographs of a real Blender: inside/test_stage.py, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender_addon.in_blender import run
from training.world.__main__ import BLENDER_PYTHON


@pytest.mark.skipif(not BLENDER_PYTHON.exists(), reason="no .venv-blender: `make setup` makes it")
def test_inside_of_blender() -> None:
    run("4.5", Path(__file__).parent / "inside" / "test_stage.py")
