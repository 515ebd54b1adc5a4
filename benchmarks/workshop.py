"""What several benchmarks begin with: an example sketch, its prompt, and a body fitted as a job does it."""

from __future__ import annotations

from pathlib import Path

import torch

from realify.settings import Settings
from sdf_fit.body.body import Body
from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch.read import Sketch, read_sketch

ROOT = Path(__file__).parents[1]
SKETCHES = ROOT / "examples" / "sketches"
PROMPTS = {
    "mushroom": "a photo of a red mushroom",
    "flower": "a photo of a pink flower",
    "mug": "a photo of a blue ceramic mug",
    "apple": "a photo of a red apple",
    "chair": "a photo of a wooden chair",
    "house": "a photo of a brick house with a red roof",
}


def example(name: str) -> Sketch:
    """The example sketch of that name."""
    return read_sketch(SKETCHES / f"{name}.glb")


def fitted(sketch: Sketch, settings: Settings) -> Body:
    """The body that a job with these settings begins its two stages with; on the CPU, by numba."""
    torch.set_num_threads(settings.threads)
    fit = settings.fit
    return fit_sketch(
        sketch,
        NumbaRasterizer(settings.threads),
        make_extractor(settings.extract, fit.grid),
        steps=fit.steps,
        views_per_step=fit.views,
        resolution=fit.resolution,
        lr=fit.lr,
        seed=settings.seed,
    )
