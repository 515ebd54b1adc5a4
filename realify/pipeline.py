"""The product in one file: a sketch and a sentence in, a realistic textured mesh out.

    read → fit → stage1 → stage2 → sample → bake → export

Every part is made here and passed on; nothing below looks anything up. docs/data_path.md is the same walk in
words.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

import torch

from distill.load import load_prior
from distill.precision import choose_device
from distill.prior import Prior
from distill.priors.options import Attention, PriorOptions, try_options
from distill.prompts import PromptTable
from distill.rules.stage import StagePlan, stage_runs
from realify.job.checkpoint import discard_checkpoint, load_checkpoint
from realify.job.events import STAGES, Advice, Event, Stage
from realify.job.previews import write_preview
from realify.job.run_folder import RESULT, SHEET, TURNTABLE
from realify.job.watch import Watch
from realify.result.bake import bake
from realify.result.contact_sheet import write_contact_sheet
from realify.result.export import write_body, write_glb
from realify.result.remesh import clean_body
from realify.result.turntable import write_turntable
from realify.result.unwrap import unwrap
from realify.settings import Settings
from realify.stages.plan import plan_stages
from realify.stages.random_views import count_pictures
from realify.stages.rendered_body import RenderedBody
from realify.stages.synchronised import SamplePlan, SampleRun, plan_sample
from sdf_fit.body.body import Body
from sdf_fit.body.targets import silhouette_targets
from sdf_fit.extract import Extractor, make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render import Rasterizer, make_renderer
from sdf_fit.sketch.read import Sketch, read_sketch

log = logging.getLogger("realify")


@dataclass(frozen=True)
class Tools:
    """What every stage works with."""

    settings: Settings
    device: torch.device
    renderer: Rasterizer
    extractor: Extractor
    watch: Watch


@dataclass(frozen=True)
class Result:
    """Files in the run folder, and all that the user was warned of."""

    glb: Path
    contact_sheet: Path
    turntable: Path | None
    warnings: tuple[str, ...]


class PriorLoader(Protocol):
    """distill.load.load_prior, or one that keeps what it loaded for the next job (server/worker/warm_prior.py)."""

    def __call__(self, name: str, device: str, dtype: str, *, revision: str | None, options: PriorOptions) -> Prior: ...


def run(
    sketch_file: Path,
    prompt: str,
    settings: Settings,
    folder: Path,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
    *,
    name: str | None = None,
    load: PriorLoader = load_prior,
    on_checkpoint: Callable[[], None] = lambda: None,
    keep_checkpoint: bool = False,
) -> Result:
    """The whole job in its run folder, going on from the folder's checkpoint if there is one.

    `name` is the object's in the GLB, the sketch file's if None; on_checkpoint() hears of each checkpoint once it is
    on disk; keep_checkpoint leaves the last one there, for a caller who has yet to put the result in its place.

    Raises realify.job.events.Stopped once should_stop() said so (from the first distillation step on with a
    checkpoint on disk), and the parts' own errors: SketchError, PromptError, MissingPrior, NonFiniteError, …
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = load_checkpoint(folder)
    watch = Watch(folder, _expected(settings), settings.checkpoint, on_event, should_stop, on_checkpoint)
    tools = _tools(settings, watch)
    sketch = _read(sketch_file, tools)
    sketch = replace(sketch, name=name or sketch.name)
    # before the fit, so that a missing prior, or a prompt or settings it cannot use, is known at once
    prior = _load_prior(load, tools)
    plans, sample = _plan(prior, tools)
    prompts = PromptTable(prior, prompt)
    tools.watch.warn(*sketch.warnings, *prompts.warnings)
    tools.watch.follow(prior.notes)

    body = _restore(checkpoint, tools) if checkpoint else _fit(sketch, tools)
    _distil(sketch, body, plans, sample, prior, prompts, checkpoint, tools)
    result = _finish(sketch, body, prompt, tools)
    if not keep_checkpoint:
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
    tools = _tools(settings, Watch(out.parent, _expected(settings), settings.checkpoint, on_event, should_stop))
    sketch = _read(sketch_file, tools)
    tools.watch.warn(*sketch.warnings)
    write_body(out, _fit(sketch, tools).mesh(), sketch.world_from_work)


def _expected(settings: Settings) -> list[Stage]:
    """The job's stages; how long sampling is may be left to the prior."""
    steps = {"read": 1, "fit": settings.fit.steps, "stage1": settings.stage1.steps, "stage2": settings.stage2.steps}
    steps |= {"sample": 0, "bake": 2, "export": 2}
    return [Stage(name, steps[name], seconds) for name, seconds in STAGES.items()]


def _tools(settings: Settings, watch: Watch) -> Tools:
    torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    renderer = make_renderer(settings.backend, device, settings.threads)
    return Tools(settings, device, renderer, make_extractor(settings.extract, settings.fit.grid, device), watch)


def _read(file: Path, tools: Tools) -> Sketch:
    tools.watch.begin("read")
    how = tools.settings.sketch
    sketch = read_sketch(file, up=how.up, scale=how.scale, front=how.front)
    tools.watch.done("read", 1)
    return sketch


def _load_prior(load: PriorLoader, tools: Tools) -> Prior:
    wanted = tools.settings.prior
    options = PriorOptions(
        compile=wanted.compile,
        channels_last=wanted.channels_last,
        attention=cast(Attention, wanted.attention),
        controlnet=wanted.controlnet,
        controlnet_scale=wanted.controlnet_scales,
    )
    prior = load(wanted.name, str(tools.device), wanted.dtype, revision=wanted.revision or None, options=options)
    if options != PriorOptions():
        # of the size of a step under two prompts, for which torch.compile then has its code
        try_options(prior, options, 2 * count_pictures(tools.settings.render, prior.views))
    parts = tools.device, tools.renderer.name, tools.extractor.name, prior.name, str(prior.dtype)
    log.info("device %s, backend %s, extractor %s, prior %s, %s", *parts)
    return prior


def _fit(sketch: Sketch, tools: Tools) -> Body:
    """The paper's first step: an SDF fitted to multi-view renders of the sketch."""
    fit, watch = tools.settings.fit, tools.watch
    watch.begin("fit")
    return fit_sketch(
        sketch,
        tools.renderer,
        tools.extractor,
        steps=fit.steps,
        views_per_step=fit.views,
        resolution=fit.resolution,
        lr=fit.lr,
        seed=tools.settings.seed,
        device=tools.device,
        on_step=lambda step, loss: watch.done("fit", step + 1, loss),
    )


def _restore(checkpoint: dict[str, Any], tools: Tools) -> Body:
    return Body.from_state(checkpoint["body"], tools.extractor, tools.device)


def _plan(prior: Prior, tools: Tools) -> tuple[tuple[StagePlan, StagePlan], SamplePlan]:
    """The two stages of distillation, and sampling, which may have no steps."""
    sample = plan_sample(tools.settings, prior)
    tools.watch.expect(Stage(sample.name, sample.steps, STAGES[sample.name] * sample.effort))
    return plan_stages(tools.settings, prior.card.defaults), sample


def _distil(
    sketch: Sketch,
    body: Body,
    plans: tuple[StagePlan, StagePlan],
    sample: SamplePlan,
    prior: Prior,
    prompts: PromptTable,
    checkpoint: dict[str, Any] | None,
    tools: Tools,
) -> None:
    """The stages that the prior takes part in, from the checkpoint's place on."""
    settings, renderer = tools.settings, tools.renderer
    generator = torch.Generator().manual_seed(settings.seed)
    sampling = checkpoint is not None and checkpoint["stage"] == sample.name

    def draw(preview: Path) -> None:
        write_preview(preview, body, renderer)

    if not sampling:
        silhouettes = silhouette_targets(sketch.mesh, sketch.stroke_width, renderer, tools.device)
        rendered = RenderedBody(body, prior, prompts, silhouettes, renderer, settings)
        for stage in stage_runs(plans, rendered, prior, generator, checkpoint):
            tools.watch.run(stage, draw)
    if sample.steps:
        stage = SampleRun(sample, body, prior, prompts, renderer, settings, generator)
        if checkpoint and sampling:
            stage.restore(checkpoint)
        tools.watch.run(stage, draw)


def _tell(told: Sequence[warnings.WarningMessage], watch: Watch) -> None:
    """Advice to the user, what libraries say to the log."""
    for each in told:
        if issubclass(each.category, Advice):
            watch.warn(str(each.message))
        else:
            log.warning("%s", warnings.formatwarning(each.message, each.category, each.filename, each.lineno).strip())


def _finish(sketch: Sketch, body: Body, prompt: str, tools: Tools) -> Result:
    """Even triangles, texture, files."""
    settings, watch = tools.settings, tools.watch
    output, folder = settings.output, watch.folder
    watch.begin("bake")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mesh = unwrap(clean_body(body.mesh(), output.faces), output.texture_size)
    watch.done("bake", 1)
    _tell(told, watch)
    textures = bake(mesh, body.material, output.texture_size, tools.renderer, tools.device)
    watch.done("bake", 2)

    watch.begin("export")
    glb, sheet = folder / RESULT, folder / SHEET
    turntable = folder / TURNTABLE if output.turntable else None
    extras = {"prompt": prompt, "seed": settings.seed}
    write_glb(glb, mesh, textures, sketch.world_from_work, sketch.name, extras)
    watch.done("export", 1)
    painter = make_renderer("numba", "cpu", settings.threads)
    write_contact_sheet(sheet, sketch.mesh, mesh, textures, painter, prompt)
    if turntable:
        write_turntable(turntable, mesh, textures, painter)
    watch.done("export", 2)
    return Result(glb, sheet, turntable, tuple(watch.warnings))
