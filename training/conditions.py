"""What the product's renderer sees of the world's objects from the cameras of their pictures:
`python -m training.conditions --data data/world/*.tar`

Writes NAME.conditions.npz beside each shard NAME.tar that has none yet: for every view the normals and the material's
number at each pixel, of the true mesh, by the product's own rasteriser and conventions.
"""

from __future__ import annotations

import argparse
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from torch import Tensor

from realify.stages.control_images import normal_picture
from sdf_fit.cameras import View, camera_positions
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.render.surface import Drawing, Surface, draw
from training.countdown import countdown
from training.world.shards import PART, read_shard

NOTHING = 255  # the slot where there is no surface
SAMPLES = 2  # along each side of a pixel
Card = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """normals [S, S, 3] uint8, coded (n + 1) / 2 and weighed by coverage, so .5 beside the object; slots [S, S]
    uint8: the material's number, NOTHING beside it."""

    normals: np.ndarray
    slots: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="the world's shards")
    parser.add_argument("--size", type=int, default=160, help="pixels of the shards' pictures")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    renderer = make_renderer("numba")
    missing = [path for path in options.data if not beside(path).exists()]
    for path in countdown(missing, "conditions"):
        keep(path, of_shard(path, renderer, options.size))


def beside(shard: Path) -> Path:
    """Where a shard's conditions are."""
    return shard.with_suffix(".conditions.npz")


def keep(shard: Path, found: dict[str, Condition]) -> None:
    """Writes a shard's conditions, by the names of its views."""
    part = beside(shard).with_suffix(f"{PART}{os.getpid()}")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            keys=np.array(list(found)),
            normals=np.stack([condition.normals for condition in found.values()]),
            slots=np.stack([condition.slots for condition in found.values()]),
        )
    part.replace(beside(shard))


def read(shard: Path) -> dict[str, Condition]:
    """A shard's conditions by the names of its views, none where they were not drawn yet."""
    if not beside(shard).exists():
        return {}
    with np.load(beside(shard)) as file:
        columns = [file[name] for name in ("keys", "normals", "slots")]
    return {str(key): Condition(*maps) for key, *maps in zip(*columns, strict=True)}


def of_shard(shard: Path, renderer: Rasterizer, size: int) -> dict[str, Condition]:
    """The conditions of every view whose object has a true mesh."""
    cards: dict[str, Card] = {}
    things: dict[int, tuple[Surface, Tensor]] = {}
    for key, sample in read_shard(shard):
        if "json" in sample:
            cards[key] = json.loads(sample["json"])
        elif "mesh.glb" in sample:
            things[int(key)] = _surface(sample["mesh.glb"], sample["slots.npy"])
    return {
        key: draw_condition(renderer, *things[card["object"]], camera_of(card), size)
        for key, card in cards.items()
        if card["object"] in things
    }


def _surface(glb: bytes, slots: bytes) -> tuple[Surface, Tensor]:
    """A true mesh, and the material of each of its vertices [V]."""
    mesh: Any = trimesh.load(io.BytesIO(glb), file_type="glb", force="mesh", process=False)
    vertices = torch.from_numpy(np.asarray(mesh.vertices, np.float32))
    faces = torch.from_numpy(np.asarray(mesh.faces, np.int32))
    return Surface.of(vertices, faces), torch.from_numpy(np.load(io.BytesIO(slots)))


def camera_of(card: Card) -> View:
    """The picture's camera, in the frame and the lengths of the true mesh."""
    return View(card["azimuth"], card["elevation"], card["distance"], card["fovy"], tuple(card["target"]))


@torch.no_grad()
def draw_condition(renderer: Rasterizer, surface: Surface, slots: Tensor, view: View, size: int) -> Condition:
    """What one camera sees of a surface whose vertices [V] are of these materials."""
    drawing = facing(draw(renderer, surface, [view], size * SAMPLES), view)
    hit = drawing.hit[..., None]
    normals = torch.where(hit, 2 * normal_picture(drawing, [view]) - 1, 0)
    normals = F.avg_pool2d(normals.permute(0, 3, 1, 2), SAMPLES)[0].permute(1, 2, 0)
    # a part has one material: any corner of the triangle tells it
    triangle = drawing.rast[0, ::SAMPLES, ::SAMPLES, 3].long()
    corner = surface.faces[(triangle - 1).clamp(min=0), 0].long()
    seen = torch.where(triangle > 0, slots[corner].long(), NOTHING)
    return Condition(
        ((normals + 1) / 2 * 255 + 0.5).to(torch.uint8).numpy(), seen.to(torch.uint8).numpy()
    )


def facing(drawing: Drawing, view: View) -> Drawing:
    """With its normals turned towards the camera, as those of the product's closed bodies are: parts of the world's
    objects are open, or inside out."""
    to_camera = camera_positions([view])[:, None, None] - drawing.position
    away = (drawing.normal * to_camera).sum(dim=-1, keepdim=True) < 0
    return replace(drawing, normal=torch.where(away, -drawing.normal, drawing.normal))


if __name__ == "__main__":
    main()
