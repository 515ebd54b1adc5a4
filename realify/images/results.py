"""What a 2D job writes: its pictures, with what made them in their text, and the account of the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from distill.images.overlay import TURNS, RotatedOverlays
from distill.images.picture import Picture
from realify.images.files import enlarged, png_bytes, sheet
from realify.images.job import ImageJob
from realify.job.atomic import write_atomic

LUMA = (0.2126, 0.7152, 0.0722)  # of sRGB (ITU-R BT.709)
FILMS: tuple[str, ...] = ("base", "rotator")


@dataclass(frozen=True)
class Made:
    """What a run has written, and what it took, earlier sittings included.

    `nfe`: forward passes of the network for each picture. `moved`, `kept`: of a painting, the root mean square of
    what changed (of 1) and the correlation of its brightness before and after.
    """

    files: list[str]
    folder: str
    done: int
    steps: int
    seconds: float
    cpu_seconds: float
    nfe: float
    rule: str
    seed: int
    prior: str
    lr: float
    warnings: list[str] = field(default_factory=list)
    moved: float | None = None
    kept: float | None = None


def write_pictures(job: ImageJob, picture: Picture, about: Mapping[str, Any]) -> list[Path]:
    """OUT.png: the pictures in a row, or of an illusion a sheet and the two films as OUT.base.png, OUT.rotator.png.

    Their text holds the job and `about`. Each file is written whole.
    """
    told = asdict(job) | {"out": job.out.name, "picture": job.picture.name if job.picture else None, **about}
    images = {job.out: enlarged(row(picture.images()), job.enlarge)}
    if isinstance(picture, RotatedOverlays):
        films: dict[str, Image.Image] = dict(zip(FILMS, map(to_image, picture.parameters()), strict=True))
        seen = zip(TURNS, job.prompts, picture.images(), strict=True)
        images = {job.out: sheet([films, {f"{turn}°: {prompt}": to_image(image) for turn, prompt, image in seen}])}
        images |= {job.out.with_suffix(f".{name}.png"): enlarged(film, job.enlarge) for name, film in films.items()}
    job.out.parent.mkdir(parents=True, exist_ok=True)
    for path, image in images.items():
        write_atomic(path, png_bytes(image, " | ".join(job.prompts), told))
    return list(images)


def change(before: Tensor, after: Tensor) -> tuple[float, float]:
    """How far a picture [H, H, 3] moved, and how much of its structure stayed: `Made.moved`, `Made.kept`."""
    greys = torch.stack([(image * image.new_tensor(LUMA)).sum(-1).flatten() for image in (before, after)])
    kept = float(torch.corrcoef(greys)[0, 1])
    return float((after - before).square().mean().sqrt()), kept if math.isfinite(kept) else 0.0


def row(images: Tensor) -> Image.Image:
    """[B, H, H, 3] side by side."""
    return to_image(torch.cat(list(images), 1))


def to_image(pixels: Tensor) -> Image.Image:
    """[H, W, 3] in 0..1, in 8 bits."""
    return Image.fromarray((pixels.detach() * 255).round().byte().cpu().numpy())
