"""Score distillation alone beside score distillation and then the bridge, on six example sketches with the
same steps and seed. `python -m benchmarks.sds_against_bridge [--quick]`

Both begin with the same fitted body and the preset draft. Measured are 16 pictures of 64 pixels each,
photographed as the stages do, on the prior's plain backdrops, beside held-out renders of what the prior was
trained on (same kinds, not the same objects). Also writes docs/images/sds-against-bridge.png. What was done
once is kept in benchmarks/cache/ until code, settings or sketch change.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.picture_measures import Figures, measure
from benchmarks.shaping import digest_of, shaping
from benchmarks.workshop import PROMPTS, ROOT, SKETCHES, example, fitted
from benchmarks.yardstick import markdown, yardstick_ms
from distill.load import EMBEDDED, load_prior
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.stage import stage_runs
from realify.job.sheet import SheetRow, paint_sheet
from realify.result.render_views import BACKGROUND, draw_sketch
from realify.settings import Settings, apply, preset, to_dict
from realify.stages.plan import plan_stages
from realify.stages.random_views import ViewSetup, render_views, sample_setups
from realify.stages.rendered_body import RenderedBody
from sdf_fit.body.body import Body
from sdf_fit.body.targets import Targets, silhouette_targets
from sdf_fit.cameras import View, distance_for_fill
from sdf_fit.measures import silhouette_iou
from sdf_fit.render.backgrounds import plain
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.render.shading import STUDIO
from sdf_fit.render.surface import draw
from sdf_fit.sketch.read import Sketch

HEADER = ["", "saturation: SDS", "→ bridge", "renders", "clipped: SDS", "→ bridge", "renders",
          "high frequencies, %: SDS", "→ bridge", "renders", "silhouette IoU: SDS", "→ bridge"]  # fmt: skip
HERE = Path(__file__).parent
CACHE, SHEET = HERE / "cache", ROOT / "docs" / "images" / "sds-against-bridge.png"
VIEWS, SIZE = 16, 64
LARGE = 192  # pixels of the sheet's pictures
FRONT = View(azimuth=30.0, elevation=15.0, distance=distance_for_fill(0.95, 38.0), fovy=38.0)
SECONDS = (15.0, 0.25)  # of a fit and of a step, about, on a free core


@dataclass(frozen=True)
class Outcome:
    """What one arm made: pictures to measure [N, S, S, 3] and masks [N, S, S], one to look at, IoU."""

    images: np.ndarray
    masks: np.ndarray
    large: np.ndarray
    iou: float

    def save(self, path: Path) -> None:
        """As .npz, complete or not at all."""
        path.parent.mkdir(exist_ok=True)
        half = path.with_suffix(".part.npz")
        np.savez_compressed(half, images=self.images, masks=self.masks, large=self.large, iou=self.iou)
        half.replace(path)

    @staticmethod
    def load(path: Path) -> Outcome:
        """What `save` wrote."""
        with np.load(path) as found:
            return Outcome(found["images"], found["masks"], found["large"], float(found["iou"]))


def arms(settings: Settings) -> tuple[Settings, Settings]:
    """All steps by score distillation, and the settings as they are."""
    steps = settings.stage1.steps + settings.stage2.steps
    return apply(settings, {"stage1.steps": steps, "stage2.steps": 0}), settings


def outcomes(name: str, settings: Settings) -> tuple[Outcome, Outcome]:
    """Both arms' outcomes for a sketch, from the cache where they are in it."""
    paths = cached(name, settings)
    if not all(path.exists() for path in paths):
        sketch = example(name)
        body = fitted(sketch, settings)
        targets = silhouette_targets(sketch.mesh, sketch.stroke_width, NumbaRasterizer())
        for path, arm in zip(paths, arms(settings), strict=True):
            if not path.exists():
                start = time.perf_counter()
                prior = load_prior("embedded", "cpu", arm.prior.dtype)
                made = deepcopy(body)
                distil(name, made, targets, prior, arm)
                look(made, sketch, prior).save(path)
                print(f"{path.name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return Outcome.load(paths[0]), Outcome.load(paths[1])


def cached(name: str, settings: Settings) -> list[Path]:
    """Where both arms' outcomes are kept: the names hold a digest of all that they depend on."""
    digest = hashlib.sha256(_code() + (SKETCHES / f"{name}.glb").read_bytes())
    digest.update(json.dumps([PROMPTS[name], to_dict(settings)]).encode())
    return [CACHE / f"{name}-{arm}-{digest.hexdigest()[:12]}.npz" for arm in ("sds", "bridge")]


@functools.cache  # a file that is changed while this runs does not count: it is not what runs
def _code() -> bytes:
    """A digest of the code and the prior that the outcomes depend on."""
    return digest_of(shaped_by())


def shaped_by() -> list[Path]:
    """The files of both; `looks` has the background of the picture to look at."""
    own = [HERE / "workshop.py", Path(__file__), ROOT / "realify" / "result" / "render_views.py"]
    return [*shaping(), *own, *(path for path in EMBEDDED.rglob("*") if path.is_file())]


def distil(name: str, body: Body, targets: Targets, prior: Prior, settings: Settings) -> None:
    """Both stages on a body, as a job runs them."""
    prompts, renderer = PromptTable(prior, PROMPTS[name]), NumbaRasterizer(settings.threads)
    generator = torch.Generator().manual_seed(settings.seed)
    rendered = RenderedBody(body, prior, prompts, targets, renderer, settings)
    for stage in stage_runs(plan_stages(settings, prior.card.defaults), rendered, prior, generator):
        stage.run(lambda loss: None)


@torch.no_grad()
def look(body: Body, sketch: Sketch, prior: Prior) -> Outcome:
    """Photograph and measure a body."""
    renderer, surface = NumbaRasterizer(), body.surface()
    setting = replace(preset("draft").render, views=VIEWS, close_up=0.0, random_background=0.0)
    generator = torch.Generator().manual_seed(1)
    setups = [
        replace(setup, background=plain(prior.card.backgrounds[setup.background_word or ""], SIZE))
        for setup in sample_setups(setting, prior.card, SIZE, surface.vertices, generator)
    ]
    images = render_views(renderer, surface, body.material, setups, SIZE, setting.supersample)
    masks = draw(renderer, surface, [setup.view for setup in setups], SIZE).hit
    front = ViewSetup(FRONT, STUDIO, plain((BACKGROUND, BACKGROUND, BACKGROUND), LARGE), None, "")
    large = render_views(renderer, surface, body.material, [front], LARGE, supersample=2)[0]
    iou = silhouette_iou(body.mesh(), sketch, renderer)
    return Outcome(_bytes(images), masks.numpy(), _bytes(large), iou)


def _bytes(image: torch.Tensor) -> np.ndarray:
    return (image * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()


def renders(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The prior's held-out training renders of a kind: images [N, 64, 64, 3] uint8 and masks [N, 64, 64]."""
    sheet = np.asarray(Image.open(HERE / "data" / "renders.webp").convert("RGBA"))
    rows, columns = sheet.shape[0] // SIZE, sheet.shape[1] // SIZE
    tiles = sheet.reshape(rows, SIZE, columns, SIZE, 4).swapaxes(1, 2).reshape(-1, SIZE, SIZE, 4)
    cards = json.loads((HERE / "data" / "renders.json").read_text(encoding="utf-8"))
    chosen = tiles[[i for i, card in enumerate(cards) if card["kind"] == kind]]
    return chosen[..., :3], chosen[..., 3] > 0


def table(found: dict[str, tuple[Outcome, Outcome]]) -> list[list[str]]:
    """Rows under HEADER: each sketch, their mean, the yardstick."""
    figures, overlap = {}, {}
    for name, pair in found.items():
        figures[name] = [measure(made.images, made.masks) for made in pair] + [measure(*renders(name))]
        overlap[name] = [made.iou for made in pair]
    figures["mean"] = [Figures.mean(list(column)) for column in zip(*figures.values(), strict=True)]
    overlap["mean"] = np.mean(list(overlap.values()), axis=0).tolist()
    rows = []
    for name, three in figures.items():
        cells = [f"{each.saturation:.3f}" for each in three] + [f"{each.clipped:.3f}" for each in three]
        cells += [f"{each.high_frequencies:.2f}" for each in three] + [f"{iou:.3f}" for iou in overlap[name]]
        rows.append([name, *cells])
    return [*rows, ["yardstick: 1024³ float32 product, ms", f"{yardstick_ms():.1f}", *[""] * 10]]


def write_sheet(path: Path, found: dict[str, tuple[Outcome, Outcome]], settings: Settings) -> None:
    """Columns are sketches; rows the sketch, both arms, and four of the renders, enlarged."""
    first, second = settings.stage1.steps, settings.stage2.steps
    renderer = NumbaRasterizer()
    rows = {
        "sketch": [draw_sketch(example(name).mesh, [FRONT], LARGE, renderer)[0] for name in found],
        f"SDS alone, {first + second} steps": [pair[0].large for pair in found.values()],
        f"SDS, {first} steps, then the bridge, {second} steps": [pair[1].large for pair in found.values()],
        "held-out renders of what the embedded prior learnt from": [_four(renders(name)[0]) for name in found],
    }
    heads = SheetRow(captions=[PROMPTS[name].removeprefix("a photo of ") for name in found])
    path.parent.mkdir(parents=True, exist_ok=True)
    paint_sheet([heads, *(SheetRow(*row) for row in rows.items())], LARGE).save(path)


def _four(images: np.ndarray) -> np.ndarray:
    """Four pictures spread over the set, two by two, [LARGE, LARGE, 3]."""
    a, b, c, d = images[np.linspace(0, len(images) - 1, 4).round().astype(int)]
    tile = Image.fromarray(np.concatenate([np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)]))
    return np.asarray(tile.resize((LARGE, LARGE), Image.Resampling.BICUBIC))


def announce(names: list[str], settings: Settings) -> None:
    """Say how long it will take, so that nobody waits in the dark."""
    missing = [sum(not path.exists() for path in cached(name, settings)) for name in names]
    steps = sum(missing) * (settings.stage1.steps + settings.stage2.steps)
    seconds = SECONDS[0] * sum(map(bool, missing)) + SECONDS[1] * steps
    print(
        f"{sum(missing)} of {2 * len(names)} to be made: about {seconds / 60:.0f} minutes",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="two sketches, few steps: only to see that it runs")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    job, names = preset("draft"), list(PROMPTS)
    if quick:
        job, names = apply(job, {"fit.steps": 30, "stage1.steps": 6, "stage2.steps": 4}), names[:2]
    announce(names, job)
    results = {name: outcomes(name, job) for name in names}
    write_sheet(CACHE / "quick.png" if quick else SHEET, results, job)
    print(markdown(["QUICK: not the figures" if quick else "sketch", *HEADER[1:]], table(results)))
