"""The figures as docs/realism.md and as a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.prior.goals import Goal
from benchmarks.prior.goals import table as table_of_goals
from benchmarks.realism.arms import ARMS
from benchmarks.realism.figures import Aim, Array, Evidence, Row
from benchmarks.realism.objects import LARGE, TestObject
from benchmarks.realism.result import NEAR, in_work
from benchmarks.yardstick import markdown
from realify.job.sheet import PAPER, SheetRow, paint_sheet
from realify.result.render_views import draw_sketch
from realify.settings import Settings
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch.read import read_sketch

# The last arm's goals: at least so much, or at most where it is negative.
WANTED = {
    ("KID, classifier features", "64"): -0.25,
    ("agreement on the kind", "64"): 0.75,
    ("agreement on the material", "64"): 0.60,
    ("spectrum gap, dB", "64"): -1.8,
    ("silhouette IoU with the sketch", ""): 0.95,
}
BETTER = ("KID, classifier features", "C2ST accuracy, classifier features")


def table(rows: Sequence[Row]) -> str:
    """A line for each figure: every arm, the renders, and each arm against the one before it."""
    arms = list(rows[0].arms)
    pairs = list(pairwise(arms))
    header = ["measure", "pixels", "better", *(ARMS[arm].title for arm in arms), "renders"]
    header += [text for one, other in pairs for text in (f"{other} − {one}", f"{other} better")]
    return markdown(header, [_cells(row, pairs) for row in rows])


def _cells(row: Row, pairs: Sequence[tuple[str, str]]) -> list[str]:
    deviation = row.deviation or {}
    cells = [_spread(values, deviation.get(arm)) for arm, values in row.arms.items()]
    renders = "" if row.renders is None else _spread(row.renders, deviation.get("renders"))
    against = [
        text for one, other in pairs
        for text in (_difference(row.arms[other] - row.arms[one]), _wins(row.goal, row.arms[one], row.arms[other]))
    ]  # fmt: skip
    return [row.name, row.pixels, row.goal, *cells, renders, *against]


def _spread(values: Array, subsets: float | None = None) -> str:
    """Mean ± standard deviation over seeds; over objects; over subsets (of KID)."""
    text = f"{values.mean():.3f}"
    if len(values) > 1:
        text += f" ± {values.mean(axis=1).std(ddof=1):.3f}"
    if values.shape[1] > 1:
        text += f"; {values.mean(axis=0).std(ddof=1):.3f}"
    return text if subsets is None else f"{text} ({subsets:.3f})"


def _difference(values: Array) -> str:
    """Mean ± standard error, over objects where they are told apart, else over seeds."""
    independent = values.mean(axis=0) if values.shape[1] > 1 else values[:, 0]
    if len(independent) < 2:
        return f"{values.mean():+.3f}"
    return f"{values.mean():+.3f} ± {independent.std(ddof=1) / np.sqrt(len(independent)):.3f}"


def _wins(goal: Aim, before: Array, after: Array) -> str:
    """In how many of the comparisons the second is better."""
    if goal == "as renders":
        return ""
    worse = {"lower": lambda x: x, "higher": lambda x: -x, "½": lambda x: np.abs(x - 0.5)}[goal]
    return f"{int((worse(after) < worse(before)).sum())} of {before.size}"


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What the last arm has to reach, and that the bridge has to be better than score distillation alone."""
    found = {(row.name.partition(" (")[0], row.pixels): row for row in rows}
    last = list(rows[0].arms)[-1]
    goals = [
        _goal(f"{name}, {pixels} pixels" if pixels else name, float(found[name, pixels].arms[last].mean()), wanted)
        for (name, pixels), wanted in WANTED.items()
        if (name, pixels) in found
    ]
    for name in BETTER:
        row = found.get((name, "64"))
        if row is not None and {"sds", "bridge"} <= set(row.arms):
            sds, bridge = (float(row.arms[arm].mean()) for arm in ("sds", "bridge"))
            goals.append(Goal(f"{name}: bridge against SDS", f"{bridge:.3f} against {sds:.3f}", "less", bridge < sds))
    return goals


def _goal(name: str, value: float, wanted: float) -> Goal:
    """A negative one is a limit from above."""
    met = value <= -wanted if wanted < 0 else value >= wanted
    return Goal(name, f"{value:.3f}", f"{'≤' if wanted < 0 else '≥'} {abs(wanted):g}", met)


def page(sections: Sequence[tuple[str, Sequence[Row]]], evidence: Evidence, settings: Settings, preset: str) -> str:
    """docs/realism.md: a table for each prior."""
    things, total = evidence.things, settings.stage1.steps + settings.stage2.steps
    references = len(things[0].references) // len(things[0].views)
    views = len(things[0].views)
    phrases = "; ".join(f"{thing.phrase}" for thing in things)
    lines = [
        "# Realism",
        "",
        "Written by `make bench-realism`. Held-out objects of the synthetic world are drawn as sketches in virtual "
        f"reality, and `realify run` makes objects of them again: {_ways(evidence)}; {total} steps of distillation "
        f"either way ({settings.stage1.steps} + {settings.stage2.steps}; preset {preset}, "
        f"{settings.render.views} views a step). Objects: {phrases}; {evidence.seeds} seeds; each result is "
        f"photographed from the {views} cameras that the object was rendered from, in the product's own random light.",
        "",
        f"Distances are those to Cycles renders of other objects with the same words ({references} for each object, "
        f"{views} views each). The column *renders* is what the objects' own renders reach: the floor. All pictures "
        "stand on the same eight plain backgrounds and went through the same compression. The renders are exposed by "
        "the light and go through Khronos PBR Neutral, as the product's pictures nearly do: "
        "[decisions/tone.md](decisions/tone.md). Figures from before that are of another ruler.",
        "",
    ]
    for name, rows in sections:
        if len(sections) > 1:
            lines += [f"## Prior: {name}", ""]
        lines += [table(rows), "", table_of_goals(goals(rows)), ""]
    lines += [
        "Mean ± standard deviation over seeds; after the semicolon, over objects; in brackets, over KID's subsets. "
        "KID, Fréchet distance and C2ST take all objects together, the others each by itself. Differences of two arms: "
        "mean ± standard error over objects, or over seeds where objects are taken together; *better*: of all pairs "
        "of equal object and seed, or of equal seed. The goals are those of the last arm.",
        "",
        "- **KID, Fréchet distance**: on features, each scaled to deviation 1 over the references, of our own small "
        "classifiers, or of the same network untrained. At 128 pixels the network sees the larger picture. No FID: "
        "that means another network and 50,000 pictures; compare only within this page. *By object*: KID of each "
        "object's pictures and those of its own phrase, which sees finer differences than all kinds mixed. Its "
        "floor is not 0: the references are other objects, and views and backgrounds are spread evenly, not drawn.",
        "- **C2ST**: accuracy of a logistic regression on those features that tells results and references of phrases "
        "it has not seen apart; .5 is chance.",
        "- **spectrum gap**: root mean square over the octaves between the radial power spectra.",
        "- **saturation**: (max − min) / max over the object's inner pixels. Its *gap* is the distance to the "
        "references' saturation.",
        "- **agreement**: how often a classifier says the caption's word of a picture.",
        f"- **F-score**: at {NEAR} of the object's bounding radius, over points that can be seen from outside.",
        "",
        "![sketch, results of each arm, render](images/realism.png)",
        "",
    ]
    return "\n".join(lines)


def _ways(evidence: Evidence) -> str:
    """What the arms do, in words."""
    words = {
        "sds": "by score distillation alone (SDS)",
        "bridge": "by score distillation and the bridge",
        "sampled": "by both and then synchronised sampling",
    }
    return "once " + ", once ".join(words[arm] for arm in evidence.outcomes)


def sheet(evidence: Evidence) -> Image.Image:
    """Rows are objects; columns the sketch, the arms (first seed) and a render, from one camera."""
    titles = ["sketch", *(ARMS[arm].title for arm in evidence.outcomes), "a render of the true object"]
    rows = [SheetRow(captions=titles)]
    for number, thing in enumerate(evidence.things):
        results = [seeds[0][number].front for seeds in evidence.outcomes.values()]
        rows.append(SheetRow(thing.prompt, [_sketch(thing), *results, _render(thing)]))
    return paint_sheet(rows, LARGE)


def _sketch(thing: TestObject) -> Array:
    sketch = read_sketch(thing.sketch)
    return draw_sketch(sketch.mesh, [in_work(thing.front, sketch)], LARGE, NumbaRasterizer())[0]


def _render(thing: TestObject) -> Array:
    canvas = Image.new("RGBA", (LARGE, LARGE), (*PAPER, 255))
    with Image.open(thing.folder / "front.webp") as front:
        canvas.alpha_composite(front.convert("RGBA"))
    return np.asarray(canvas.convert("RGB"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
