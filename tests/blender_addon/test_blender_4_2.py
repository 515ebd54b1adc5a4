"""The extension inside of Blender 4.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender_addon.in_blender import files, run


@pytest.mark.parametrize("file", files("4.2"))
def test_inside(file: Path) -> None:
    run("4.2", file)
