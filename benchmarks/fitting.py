"""The fit of a body to strokes: its time, and how near it comes to the shape that was drawn.
`python -m benchmarks.fitting [--quick]`

Precision is the share of the body's surface within .03 of the drawn shape's (working units: the sketch's
bounding sphere has radius .9), recall the share of the drawn shape's surface near the body's. Targets: at
most 35 s on a free core, both at least .93.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.yardstick import markdown, yardstick_ms
from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.measures import precision_recall, silhouette_iou
from sdf_fit.mesh import Mesh
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch.read import read_sketch
from tests.sdf_fit.sketch.hard_sketches import (
    chair_truth,
    hull_soup,
    hull_truth,
    ribbon_vase,
    tube_chair,
    vase_truth,
)

HEADER = ["strokes", "seconds", "precision", "recall", "silhouette IoU", "faces"]
DISTANCE = 0.03
SKETCHES: dict[str, tuple[Callable[[Path], Path], Callable[[], Mesh | Sequence[Mesh]]]] = {
    "vase of ribbons, 5 mm gaps": (ribbon_vase, vase_truth),
    "vase of ribbons, 10 mm gaps": (partial(ribbon_vase, gap=0.010), vase_truth),
    "chair of tubes": (tube_chair, chair_truth),
    "twelve hulls": (hull_soup, hull_truth),
}


@dataclass(frozen=True)
class Effort:
    """Cells along each side, pixels, steps of two views; and which sketches."""

    grid: int = 64
    resolution: int = 256
    steps: int = 300
    sketches: tuple[str, ...] = tuple(SKETCHES)

    def __str__(self) -> str:
        return f"{self.grid}³, {self.resolution} px, {self.steps} steps of 2 views"


QUICK = Effort(48, 128, 60, ("vase of ribbons, 5 mm gaps",))


def run(effort: Effort, folder: Path) -> list[list[str]]:
    """Rows under HEADER; the yardstick comes last."""
    torch.set_num_threads(1)
    _fit(ribbon_vase(folder), Effort(16, 32, 1))  # compiles what is not compiled yet
    rows = []
    for name in effort.sketches:
        draw, truth = SKETCHES[name]
        file = draw(folder)
        start = time.perf_counter()
        body = _fit(file, effort)
        seconds = time.perf_counter() - start
        sketch = read_sketch(file)
        drawn, to_work = truth(), np.linalg.inv(sketch.world_from_work)
        parts = [part.transformed(to_work) for part in ([drawn] if isinstance(drawn, Mesh) else drawn)]
        precision, recall = precision_recall(body, parts, DISTANCE)
        iou = silhouette_iou(body, sketch, NumbaRasterizer())
        rows.append([name, f"{seconds:.1f}", f"{precision:.3f}", f"{recall:.3f}", f"{iou:.3f}", str(len(body.faces))])
    return [
        *rows,
        ["target", "≤ 35", "≥ .93", "≥ .93", "", ""],
        ["yardstick: 1024³ float32 product", f"{yardstick_ms() / 1e3:.4f}", "", "", "", ""],
    ]


def _fit(file: Path, effort: Effort) -> Mesh:
    """A file of strokes to a closed body, all that `realify fit` does but for writing the file."""
    extractor = make_extractor("tets", effort.grid, torch.device("cpu"))
    body = fit_sketch(
        read_sketch(file),
        NumbaRasterizer(),
        extractor,
        steps=effort.steps,
        views_per_step=2,
        resolution=effort.resolution,
    )
    return body.mesh()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one sketch, coarsely: only to see that it runs")
    chosen = QUICK if parser.parse_args().quick else Effort()
    note = ", QUICK: not the figures" if chosen == QUICK else ""
    with tempfile.TemporaryDirectory() as temporary:
        print(markdown([f"{HEADER[0]}; {chosen}{note}", *HEADER[1:]], run(chosen, Path(temporary))))
