"""The product in one file: a sketch and a sentence in, a realistic textured mesh out.

    read → fit → sds → bridge → bake → export

Every part is made here and passed on; nothing below looks anything up. docs/data_path.md is the same walk in
words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from distill.load import load_prior
from distill.precision import choose_device
from distill.prior import Prior
from distill.prompts import PromptTable
from realify.bake import bake
from realify.checkpoint import discard_checkpoint, load_checkpoint
from realify.contact_sheet import write_contact_sheet
from realify.events import Event
from realify.export import write_body, write_glb
from realify.remesh import clean_body
from realify.settings import Settings
from realify.stages import StagePlan, StageRun, plan_stages
from realify.turntable import write_turntable
from realify.unwrap import unwrap
from realify.watch import Watch
from sdf_fit.body import Body
from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.sketch import Sketch, read_sketch
from sdf_fit.targets import silhouette_targets

log = logging.getLogger("realify")


@dataclass(frozen=True)
class Result:
    """Files in the run folder, and all that the user was warned of."""

    glb: Path
    contact_sheet: Path
    turntable: Path | None
    warnings: tuple[str, ...]


def run(
    sketch_file: Path,
    prompt: str,
    settings: Settings,
    folder: Path,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> Result:
    """The whole job in its run folder, going on from the folder's checkpoint if there is one.

    Raises realify.events.Stopped once should_stop() said so (from the first distillation step on with a
    checkpoint on disk), and the parts' own errors: SketchError, PromptError, MissingPrior, NonFiniteError, …
    """
    torch.set_num_threads(settings.threads)
    folder.mkdir(parents=True, exist_ok=True)
    device = choose_device(settings.device)
    renderer = make_renderer(settings.backend, device, settings.threads)
    watch = Watch(settings, folder, on_event, should_stop)
    checkpoint = load_checkpoint(folder)

    sketch = _read(sketch_file, settings, watch)
    # before the fit, so that a missing prior, or a prompt or settings it cannot use, is known at once
    prior = load_prior(
        settings.prior.name, str(device), settings.prior.dtype, revision=settings.prior.revision or None
    )
    log.info(
        "device %s, backend %s, extractor %s, prior %s, %s",
        device, renderer.name, settings.extract, prior.name, prior.dtype,
    )  # fmt: skip
    plans = plan_stages(settings, prior.style.defaults)
    prompts = PromptTable(prior, prompt)
    watch.warn("read", *prompts.warnings, *prior.notes)

    if checkpoint:
        body = _body_of(checkpoint, settings, device)
    else:
        body = _fit(sketch, settings, renderer, device, watch)
    _distil(sketch, body, plans, prior, prompts, settings, renderer, device, watch, checkpoint)
    result = _finish(sketch, body, prompt, settings, renderer, device, watch)
    discard_checkpoint(folder)
    return result


def fit(
    sketch_file: Path,
    settings: Settings,
    out: Path,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Only the fit: a closed body in the sketch's colours and place, as a GLB (or what `out` ends in)."""
    torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    watch = Watch(settings, out.parent, on_event, should_stop)
    sketch = _read(sketch_file, settings, watch)
    renderer = make_renderer(settings.backend, device, settings.threads)
    body = _fit(sketch, settings, renderer, device, watch)
    write_body(out, body.mesh(), sketch.world_from_work)


def _read(file: Path, settings: Settings, watch: Watch) -> Sketch:
    watch.begin("read")
    how = settings.sketch
    sketch = read_sketch(file, up=how.up, scale=how.scale, front=how.front)
    watch.warn("read", *sketch.warnings)
    watch.done("read", 1)
    return sketch


def _fit(
    sketch: Sketch, settings: Settings, renderer: Rasterizer, device: torch.device, watch: Watch
) -> Body:
    """The paper's first step: an SDF fitted to multi-view renders of the sketch."""
    watch.begin("fit")
    return fit_sketch(
        sketch,
        renderer,
        make_extractor(settings.extract, settings.fit.grid, device),
        steps=settings.fit.steps,
        views_per_step=settings.fit.views,
        resolution=settings.fit.resolution,
        lr=settings.fit.lr,
        seed=settings.seed,
        device=device,
        on_step=lambda step, loss: watch.done("fit", step + 1, loss),
    )


def _body_of(checkpoint: dict[str, Any], settings: Settings, device: torch.device) -> Body:
    extractor = make_extractor(settings.extract, settings.fit.grid, device)
    return Body.from_state(checkpoint["body"], extractor, device)


def _distil(
    sketch: Sketch,
    body: Body,
    plans: Sequence[StagePlan],
    prior: Prior,
    prompts: PromptTable,
    settings: Settings,
    renderer: Rasterizer,
    device: torch.device,
    watch: Watch,
    checkpoint: dict[str, Any] | None,
) -> None:
    """The two stages, from the checkpoint's place on."""
    silhouettes = silhouette_targets(sketch.mesh, sketch.stroke_width, renderer, device)
    generator = torch.Generator().manual_seed(settings.seed)
    reached = [plan.name for plan in plans].index(checkpoint["stage"]) if checkpoint else 0
    for plan in plans[reached:]:
        stage = StageRun(plan, body, prior, prompts, silhouettes, renderer, settings, generator)
        if checkpoint and plan.name == checkpoint["stage"]:
            stage.restore(checkpoint)
            watch.resume(plan.name, stage.step)
        else:
            watch.begin(plan.name, stage)
        stage.run(partial(watch.after_step, stage, renderer))


def _finish(
    sketch: Sketch,
    body: Body,
    prompt: str,
    settings: Settings,
    renderer: Rasterizer,
    device: torch.device,
    watch: Watch,
) -> Result:
    """Even triangles, texture, files."""
    output, folder = settings.output, watch.folder
    watch.begin("bake")
    mesh = unwrap(clean_body(body.mesh(), output.faces), output.texture_size)
    watch.done("bake", 1)
    textures = bake(mesh, body.material, output.texture_size, renderer, device)
    watch.done("bake", 2)

    watch.begin("export")
    glb, sheet = folder / "result.glb", folder / "result.png"
    turntable = folder / "result.webp" if output.turntable else None
    extras = {"prompt": prompt, "seed": settings.seed}
    write_glb(glb, mesh, textures, sketch.world_from_work, sketch.name, extras)
    watch.done("export", 1)
    painter = make_renderer("numba", "cpu", settings.threads)
    write_contact_sheet(sheet, sketch.mesh, mesh, textures, painter, prompt)
    if turntable:
        write_turntable(turntable, mesh, textures, painter)
    watch.done("export", 2)
    return Result(glb, sheet, turntable, tuple(watch.warnings))
