"""Renders of discs and squares, drawn in place of the synthetic world's."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from training.pictures import Renders

COLORS = {"red": (200, 30, 25), "blue": (30, 60, 190)}


def tiny_renders(objects: range = range(25), views: int = 2, size: int = 64) -> Renders:
    """Two views of each object: "a red wooden disc", "a blue square", …"""
    images, metas = [], []
    for name in objects:
        kind, color = ("disc", "square")[name % 2], ("red", "blue")[name // 2 % 2]
        material = ("wooden", None, None)[name % 3]
        for view in range(views):
            images.append(_draw(kind, COLORS[color], size, np.random.default_rng((name, view))))
            phrase = " ".join(word for word in ("a", color, material, kind) if word)
            metas.append({
                "object": name, "kind": kind, "phrase": phrase, "color": color, "material": material,
                "view": ("front view", "side view")[view % 2], "scene": "", "transparent": True,
            })  # fmt: skip
    return Renders(images, metas)


def write_shard(path: Path, renders: Renders) -> Path:
    """As training.pictures.read_renders reads them."""
    with tarfile.open(path, "w") as shard:
        for number, (image, meta) in enumerate(zip(renders.images, renders.metas, strict=True)):
            picture = io.BytesIO()
            Image.fromarray(image).save(picture, "WEBP", lossless=True)
            for name, data in ((f"{number}.webp", picture.getvalue()), (f"{number}.json", json.dumps(meta).encode())):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                shard.addfile(entry, io.BytesIO(data))
    return path


def _draw(kind: str, color: tuple[int, int, int], size: int, rng: np.random.Generator) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5 - rng.uniform(-0.05, 0.05, (2, 1, 1))
    inside = x**2 + y**2 < 0.1 if kind == "disc" else np.maximum(abs(x), abs(y)) < 0.28
    light = (0.8 - 0.4 * y + 0.05 * rng.normal(size=y.shape))[..., None]
    pixels = np.where(inside[..., None], np.array(color) * light, 0)
    return np.dstack([pixels.clip(0, 255), inside * 255]).astype(np.uint8)
