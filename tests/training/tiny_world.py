"""Renders of discs and squares, drawn in place of the synthetic world's, with all that is known of them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from training import conditions
from training.conditions import Condition
from training.pictures import Known, Renders
from training.world.passes import light_bytes

COLORS = {"red": (200, 30, 25), "blue": (30, 60, 190)}


def tiny_renders(objects: range = range(25), views: int = 2, size: int = 64) -> Renders:
    """Two views of each object: "a red wooden disc", "a blue square", …"""
    images, metas, known = [], [], []
    for name in objects:
        kind, color = ("disc", "square")[name % 2], ("red", "blue")[name // 2 % 2]
        material = ("wooden", None, None)[name % 3]
        for view in range(views):
            images.append(_draw(kind, COLORS[color], size, np.random.default_rng((name, view))))
            known.append(_known(images[-1], COLORS[color]))
            phrase = " ".join(word for word in ("a", color, material, kind) if word)
            metas.append({
                "object": name, "kind": kind, "phrase": phrase, "color": color, "material": material,
                "view": ("front view", "side view")[view % 2], "scene": "", "transparent": True,
                "palette": [[value / 255 for value in COLORS[color]]],
            })  # fmt: skip
    return Renders(images, metas, list(known))


def _known(image: np.ndarray, color: tuple[int, int, int]) -> Known:
    """A flat thing that faces the camera in even light, of one material."""
    inside = image[..., 3] > 0
    light = np.full((len(image) // 2, len(image) // 2, 3), 0.7)
    base = np.dstack([np.where(inside[..., None], color, 0), image[..., 3]]).astype(np.uint8)
    normals = np.where(inside[..., None], (128, 128, 255), (128, 128, 128)).astype(np.uint8)
    return Known(light_bytes(light), base, normals, np.where(inside, 0, 255).astype(np.uint8))


def write_shard(path: Path, renders: Renders) -> Path:
    """As training.pictures.read_renders reads them, with their conditions beside."""
    known = [renders.known_of(number) for number in range(len(renders))]
    with tarfile.open(path, "w") as shard:
        for number, (image, meta) in enumerate(zip(renders.images, renders.metas, strict=True)):
            files = {"webp": _webp(image), "json": json.dumps(meta).encode()}
            if one := known[number]:
                files |= {"light.webp": _webp(one.light), "base.webp": _webp(one.base)}
            for kind, data in files.items():
                entry = tarfile.TarInfo(f"{number}.{kind}")
                entry.size = len(data)
                shard.addfile(entry, io.BytesIO(data))
    seen = {str(number): Condition(one.normals, one.slots) for number, one in enumerate(known) if one}
    if seen:
        conditions.keep(path, seen)
    return path


def _webp(pixels: np.ndarray) -> bytes:
    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "WEBP", lossless=True)
    return picture.getvalue()


def _draw(kind: str, color: tuple[int, int, int], size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5 - rng.uniform(-0.05, 0.05, (2, 1, 1))
    inside = x**2 + y**2 < 0.1 if kind == "disc" else np.maximum(abs(x), abs(y)) < 0.28
    light = (0.8 - 0.4 * y + 0.05 * rng.normal(size=y.shape))[..., None]
    pixels = np.where(inside[..., None], np.array(color) * light, 0)
    return np.dstack([pixels.clip(0, 255), inside * 255]).astype(np.uint8)
