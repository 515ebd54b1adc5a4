"""Our own first-stage results as pictures of artefacts: `python -m training.stage_one --objects 100`

What the second stage must mend is what the first one really leaves. Objects of the synthetic world are sketched,
the sketches fitted and distilled with SDS alone, as a job does it but shorter, half of them with far too
much guidance, half without holding to the sketch's colours; then they are photographed on a transparent
background. One shard for each object, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from distill.load import load_prior
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.stage import StageRun
from realify.settings import Settings, preset
from realify.stages.plan import plan_stages
from realify.stages.random_views import ViewSetup, sample_setups
from realify.stages.rendered_body import RenderedBody
from sdf_fit.body.body import Body
from sdf_fit.body.targets import silhouette_targets
from sdf_fit.extract import make_extractor
from sdf_fit.fit import fit_sketch
from sdf_fit.render import make_renderer
from sdf_fit.sketch.read import Sketch, read_sketch
from training.countdown import countdown
from training.cutouts import camera_card, cutouts
from training.pictures import split
from training.world.captions import caption
from training.world.dice import Dice
from training.world.kinds import KINDS
from training.world.numbering import OBJECTS_OF_A_SEED, kind_of, object_dice, object_number, recipe_dice, sketch_dice
from training.world.shards import PART, ShardWriter
from training.world.sketch import sketch_glb
from training.world.thing import Thing
from training.world.views import CLOSE_UP_SHARE

VIEWS, SIZE = 16, 128
FIT_STEPS = 120
STEPS = (150, 250)
USUAL_GUIDANCE, EXCESSIVE_GUIDANCE = (12.0, 30.0), (30.0, 100.0)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Job:
    """One object, to be made with a prior into a shard."""

    number: int
    prior: str
    path: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes what is missing; returns the process's exit status."""
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    os.environ.update(ONE_THREAD)  # read by children as they load torch and numba
    for part in options.out.glob(f"*{PART}"):
        part.unlink()  # of a run that was killed
    jobs = [job for job in jobs_of(options) if not job.path.exists()]
    complaints = list(filter(None, _made(jobs, options.processes)))
    print(*complaints, sep="\n", file=sys.stderr)
    return 1 if complaints else 0


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """The first objects of the seed that training may see, in turn of their kinds."""
    numbers = (object_number(options.seed, index) for index in range(OBJECTS_OF_A_SEED))
    chosen = [number for number in numbers if split({"object": number}) == "train"][: options.objects]
    name = Path(options.prior).name
    return [Job(number, options.prior, options.out / f"stage-one-{name}-{number:09d}.tar") for number in chosen]


def _made(jobs: Sequence[Job], processes: int) -> list[str]:
    """Complaints of all jobs, "" where all went well."""
    if processes == 1:
        torch.set_num_threads(1)
        return [attempt(job) for job in countdown(jobs, "stage one")]
    with multiprocessing.get_context("spawn").Pool(processes, initializer=_begin) as pool:
        waiting = zip(countdown(jobs, "stage one"), pool.imap_unordered(attempt, jobs), strict=False)
        return [complaint for _, complaint in waiting]


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
    torch.set_num_threads(1)


def attempt(job: Job) -> str:
    """Makes one object's shard; what went wrong, else ""."""
    try:
        make(job)
        return ""
    except Exception:
        return f"object {job.number}: {traceback.format_exc()}"


def make(job: Job) -> None:
    """One object's sketch, body, first stage and photographs."""
    thing = KINDS[kind_of(job.number, sorted(KINDS))](object_dice(job.number))
    sketch = sketched(thing, job.number)
    dice = recipe_dice(job.number)
    prior = load_prior(job.prior, "cpu")
    settings = recipe(dice, prior.card.defaults.keep_colors, job.number)
    body = distilled(sketch, caption(thing.phrase), prior, settings)
    with ShardWriter(job.path) as shard:
        setups = _shots(prior, body, settings.seed)
        pictures = cutouts(make_renderer("numba"), body.surface().detached(), body.material, setups, SIZE)
        for index, (picture, setup) in enumerate(zip(pictures, setups, strict=True)):
            shard.add_view(job.number, index, picture, card(job, thing, setup, settings))


def sketched(thing: Thing, number: int) -> Sketch:
    """The object's sketch as a job reads it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sketch.glb"
        file.write_bytes(sketch_glb(thing.model.normalised(), sketch_dice(number)))
        return read_sketch(file)


def recipe(dice: Dice, keep_colors: float, seed: int) -> Settings:
    """A short draft for the first stage; guidance is too strong in half, colours are free in half and held by
    `keep_colors` in the others."""
    draft = preset("draft")
    low, high = EXCESSIVE_GUIDANCE if dice.chance(0.5) else USUAL_GUIDANCE
    guidance = low * (high / low) ** dice.uniform(0, 1)
    keep = 0.0 if dice.chance(0.5) else keep_colors
    return replace(
        draft,
        seed=seed,
        fit=replace(draft.fit, steps=FIT_STEPS),
        stage1=replace(draft.stage1, steps=dice.integer(*STEPS), strength=guidance),
        color=replace(draft.color, keep=keep),
    )


def distilled(sketch: Sketch, prompt: str, prior: Prior, settings: Settings) -> Body:
    """The sketch's body after the first stage."""
    renderer, fit = make_renderer("numba"), settings.fit
    extractor = make_extractor(settings.extract, fit.grid)
    body = fit_sketch(
        sketch, renderer, extractor,
        steps=fit.steps, views_per_step=fit.views, resolution=fit.resolution, lr=fit.lr, seed=settings.seed,
    )  # fmt: skip
    targets = silhouette_targets(sketch.mesh, sketch.stroke_width, renderer)
    plan, _ = plan_stages(settings, prior.card.defaults)
    generator = torch.Generator().manual_seed(settings.seed)
    rendered = RenderedBody(body, prior, PromptTable(prior, prompt), targets, renderer, settings)
    StageRun(plan, rendered, prior, generator).run(lambda loss: None)
    return body


@torch.no_grad()
def _shots(prior: Prior, body: Body, seed: int) -> list[ViewSetup]:
    how = replace(preset("draft").render, views=VIEWS, close_up=CLOSE_UP_SHARE)
    generator = torch.Generator().manual_seed(seed + 1)
    return sample_setups(how, prior.card, SIZE, body.surface().vertices, generator)


def card(job: Job, thing: Thing, setup: ViewSetup, settings: Settings) -> dict[str, Any]:
    """What is known of a picture: as in the world's shards, and how it was made."""
    return {
        "object": job.number,
        "kind": thing.kind,
        "phrase": thing.phrase,
        "color": thing.color,
        "material": thing.material,
        "view": setup.view_word,
        "scene": "",
        "caption": caption(thing.phrase, setup.view_word),
        "transparent": True,
        "artefact": True,
        **camera_card(setup.view),
        "prior": Path(job.prior).name,
        "steps": settings.stage1.steps,
        "guidance_scale": settings.stage1.strength,
        "keep_colors": settings.color.keep,
    }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data/stage_one"), help="folder of the shards")
    parser.add_argument("--objects", type=int, required=True, help="those that are there already count")
    parser.add_argument("--seed", type=int, default=8, help="of the world's objects")
    parser.add_argument("--prior", default="embedded", help="embedded, or a prior's folder")
    parser.add_argument("--processes", type=int, default=1, help="objects at a time, a thread each")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
