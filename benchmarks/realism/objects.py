"""The held-out objects: what benchmarks/data/realism/ holds of each, and pictures of it on plain backgrounds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sdf_fit.cameras import View
from sdf_fit.render.shading import linear_to_srgb, srgb_to_linear

FOLDER = Path(__file__).parents[1] / "data" / "realism"
SIZE, LARGE = 128, 256  # pixels of a view, and of the one that people look at
ROW = 4  # views in a row of a sheet
FOVY = 38.0
FRONT = (30.0, 15.0, 3.2)  # azimuth, elevation, distance of front.webp

Color = tuple[float, float, float]


@dataclass(frozen=True)
class TestObject:
    """One object of the world; its own frame is Y-up with bounding radius 1, standing on y = 0."""

    __test__ = False  # pytest: not a test

    kind: str
    phrase: str
    color: str | None
    material: str | None
    views: tuple[View, ...]  # of its own renders, in its own frame
    folder: Path

    @property
    def prompt(self) -> str:
        """What a user types."""
        return f"a photo of {self.phrase}"

    @property
    def sketch(self) -> Path:
        return self.folder / "sketch.glb"

    @property
    def mesh(self) -> Path:
        """The true surface, in the same place as the sketch."""
        return self.folder / "mesh.glb"

    @property
    def front(self) -> View:
        """The camera of `front.webp`."""
        return View(*FRONT, FOVY, self.views[0].target)

    @cached_property
    def renders(self) -> np.ndarray:
        """Its own renders [V, 128, 128, 4] uint8 with straight alpha, one for each of `views`."""
        return tiles(self.folder / "views-0.webp")

    @cached_property
    def references(self) -> np.ndarray:
        """Renders of other objects with the same phrase [N, 128, 128, 4]; view i of each in turn stands at i + 16 k."""
        files = sorted(self.folder.glob("views-*.webp"))
        return np.concatenate([tiles(file) for file in files if file.stem != "views-0"])


def read_objects(folder: Path = FOLDER) -> list[TestObject]:
    """All objects of the set by their kinds. Raises ValueError where there are none."""
    found = [_read(card) for card in sorted(folder.glob("*/card.json"))]
    if not found:
        raise ValueError(f"no objects in {folder}: make them with Blender's Python, -m benchmarks.realism.make_set")
    return found


def _read(path: Path) -> TestObject:
    card = json.loads(path.read_text(encoding="utf-8"))
    views = tuple(_view(each) for each in card["objects"][0]["views"])
    return TestObject(card["kind"], card["phrase"], card["color"], card["material"], views, path.parent)


def _view(card: Mapping[str, Any]) -> View:
    x, y, z = card["target"]
    return View(card["azimuth"], card["elevation"], card["distance"], FOVY, (x, y, z))


def tiles(sheet: Path, size: int = SIZE) -> np.ndarray:
    """A sheet's pictures, row by row: [N, size, size, 4] uint8."""
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGBA"))
    rows, columns = pixels.shape[0] // size, pixels.shape[1] // size
    return pixels.reshape(rows, size, columns, size, 4).swapaxes(1, 2).reshape(-1, size, size, 4)


def on_backgrounds(pictures: np.ndarray, colors: Sequence[Color], size: int) -> np.ndarray:
    """Pictures [N, S, S, 4] with straight alpha, at size x size pixels, in linear light on plain sRGB colours that
    take turns: [N, size, size, 3] uint8."""
    found = []
    for index, picture in enumerate(pictures):
        pixels = torch.from_numpy(_resized(picture, size)).float() / 255
        alpha = pixels[..., 3:]
        behind = srgb_to_linear(torch.tensor(colors[index % len(colors)]))
        canvas = srgb_to_linear(pixels[..., :3]) * alpha + behind * (1 - alpha)
        found.append((linear_to_srgb(canvas) * 255 + 0.5).to(torch.uint8).numpy())
    return np.stack(found)


def masks(pictures: np.ndarray, size: int) -> np.ndarray:
    """Where the object is in such pictures: [N, size, size] bool."""
    return np.stack([_resized(picture, size)[..., 3] > 127 for picture in pictures])


def _resized(picture: np.ndarray, size: int) -> np.ndarray:
    """Colours of half-covered pixels are weighed by their alpha."""
    if len(picture) == size:
        return np.array(picture)
    return np.array(Image.fromarray(picture).resize((size, size), Image.Resampling.HAMMING))
