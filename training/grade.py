"""Grades a prior on objects it has never seen:
`python -m training.grade --prior distill/embedded --data SHARDS [--classifier FILE] [--out docs/grades.json]`

Prints markdown. With --out also writes it, the figures as JSON, and sample sheets beside. `--only descriptors
retrieval sheets samples` takes parts; `--quick` only shows that everything runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distill.load import load_prior
from distill.prior import Prior
from training.classifier import load_classifier, vocabulary
from training.grade_descriptors import grade_descriptors
from training.grade_descriptors import report as report_descriptors
from training.grade_retrieval import grade_retrieval
from training.grade_retrieval import report as report_retrieval
from training.grade_samples import draw_samples, grade_samples, scale_sheet, word_sheet
from training.grade_samples import report as report_samples
from training.held_out import embedded, examples, halves
from training.labels import photographs
from training.pictures import Renders, read_renders


@dataclass(frozen=True)
class Plan:
    """How much of everything. `pairs` of clean and spoilt pictures for each descriptor; `pictures` for
    retrieval under `draws` of noise; `samples` to compare; sheets at `scales`."""

    pairs: int = 64
    pictures: int = 120
    draws: int = 8
    severity: float = 0.7
    samples: int = 256
    steps: int = 25
    scales: tuple[float, ...] = (1.0, 3.0, 4.5, 7.5)
    columns: int = 8
    seed: int = 0


QUICK = Plan(pairs=4, pictures=4, draws=2, samples=12, steps=2, scales=(1.0, 3.0), columns=2)


@dataclass(frozen=True)
class Job:
    """A prior, held-out renders, a classifier's file or none, where sheets go, and how much to do."""

    prior: Prior
    renders: Renders
    classifier: Path | None
    out: Path | None
    plan: Plan

    def sheet(self, name: str) -> Path:
        """Where a sheet goes: beside the figures, or into out/."""
        base = self.out or Path("out/grades.json")
        return base.with_name(f"{base.stem}-{name}.png")


@dataclass(frozen=True)
class Grade:
    """A part's figures as plain values, and a table of them."""

    figures: Any
    text: str


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


def prepare(options: argparse.Namespace) -> Job:
    """Everything read."""
    given = {name: vars(options)[name] for name in Plan.__dataclass_fields__ if vars(options)[name] is not None}
    plan = replace(QUICK if options.quick else Plan(), **given)
    renders = photographs(read_renders(options.data).of("held_out"))
    return Job(load_prior(options.prior, options.device, options.dtype), renders, options.classifier, options.out, plan)


def describe(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """What stands above the figures."""
    objects = len({meta["object"] for meta in job.renders.metas})
    day = datetime.date.today().isoformat()
    title = f"{'QUICK, not the figures: ' if options.quick else ''}{options.prior} on {day}"
    title += f", {len(job.renders)} held-out renders of {objects} objects, seed {job.plan.seed}"
    return {"title": title, "prior": options.prior, "date": day, "objects": objects, "plan": asdict(job.plan)}


def descriptors(job: Job) -> Grade:
    """Cosines of the bridge's direction."""
    rng = np.random.default_rng(job.plan.seed)
    pictures = examples(job.renders, job.plan.pairs, rng, job.prior.style.resolution)
    found = grade_descriptors(job.prior, pictures, job.plan.severity, job.plan.seed)
    return Grade(
        {name: {**asdict(one), "passes": one.passes} for name, one in found.items()}, report_descriptors(found)
    )


def retrieval(job: Job) -> Grade:
    """Caption retrieval."""
    rng = np.random.default_rng(job.plan.seed + 1)
    pictures = examples(job.renders, job.plan.pictures, rng, job.prior.style.resolution)
    words = vocabulary(job.renders)
    found = grade_retrieval(job.prior, pictures, words, job.plan.draws, job.plan.severity, job.plan.seed)
    return Grade({name: asdict(one) for name, one in found.items()}, report_retrieval(found))


def sheets(job: Job) -> Grade:
    """Sample sheets: guidance scales, and what each word does."""
    captions = sheet_captions(job)
    scales, words = job.sheet("scales"), job.sheet("words")
    scale_sheet(job.prior, captions, job.plan.scales, scales, job.plan.steps, job.plan.seed)
    word_sheet(job.prior, captions, words, job.plan.steps, job.plan.seed)
    return Grade({"sheets": [scales.name, words.name], "captions": captions}, f"![scales]({scales.name})\n\n"
                 f"![words]({words.name})")  # fmt: skip


def sheet_captions(job: Job) -> list[str]:
    """Captions of held-out pictures, of as many kinds as there are columns."""
    rng = np.random.default_rng(job.plan.seed + 2)
    by_kind: dict[str, str] = {}
    for each in examples(job.renders, 40 * job.plan.columns, rng, job.prior.style.resolution):
        by_kind.setdefault(each.meta["kind"], each.caption)
    return list(by_kind.values())[: job.plan.columns]


def samples(job: Job) -> Grade:
    """Agreement with the classifier, and distances from held-out renders."""
    plan, prior = job.plan, job.prior
    rng = np.random.default_rng(plan.seed + 3)
    real, others = (examples(part, plan.samples, rng, prior.style.resolution) for part in halves(job.renders))
    prompts = embedded(prior, [each.caption for each in real], prior.style.target_suffix)
    drawn = draw_samples(prior, prompts, plan.steps, None, plan.seed, "samples")
    classifier = load_classifier(job.classifier) if job.classifier else None
    grades = grade_samples(drawn, real, others, classifier, plan.seed)
    return Grade(asdict(grades), report_samples(grades))


PARTS: dict[str, Callable[[Job], Grade]] = {
    "descriptors": descriptors,
    "retrieval": retrieval,
    "sheets": sheets,
    "samples": samples,
}


def write(path: Path, head: dict[str, Any], grades: dict[str, Grade]) -> None:
    """The figures as JSON, the tables as markdown beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {**head, **{name: grade.figures for name, grade in grades.items()}}
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    parts = [f"## {name}\n\n{grade.text}" for name, grade in grades.items()]
    text = "\n\n".join(["# Grades of the prior", head["title"], *parts])
    path.with_suffix(".md").write_text(text + "\n", encoding="utf-8")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; counts that are not given are those of the plan."""
    parser = argparse.ArgumentParser(description="Grades a prior on objects it has never seen.")
    parser.add_argument("--prior", default="embedded", help="embedded, or a folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="shards of renders (tar files)")
    parser.add_argument("--classifier", type=Path, help="made by training.classifier; for the part samples")
    parser.add_argument("--out", type=Path, help="the JSON file to write")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART",
                        help=f"of {', '.join(PARTS)}")  # fmt: skip
    for name in ("pairs", "pictures", "draws", "samples", "steps", "columns", "seed"):
        parser.add_argument(f"--{name}", type=int, help=f"default {getattr(Plan, name)}")
    parser.add_argument("--severity", type=float, help=f"of corruptions, 0 to 1; default {Plan.severity}")
    parser.add_argument("--scales", type=float, nargs="+", help=f"of the sheet; default {Plan.scales}")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--quick", action="store_true", help="few of everything: only to see that it runs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
