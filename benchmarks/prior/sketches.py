"""Renders of fitted sketches, as the product shows them to a prior: its photograph, its guide, its words.

Held-out objects of the world have drawings of them beside their renders. They are read and fitted as a job does it, at
a small setting, and photographed from the cameras of the objects' own renders, before the same backgrounds.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.prior.held_out import Example, examples
from benchmarks.prior.sheets import Rows, guide_pictures, scale_rows
from distill.prior import Prior
from realify.stages.control_images import guide_picture
from realify.stages.random_views import shade_views
from realify.stages.rasterized_views import ViewSetup, rasterize_views
from sdf_fit.body.body import Body
from sdf_fit.cameras import camera_positions
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.render.shading import sample_light
from sdf_fit.sketch.read import Sketch, read_sketch
from training.card import EXPOSURE
from training.conditions import camera_of
from training.countdown import countdown
from training.pairs import fitted, in_work
from training.pictures import Renders
from training.world.numbering import is_dressed
from training.world.shards import read_shard

SUPERSAMPLE = 2
UPRIGHT = ("front view", "side view")


@dataclass(frozen=True)
class Fitted:
    """An object's render, with the guide of its fitted sketch in place of its own, and the product's photograph
    [S, S, 3] of that body from the same camera."""

    picture: Example
    photograph: np.ndarray


def fitted_sketches(shards: Sequence[Path], renders: Renders, count: int, size: int, seed: int) -> list[Fitted]:
    """Of `count` objects among these held-out renders that have a sketch, of different kinds.

    An object that wears another material in every view was sketched in its own: it is left out.
    """
    plain = renders.select(
        lambda meta: meta["transparent"] and meta["view"] in UPRIGHT and not is_dressed(meta["object"])
    )
    if not len(plain):
        return []
    shown = examples(plain, len(plain), np.random.default_rng(seed), size, move=False)
    wanted = {each.meta["object"]: each for each in {each.meta["kind"]: each for each in shown}.values()}
    sketches = read_sketches(shards, wanted)
    chosen = sorted(sketches)[:count]
    renderer = make_renderer("numba")
    return [
        photographed(fitted(sketches[number], renderer, number), sketches[number], wanted[number], renderer)
        for number in countdown(chosen, "fits")
    ]


def read_sketches(shards: Sequence[Path], objects: Container[int]) -> dict[int, Sketch]:
    """The sketches of these objects, where there are some."""
    found = {}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.glb"
        for shard in shards:
            for key, sample in read_shard(shard):
                if "sketch.glb" in sample and int(key) in objects:
                    file.write_bytes(sample["sketch.glb"])
                    found[int(key)] = read_sketch(file)
    return found


@torch.no_grad()
def photographed(body: Body, sketch: Sketch, picture: Example, renderer: Rasterizer) -> Fitted:
    """From the render's camera, before its background, in the product's own light."""
    framed = picture.framed
    assert framed.backdrop is not None, "a scene: wanted a render on a transparent film"
    view = in_work(camera_of(picture.meta), sketch)
    generator = torch.Generator().manual_seed(picture.meta["object"])
    light = sample_light(camera_positions([view])[0], generator, EXPOSURE)
    setup = ViewSetup(view, light, torch.from_numpy(framed.backdrop), None, framed.view)
    rasterized = rasterize_views(renderer, body.surface().detached(), [setup], framed.framing.size, SUPERSAMPLE)
    guide = guide_picture(rasterized, body.drawn, "textured", 1.0)[0].numpy()
    photograph = shade_views(rasterized, body.material)[0].numpy()
    return Fitted(Example(framed, picture.meta, guide), photograph)


def sketch_rows(prior: Prior, several: Sequence[Fitted], scales: Sequence[float], steps: int) -> Rows:
    """The product's photograph, its guide, samples under that, and the object's own photograph."""
    pictures = [each.picture for each in several]
    shown = [each if "guide" in prior.controls else Example(each.framed, each.meta) for each in pictures]
    return {
        "fitted sketch": np.stack([each.photograph for each in several]),
        **guide_pictures(pictures),
        **scale_rows(prior, shown, scales, steps),
        "photograph of the object": np.stack([each.image for each in pictures]),
    }
