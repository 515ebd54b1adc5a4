"""`realify image` without a process of its own, and what its pictures hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from realify.commands.cli import build_app


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    told: str  # stderr
    printed: str

    @property
    def made(self) -> dict[str, Any]:
        """The line of --json."""
        return json.loads(self.printed.splitlines()[-1])


def image(*arguments: object) -> Done:
    """Runs `realify image` with these arguments."""
    done = CliRunner().invoke(build_app(), ["image", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stderr, done.stdout)


def about(path: Path) -> dict[str, Any]:
    """What a PNG says of how it was made."""
    with Image.open(path) as picture:
        return json.loads(picture.info["realify"]) | {"Description": picture.info["Description"]}


def pixels(path: Path) -> np.ndarray:
    """A picture as [H, W, 3] in 0..255."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)
