"""The extension inside of Blender 5.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender_addon.in_blender import files, run


@pytest.mark.parametrize("file", files("5.0"))
def test_inside(file: Path) -> None:
    run("5.0", file)
