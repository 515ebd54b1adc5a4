"""Renders become training pictures: put on backgrounds, moved, cropped, and captioned.

One transparent render serves many times over: on plain, gradient and noise backgrounds as realify's own
renderer makes them, with their words, shifted, scaled and cropped.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from sdf_fit.render.backgrounds import anything, around
from sdf_fit.render.shading import linear_to_srgb, srgb_to_linear
from training import conditions, pairs
from training.corruptions import Picture
from training.world import captions
from training.world.numbering import HELD_OUT_EVERY, OBJECTS_OF_A_SEED
from training.world.shards import read_shard

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
CROP_SHARE, CROPS = 0.15, (0.7, 0.85)  # of the pictures are cut out of a render, so much of its side
SMOOTH = Image.Resampling.HAMMING


@dataclass(frozen=True)
class Known:
    """What is known of a render beside itself, uint8: its light [S/2, S/2, 3] (training/world/passes.py codes it), its
    base colour [S, S, 4], and what the product's renderer sees (training/conditions.py): normals [S, S, 3] and slots
    [S, S]; of some objects also the body that the product fits to their sketch (training/pairs.py)."""

    light: Image8
    base: Image8
    normals: Image8
    slots: Image8
    fitted: pairs.Fitted | None = None


@dataclass(frozen=True)
class Renders:
    """N renders [S, S, 4] uint8, sRGB with straight alpha, each of its own size S, what is on them, and what else is
    known of them; nothing of those without passes or conditions."""

    images: list[Image8]
    metas: list[Meta]
    known: list[Known | None] | None = None

    def __len__(self) -> int:
        return len(self.metas)

    def known_of(self, index: int) -> Known | None:
        return self.known[index] if self.known else None

    def select(self, wanted: Callable[[Meta], bool]) -> Renders:
        """The renders whose description is wanted."""
        kept = [i for i, meta in enumerate(self.metas) if wanted(meta)]
        known = [self.known[i] for i in kept] if self.known else None
        return Renders([self.images[i] for i in kept], [self.metas[i] for i in kept], known)

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


def read_renders(paths: Sequence[Path], part: Split | None = None) -> Renders:
    """The renders of some shards (tar files of NAME.webp and NAME.json), or one part of them: the others' pictures are
    not even opened. Raises ValueError without any."""
    images: list[Image8] = []
    metas: list[Meta] = []
    known: list[Known | None] = []
    for path in paths:
        seen, fitted = conditions.read(path), pairs.read(path)
        for name, sample in sorted(read_shard(path)):
            if "webp" not in sample or "json" not in sample:
                continue
            meta = _described(json.loads(sample["json"]))
            if part in (None, split(meta)):
                images.append(_pixels(sample["webp"], "RGBA"))
                metas.append(meta)
                known.append(_known(sample, seen.get(name), fitted.get(name)))
    if not images:
        which = f"{part} renders" if part else "renders"
        raise ValueError(f"no {which} in {', '.join(map(str, paths)) or 'no files'}: make some with `make world`")
    return Renders(images, metas, known)


def _pixels(data: bytes, mode: str) -> Image8:
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def _known(
    sample: dict[str, bytes], condition: conditions.Condition | None, fitted: pairs.Fitted | None
) -> Known | None:
    if condition is None or "light.webp" not in sample:
        return None
    light, base = _pixels(sample["light.webp"], "RGB"), _pixels(sample["base.webp"], "RGBA")
    # copies: a view would keep the whole shard in memory
    return Known(light, base, condition.normals.copy(), condition.slots.copy())


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
class Framing:
    """Which part of a render becomes a training picture, `size` pixels wide: mirrored, and a square window of it (the
    whole render if None) that may make a close-up."""

    size: int
    mirrored: bool = False
    window: Window | None = None
    close_up: bool = False

    def cut(self, pixels: Image8, full: int | None = None, resample: Image.Resampling = SMOOTH) -> Picture:
        """float32 [size, size, C], 0..1, of a render's pixels uint8 [S, S, C] or of a map [s, s, C] of it.

        The window is in pixels of a render of `full` (S if None). Colours of half-covered pixels of four channels are
        weighed by their alpha; beside the render there are zeros.
        """
        scale = len(pixels) / (full or len(pixels))
        left, upper, right, lower = self.window or (0.0, 0.0, len(pixels) / scale, len(pixels) / scale)
        window = left * scale, upper * scale, right * scale, lower * scale
        return _resized(pixels[:, ::-1] if self.mirrored else pixels, window, self.size, resample)


@dataclass(frozen=True)
class Framed:
    """A training picture, sRGB float32 [S, S, 3], with the words for what is around the object and for the
    view; how it was framed; its coverage [S, S, 1] and its backdrop, linear [S, S, 3] (none for a scene)."""

    image: Picture
    surroundings: str
    view: str
    framing: Framing
    coverage: Picture | None = None
    backdrop: Picture | None = None


def frame(image: Image8, meta: Meta, rng: np.random.Generator, size: int = 64, move: bool = True) -> Framed:
    """A render at size x size pixels: on a background if it has none; if `move`, flipped, shifted, scaled or
    cropped at random as well."""
    framing = draw_framing(image, meta, rng, size) if move else Framing(size)
    if not meta["transparent"]:
        return Framed(framing.cut(image)[..., :3], meta["scene"], meta["view"], framing)
    pixels = framing.cut(image)
    backdrop, word = background(size, rng)
    surroundings = f", {word} background" if word else ""
    view = CLOSE_UP if framing.close_up else meta["view"]
    coverage, behind = pixels[..., 3:], backdrop.numpy()
    picture = on_backdrop(to_linear(pixels[..., :3]), coverage, behind)
    return Framed(picture, surroundings, view, framing, coverage, behind)


def on_backdrop(linear: Picture, coverage: Picture, backdrop: Picture) -> Picture:
    """sRGB [S, S, 3] of linear colours that cover a linear backdrop in part."""
    canvas = torch.from_numpy(linear * coverage + backdrop * (1 - coverage))
    return linear_to_srgb(canvas).clamp(0, 1).numpy()


def to_linear(srgb: Picture) -> Picture:
    return srgb_to_linear(torch.from_numpy(np.ascontiguousarray(srgb))).numpy()


def background(size: int, rng: np.random.Generator, unnamed: float = 0.15) -> tuple[torch.Tensor, str | None]:
    """What realify would put behind an object, linear [S, S, 3], and its word; some have none."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    if rng.random() < unnamed:
        return anything(size, generator), None
    name = str(rng.choice(list(BACKGROUNDS)))
    return around(BACKGROUNDS[name], size, generator), name


def draw_framing(image: Image8, meta: Meta, rng: np.random.Generator, size: int) -> Framing:
    """A random one: a square of the render to show; a scene is only mirrored."""
    mirrored = bool(rng.random() < 0.5)
    if not meta["transparent"]:
        return Framing(size, mirrored)
    image = image[:, ::-1] if mirrored else image
    full, alpha = image.shape[0], image[..., 3]
    if rng.random() < CROP_SHARE:
        rows, columns = np.nonzero(alpha > 128)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            side = full * float(rng.uniform(*CROPS))
            return Framing(size, mirrored, _square(columns[pick], rows[pick], side, alpha), close_up=True)
    side = full * float(rng.uniform(0.86, 1.1))
    x, y = full / 2 + full * 0.05 * rng.normal(size=2)
    return Framing(size, mirrored, _square(x, y, side, alpha))


def _square(x: float, y: float, side: float, alpha: Image8) -> Window:
    """The square around a point; it stays inside where the render's border cuts the object off, for that cut
    must not be seen."""
    full = len(alpha)
    if max(alpha[[0, -1]].max(), alpha[:, [0, -1]].max()) > 0:
        side = min(side, full)
        x, y = np.clip((x, y), side / 2, full - side / 2)
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def _resized(pixels: Image8, window: Window, size: int, resample: Image.Resampling) -> Picture:
    full = len(pixels)
    margin = max(0, -int(np.floor(min(window))), int(np.ceil(max(window))) - full)
    if margin:
        pixels = np.pad(pixels, [(margin, margin)] * 2 + [(0, 0)] * (pixels.ndim - 2))
    box = (window[0] + margin, window[1] + margin, window[2] + margin, window[3] + margin)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if box != (0, 0, size, size):
        picture = picture.resize((size, size), resample, box=box)
    return np.asarray(picture, np.float32) / 255


def wordings(meta: Meta, framed: Framed) -> tuple[str, ...]:
    """The ways to say what a picture shows, longest first; what is no photo is always called what it is."""
    medium = meta.get("medium", captions.PHOTO)
    said = captions.wordings(meta["phrase"], framed.view, framed.surroundings, medium)
    return said if medium == captions.PHOTO else tuple(words for words in said if words.startswith(medium))
