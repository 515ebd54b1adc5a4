"""The extension inside of Blender 5.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender_addon.in_blender import FILES, run


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_inside(file: Path) -> None:
    run("5.0", file)
