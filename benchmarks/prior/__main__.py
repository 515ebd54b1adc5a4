"""Grades a prior on objects it has never seen:
`python -m benchmarks.prior --prior distill/embedded --data SHARDS [--classifier FILE] [--out docs/grades/prior.json]`

Prints markdown, the goals first. With --out also writes it, the figures as JSON, and sample sheets beside. A prior that
wants guides is graded under guides as coarse as a real sketch's. About ten minutes on a free core at 128 pixels;
`--only descriptors retrieval …` takes parts, `--quick` only shows that everything runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.prior import captions as captions_part
from benchmarks.prior import descriptors as descriptors_part
from benchmarks.prior import goals as goals_module
from benchmarks.prior import materials as materials_part
from benchmarks.prior import retrieval as retrieval_part
from benchmarks.prior import samples as samples_part
from benchmarks.prior.classifier import Classifier, load_classifier, vocabulary
from benchmarks.prior.features import WEIGHTS
from benchmarks.prior.goals import Grade
from benchmarks.prior.held_out import Example, examples, guidable, halves, prompts_of
from benchmarks.prior.labels import photographs
from benchmarks.prior.sampling import draw_samples
from benchmarks.prior.sheets import Rows, held_out_rows, material_rows, word_rows, write_sheet
from benchmarks.prior.sketches import fitted_sketches, sketch_rows
from distill.load import load_prior
from distill.prior import Prior
from training.pictures import Renders, read_renders

ATTRIBUTES = ("kind", "color", "material")  # that retrieval asks for


@dataclass(frozen=True)
class Plan:
    """How much of everything: `pairs` of clean and spoilt pictures for each descriptor; `pictures` for each attribute
    of retrieval, and for the captions, under `draws` of noise; `samples` to compare; `objects` under each material
    word; sheets of `columns` at `scales`, and of so many `sketches`."""

    pairs: int = 16
    pictures: int = 20
    draws: int = 4
    severity: float = 0.7
    samples: int = 64
    objects: int = 12
    steps: int = 20
    scales: tuple[float, ...] = (1.0, 2.0, 4.0)
    columns: int = 8
    sketches: int = 4
    seed: int = 0


QUICK = Plan(pairs=2, pictures=2, draws=1, samples=8, objects=2, steps=2, scales=(1.0,), columns=2, sketches=1)


@dataclass(frozen=True)
class Job:
    """A prior, the shards and their held-out renders, a classifier's file, where sheets go, and how much to do."""

    prior: Prior
    shards: Sequence[Path]
    renders: Renders
    classifier_file: Path
    out: Path | None
    plan: Plan

    @property
    def guided(self) -> bool:
        return "guide" in self.prior.controls

    @cached_property
    def classifier(self) -> Classifier:
        return load_classifier(self.classifier_file)

    def draw(self, count: int, part: int, renders: Renders | None = None, move: bool = True) -> list[Example]:
        """Pictures for a part, its own: with guides if the prior wants them."""
        rng = np.random.default_rng((self.plan.seed, part))
        size = self.prior.card.resolution
        return examples(self.renders if renders is None else renders, count, rng, size, self.guided, move)

    def sheet(self, name: str, rows: Rows, captions: Sequence[str]) -> Grade:
        """Written beside the figures, or into out/."""
        base = self.out or Path("out/grades.json")
        path = base.with_name(f"{base.stem}-{name}.webp")
        write_sheet(rows, captions, path)
        return Grade({"sheet": path.name, "captions": list(captions)}, f"![{name}]({path.name})")


def main(arguments: Sequence[str] | None = None) -> None:
    """Grades what the command line asks for; writes after each part, so that nothing done is lost."""
    options = parse(arguments)
    torch.set_num_threads(1)
    job = prepare(options)
    head = describe(job, options)
    print(head["title"], flush=True)
    grades: dict[str, Grade] = {}
    for name in options.only:
        grades[name] = PARTS[name](job)
        print(f"\n### {name}\n\n{grades[name].text}", flush=True)
        if job.out:
            write(job.out, head, grades)
    print(f"\n### goals\n\n{all_goals(grades)}", flush=True)


def prepare(options: argparse.Namespace) -> Job:
    """Everything read."""
    given = {name: vars(options)[name] for name in Plan.__dataclass_fields__ if vars(options)[name] is not None}
    plan = replace(QUICK if options.quick else Plan(), **given)
    prior = load_prior(options.prior, options.device, options.dtype)
    renders = photographs(read_renders(options.data, "held_out"))
    if "guide" in prior.controls:
        renders = guidable(renders)
    return Job(prior, options.data, renders, options.classifier, options.out, plan)


def describe(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """What stands above the figures."""
    objects = len({meta["object"] for meta in job.renders.metas})
    day = datetime.date.today().isoformat()
    title = f"{'QUICK, not the figures: ' if options.quick else ''}{options.prior} on {day}"
    title += f", {len(job.renders)} held-out renders of {objects} objects, seed {job.plan.seed}, "
    title += f"{job.prior.card.resolution} pixels, {'under guides' if job.guided else 'without guides'}"
    return {"title": title, "prior": options.prior, "date": day, "objects": objects, "plan": asdict(job.plan)}


def descriptors(job: Job) -> Grade:
    """Cosines of the bridge's direction."""
    found = descriptors_part.grade_descriptors(job.prior, job.draw(job.plan.pairs, 0), job.plan.severity, job.plan.seed)
    figures = {name: {**asdict(one), "passes": one.passes} for name, one in found.items()}
    return Grade(figures, descriptors_part.report(found), descriptors_part.goals(found))


def retrieval(job: Job) -> Grade:
    """Caption retrieval, with and without guides."""
    plan, words = job.plan, vocabulary(job.renders)
    pictures = job.draw(4 * plan.pictures, 1)
    ways = {"guided": pictures} if job.guided else {}
    ways["unguided"] = retrieval_part.unguided(pictures)
    asked = {name: words[name] for name in ATTRIBUTES if name in words}
    found = {
        how: retrieval_part.grade_retrieval(job.prior, several, asked, plan.pictures, plan.draws, plan.seed)
        for how, several in ways.items()
    }
    figures = {how: {name: asdict(one) for name, one in each.items()} for how, each in found.items()}
    return Grade(figures, retrieval_part.report(found))


def captions(job: Job) -> Grade:
    """What another picture's caption costs."""
    found = captions_part.grade_captions(job.prior, job.draw(2 * job.plan.pictures, 2), job.plan.draws, job.plan.seed)
    return Grade(asdict(found), captions_part.report(found), captions_part.goals(found))


def samples(job: Job) -> Grade:
    """Agreement with the classifier, distances from held-out renders, speckle, and whether a guide was bettered."""
    plan = job.plan
    real, others = (job.draw(plan.samples, 3, half) for half in halves(job.renders))
    prompts = prompts_of(job.prior, real, job.prior.card.target_suffix)
    drawn = draw_samples(job.prior, prompts, plan.steps, None, plan.seed, "samples")
    found = samples_part.grade_samples(drawn, real, others, job.classifier, plan.seed)
    return Grade(asdict(found), samples_part.report(found), samples_part.goals(found))


def materials(job: Job) -> Grade:
    """One guide under six material words; nothing for a prior without guides."""
    if not job.guided:
        return Grade({}, "This prior sees no guide.")
    plan, size = job.plan, job.prior.card.resolution
    pictures = materials_part.open_pictures(job.renders, plan.objects, np.random.default_rng(plan.seed + 4), size)
    drawn = materials_part.draw_materials(job.prior, pictures, plan.steps, plan.seed)
    found = materials_part.grade_materials(job.classifier, pictures, drawn, job.draw(12 * plan.objects, 4))
    kinds = [each.meta["kind"] for each in pictures]
    sheet = job.sheet("materials", material_rows(pictures, drawn), kinds)
    return Grade(
        asdict(found) | sheet.figures, f"{materials_part.report(found)}\n\n{sheet.text}", materials_part.goals(found)
    )


def sheets(job: Job) -> Grade:
    """Samples of held-out pictures, of as many kinds as there are columns."""
    by_kind: dict[str, Example] = {}
    for each in job.draw(10 * job.plan.columns, 5):
        by_kind.setdefault(each.meta["kind"], each)
    pictures = list(by_kind.values())[: job.plan.columns]
    rows = held_out_rows(job.prior, pictures, job.plan.scales, job.plan.steps)
    return job.sheet("held-out", rows, [each.caption for each in pictures])


def sketches(job: Job) -> Grade:
    """Samples of the product's own renders of fitted sketches."""
    plan, size = job.plan, job.prior.card.resolution
    several = fitted_sketches(job.shards, job.renders, plan.sketches, size, plan.seed)
    if not several:
        return Grade({}, "No held-out object of these shards has a sketch.")
    rows = sketch_rows(job.prior, several, plan.scales, plan.steps)
    return job.sheet("sketches", rows, [each.picture.caption for each in several])


def words(job: Job) -> Grade:
    """What quality words and descriptors do to samples; a long one, asked for by --only."""
    pictures = job.draw(job.plan.columns, 6)
    return job.sheet("words", word_rows(job.prior, pictures, job.plan.steps), [each.caption for each in pictures])


PARTS: dict[str, Callable[[Job], Grade]] = {
    "sheets": sheets,
    "materials": materials,
    "sketches": sketches,
    "samples": samples,
    "descriptors": descriptors,
    "retrieval": retrieval,
    "captions": captions,
    "words": words,
}
USUAL = [name for name in PARTS if name != "words"]
COUNTS = [name for name in Plan.__dataclass_fields__ if name not in ("severity", "scales")]


def all_goals(grades: dict[str, Grade]) -> str:
    return goals_module.table([goal for grade in grades.values() for goal in grade.goals])


def write(path: Path, head: dict[str, Any], grades: dict[str, Grade]) -> None:
    """The figures as JSON, the tables as markdown beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {**head, "goals": [asdict(goal) for grade in grades.values() for goal in grade.goals]}
    figures |= {name: grade.figures for name, grade in grades.items()}
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    parts = [f"## {name}\n\n{grade.text}" for name, grade in grades.items()]
    text = "\n\n".join(["# Grades of the prior", head["title"], "## goals", all_goals(grades), *parts])
    path.with_suffix(".md").write_text(text + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; counts that are not given are those of the plan."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prior", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--prior", default="embedded", help="embedded, or a folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="shards of renders (tar files)")
    parser.add_argument("--classifier", type=Path, default=WEIGHTS / "classifier.safetensors",
                        help="made by benchmarks.prior.classifier; by default the one that benchmarks use")  # fmt: skip
    parser.add_argument("--out", type=Path, help="the JSON file to write")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=USUAL, metavar="PART",
                        help=f"of {', '.join(PARTS)}; by default all but words")  # fmt: skip
    for name in COUNTS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=f"default {getattr(Plan, name)}")
    parser.add_argument("--severity", type=float, help=f"of corruptions, 0 to 1; default {Plan.severity}")
    parser.add_argument("--scales", type=float, nargs="+", help=f"of the sheets; default {Plan.scales}")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--quick", action="store_true", help="few of everything: only to see that it runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
