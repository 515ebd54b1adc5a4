"""Renders become training pictures: put on backgrounds, moved, cropped, and captioned.

One transparent render serves many times over: on plain, gradient and noise backgrounds as realify's own
renderer makes them, with their words, shifted, scaled and cropped.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from sdf_fit.render.backgrounds import anything, around
from sdf_fit.render.shading import linear_to_srgb, srgb_to_linear
from training.corruptions import Picture
from training.world import captions
from training.world.numbering import HELD_OUT_EVERY, OBJECTS_OF_A_SEED

Meta = dict[str, Any]
Split = Literal["train", "classifier", "held_out"]
Image8 = np.ndarray  # uint8
# left, upper, right, lower in a render's pixels, perhaps beyond its borders
Window = tuple[float, float, float, float]

# sRGB of the words ", … background"; the embedded prior's card repeats them.
BACKGROUNDS: dict[str, tuple[float, float, float]] = {
    "white": (0.72, 0.71, 0.69), "black": (0.02, 0.02, 0.02), "grey": (0.40, 0.39, 0.38), "blue": (0.24, 0.35, 0.58),
    "pink": (0.69, 0.51, 0.55), "beige": (0.67, 0.58, 0.46), "yellow": (0.69, 0.59, 0.31), "green": (0.30, 0.47, 0.25),
}  # fmt: skip
CLASSIFIER_SEED = 5  # of the world; no prior sees its objects
QUALITY = ", detailed high resolution, high quality, sharp"
CLOSE_UP = "close-up"


@dataclass(frozen=True)
class Renders:
    """N renders [S, S, 4] uint8, sRGB with straight alpha, each of its own size S, and what is on them."""

    images: list[Image8]
    metas: list[Meta]

    def __len__(self) -> int:
        return len(self.metas)

    def select(self, wanted: Callable[[Meta], bool]) -> Renders:
        """The renders whose description is wanted."""
        kept = [i for i, meta in enumerate(self.metas) if wanted(meta)]
        return Renders([self.images[i] for i in kept], [self.metas[i] for i in kept])

    def of(self, part: Split) -> Renders:
        """The renders that belong to one part of the data."""
        return self.select(lambda meta: split(meta) == part)


def split(meta: Meta) -> Split:
    """Which part of the data an object belongs to; all its views go together.

    Objects whose number divides by 25 are held out from everything. The four after them and all of
    CLASSIFIER_SEED train the classifier that grades the prior; the prior trains on the rest.
    """
    seed, index = divmod(meta["object"], OBJECTS_OF_A_SEED)
    rest = index % HELD_OUT_EVERY
    if rest == 0:
        return "held_out"
    return "classifier" if rest <= 4 or seed == CLASSIFIER_SEED else "train"


def read_renders(paths: Sequence[Path]) -> Renders:
    """All renders of some shards (tar files of NAME.webp and NAME.json). Raises ValueError without any."""
    images: list[Image8] = []
    metas: list[Meta] = []
    for path in paths:
        pictures: dict[str, Image8] = {}
        cards: dict[str, Meta] = {}
        with tarfile.open(path) as shard:
            for member in shard:
                name, _, kind = member.name.rpartition(".")
                if kind in ("webp", "json") and (file := shard.extractfile(member)):
                    data = file.read()
                    if kind == "webp":
                        pictures[name] = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
                    else:
                        cards[name] = _described(json.loads(data))
        for name in sorted(pictures.keys() & cards.keys()):
            images.append(pictures[name])
            metas.append(cards[name])
    if not images:
        raise ValueError(f"no renders in {', '.join(map(str, paths)) or 'no files'}: make some with `make world`")
    return Renders(images, metas)


def _described(card: Meta) -> Meta:
    """The card with today's names; the first packed renders have other ones, and their fish swim to the left
    where today's swim towards the front."""
    if "object" in card:
        return card
    view = card["view"]
    if card["cls"] == "fish" and view in ("front view", "side view", "back view"):
        off_front = abs((np.degrees(card["az"]) + 90 + 180) % 360 - 180)
        view = "front view" if off_front <= 45 else "side view" if off_front < 135 else "back view"
    return {
        "object": card["obj"], "kind": card["cls"], "phrase": card["phrase"], "view": view,
        "scene": card["bg"], "transparent": False,
    }  # fmt: skip


@dataclass(frozen=True)
class Framed:
    """A training picture, sRGB float32 [S, S, 3], with the words for what is around the object and for the
    view."""

    image: Picture
    surroundings: str
    view: str


def frame(image: Image8, meta: Meta, rng: np.random.Generator, size: int = 64, move: bool = True) -> Framed:
    """A render at size x size pixels: on a background if it has none; if `move`, flipped, shifted, scaled or
    cropped at random as well."""
    view = meta["view"]
    if move and rng.random() < 0.5:
        image = image[:, ::-1]
    if not meta["transparent"]:
        return Framed(_resized(image, None, size)[..., :3], meta["scene"], view)
    window, close = _window(image, rng) if move else (None, False)
    pixels = _resized(image, window, size)
    backdrop, word = background(size, rng)
    alpha = torch.from_numpy(pixels[..., 3:].copy())
    canvas = srgb_to_linear(torch.from_numpy(pixels[..., :3].copy())) * alpha + backdrop * (1 - alpha)
    surroundings = f", {word} background" if word else ""
    return Framed(linear_to_srgb(canvas).clamp(0, 1).numpy(), surroundings, CLOSE_UP if close else view)


def background(size: int, rng: np.random.Generator, unnamed: float = 0.15) -> tuple[torch.Tensor, str | None]:
    """What realify would put behind an object, linear [S, S, 3], and its word; some have none."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    if rng.random() < unnamed:
        return anything(size, generator), None
    name = str(rng.choice(list(BACKGROUNDS)))
    return around(BACKGROUNDS[name], size, generator), name


def _window(image: Image8, rng: np.random.Generator) -> tuple[Window, bool]:
    """A square of the render to show, and whether it makes a close-up."""
    full = image.shape[0]
    alpha = image[..., 3]
    if rng.random() < 0.12:
        rows, columns = np.nonzero(alpha > 128)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            side = full * float(rng.uniform(0.5, 0.7))
            return _square(columns[pick], rows[pick], side, alpha), True
    side = full * float(rng.uniform(0.86, 1.1))
    x, y = full / 2 + full * 0.05 * rng.normal(size=2)
    return _square(x, y, side, alpha), False


def _square(x: float, y: float, side: float, alpha: Image8) -> Window:
    """The square around a point; it stays inside where the render's border cuts the object off, for that cut
    must not be seen."""
    full = len(alpha)
    if max(alpha[[0, -1]].max(), alpha[:, [0, -1]].max()) > 0:
        side = min(side, full)
        x, y = np.clip((x, y), side / 2, full - side / 2)
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def _resized(image: Image8, window: Window | None, size: int) -> Picture:
    """float32 [size, size, 4], 0..1; colours of half-covered pixels are weighed by their alpha."""
    full = image.shape[0]
    window = window or (0.0, 0.0, full, full)
    margin = max(0, -int(np.floor(min(window))), int(np.ceil(max(window))) - full)
    if margin:
        wider = np.zeros((full + 2 * margin, full + 2 * margin, 4), np.uint8)
        wider[margin:-margin, margin:-margin] = image
        image = wider
    box = (window[0] + margin, window[1] + margin, window[2] + margin, window[3] + margin)
    picture = Image.fromarray(np.ascontiguousarray(image))
    if box != (0, 0, size, size):
        picture = picture.resize((size, size), Image.Resampling.HAMMING, box=box)
    return np.asarray(picture, np.float32) / 255


def wordings(meta: Meta, framed: Framed) -> tuple[str, ...]:
    """The ways to say what a picture shows, longest first; what is no photo is always called what it is."""
    medium = meta.get("medium", captions.PHOTO)
    said = captions.wordings(meta["phrase"], framed.view, framed.surroundings, medium)
    return said if medium == captions.PHOTO else tuple(words for words in said if words.startswith(medium))
