"""Deployment pairs: photographs beside guides of the body that the product itself fits to a sketch of their object:
`python -m training.pairs --data data/world/*.tar`

Writes NAME.pairs.npz beside each shard NAME.tar that has none yet: for every view of an object with a sketch, what the
photograph's camera sees of the fitted body in the sketch's colours. Nothing that coarsens a true mesh is as like it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from realify.stages.control_images import normal_picture
from sdf_fit.body.body import Body
from sdf_fit.cameras import View
from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.render.shading import linear_to_srgb
from sdf_fit.render.surface import Surface, draw
from sdf_fit.sketch.read import Sketch, read_sketch
from training.conditions import Card, camera_of
from training.countdown import countdown
from training.world.numbering import is_dressed
from training.world.shards import PART, read_shard

GRID, STEPS, RESOLUTION, VIEWS, LR = 64, 60, 128, 2, 0.01
SAMPLES = 2  # along each side of a pixel


@dataclass(frozen=True)
class Fitted:
    """A fitted body from a photograph's camera, uint8: its sketch's colours, sRGB [S, S, 3], normals [S, S, 3] coded
    (n + 1) / 2 and weighed by coverage, and its coverage [S, S]."""

    colors: np.ndarray
    normals: np.ndarray
    coverage: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="the world's shards")
    parser.add_argument("--size", type=int, default=160, help="pixels of the shards' pictures")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    missing = [path for path in options.data if not beside(path).exists()]
    for path in countdown(missing, "pairs"):
        keep(path, dict(of_shard(path, make_renderer("numba"), options.size)))


def beside(shard: Path) -> Path:
    """Where a shard's pairs are."""
    return shard.with_suffix(".pairs.npz")


def keep(shard: Path, found: dict[str, Fitted]) -> None:
    """Writes a shard's pairs, by the names of their views."""
    part = beside(shard).with_suffix(f"{PART}{os.getpid()}")
    colors, normals, coverage = (
        np.array([getattr(one, name) for one in found.values()]) for name in Fitted.__dataclass_fields__
    )
    with part.open("wb") as file:
        np.savez_compressed(
            file, keys=np.array(list(found), dtype=str), colors=colors, normals=normals, coverage=coverage
        )
    part.replace(beside(shard))


def read(shard: Path) -> dict[str, Fitted]:
    """A shard's pairs by the names of their views, none where no body was fitted yet."""
    if not beside(shard).exists():
        return {}
    with np.load(beside(shard)) as file:
        columns = [file[name] for name in ("keys", *Fitted.__dataclass_fields__)]
    return {str(key): Fitted(*maps) for key, *maps in zip(*columns, strict=True)}


def of_shard(shard: Path, renderer: Rasterizer, size: int) -> Iterator[tuple[str, Fitted]]:
    """A pair for every view of an object that was sketched."""
    cards: dict[int, dict[str, Card]] = {}
    sketches: dict[int, bytes] = {}
    for key, sample in read_shard(shard):
        if "json" in sample:
            card = json.loads(sample["json"])
            cards.setdefault(card["object"], {})[key] = card
        elif "sketch.glb" in sample and not is_dressed(int(key)):  # a sketch has the colours of its own materials
            sketches[int(key)] = sample["sketch.glb"]
    for number, glb in sketches.items():
        sketch = _read(glb)
        body = fitted(sketch, renderer, number)
        surface = body.surface().detached()
        for key, card in cards[number].items():
            yield key, draw_fitted(renderer, surface, body, in_work(camera_of(card), sketch), size)


def _read(glb: bytes) -> Sketch:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.glb"
        file.write_bytes(glb)
        return read_sketch(file)


def fitted(sketch: Sketch, renderer: Rasterizer, seed: int) -> Body:
    """The product's fit, at a small setting."""
    return fit_sketch(
        sketch, renderer, make_extractor("tets", GRID),
        steps=STEPS, views_per_step=VIEWS, resolution=RESOLUTION, lr=LR, seed=seed,
    )  # fmt: skip


def in_work(view: View, sketch: Sketch) -> View:
    """The camera in the sketch's working frame, which is scaled and moved, but not turned."""
    work_from_world = np.linalg.inv(np.asarray(sketch.world_from_work, np.float64))
    scale = math.copysign(np.cbrt(abs(np.linalg.det(work_from_world[:3, :3]))), 1)
    target = work_from_world @ np.array([*view.target, 1.0])
    return replace(view, distance=view.distance * scale, target=(float(target[0]), float(target[1]), float(target[2])))


@torch.no_grad()
def draw_fitted(renderer: Rasterizer, surface: Surface, body: Body, view: View, size: int) -> Fitted:
    """What one camera of the working frame sees of the body in its sketch's colours."""
    drawing = draw(renderer, surface, [view], size * SAMPLES)
    hit = drawing.hit[..., None]
    colors = torch.zeros_like(drawing.position)
    colors[drawing.hit] = body.drawn(drawing.position[drawing.hit])[:, :3]
    normals = torch.where(hit, 2 * normal_picture(drawing, [view]) - 1, 0)
    sums = F.avg_pool2d(torch.cat([colors, normals, hit.float()], dim=-1).permute(0, 3, 1, 2), SAMPLES)[0]
    sums = sums.permute(1, 2, 0)
    coverage = sums[..., 6:]
    srgb = linear_to_srgb(sums[..., :3] / coverage.clamp(min=1e-3))
    return Fitted(*(_bytes(values) for values in (srgb, sums[..., 3:6] / 2 + 0.5, coverage[..., 0])))


def _bytes(values: torch.Tensor) -> np.ndarray:
    return (values.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


if __name__ == "__main__":
    main()
