"""The figures as docs/realism.md and as a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.realism.figures import Array, Evidence, Row
from benchmarks.realism.objects import LARGE, TestObject
from benchmarks.realism.result import NEAR, in_work
from benchmarks.yardstick import markdown
from realify.looks import BACKGROUND, draw_sketch
from realify.settings import Settings
from sdf_fit.render.numba import NumbaRasterizer
from sdf_fit.sketch import read_sketch

HEADER = ["measure", "pixels", "better", "SDS", "SDS → bridge", "renders", "bridge − SDS", "bridge better"]
MARGIN, CAPTION = 10, 26  # pixels of the sheet
PAPER, INK = (round(BACKGROUND * 255),) * 3, (70, 70, 70)


def table(rows: Sequence[Row]) -> str:
    """A line for each figure."""
    return markdown(HEADER, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    sds, bridge = row.arms["sds"], row.arms["bridge"]
    deviation = row.deviation or {}
    cells = [_spread(values, deviation.get(arm)) for arm, values in (("sds", sds), ("bridge", bridge))]
    renders = "" if row.renders is None else _spread(row.renders, deviation.get("renders"))
    return [row.name, row.pixels, row.goal, *cells, renders, _difference(bridge - sds), _wins(row)]


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


def _wins(row: Row) -> str:
    """In how many of the comparisons the bridge is better."""
    sds, bridge = row.arms["sds"], row.arms["bridge"]
    if row.goal == "as renders":
        return ""
    worse = {"lower": lambda x: x, "higher": lambda x: -x, "½": lambda x: np.abs(x - 0.5)}[row.goal]
    return f"{int((worse(bridge) < worse(sds)).sum())} of {sds.size}"


def page(sections: Sequence[tuple[str, Sequence[Row]]], evidence: Evidence, settings: Settings, preset: str) -> str:
    """docs/realism.md: a table for each prior."""
    things, total = evidence.things, settings.sds.steps + settings.bridge.steps
    references = len(things[0].references) // len(things[0].views)
    views = len(things[0].views)
    phrases = "; ".join(f"{thing.phrase}" for thing in things)
    lines = [
        "# Realism",
        "",
        "Written by `make bench-realism`. Held-out objects of the synthetic world are drawn as sketches in virtual "
        "reality, and `realify run` makes objects of them again: once by score distillation alone (SDS), once by score "
        f"distillation and the bridge, {total} steps both ways ({settings.sds.steps} + {settings.bridge.steps}; preset "
        f"{preset}, {settings.render.views} views a step). Objects: {phrases}; {evidence.seeds} seeds; each result is "
        f"photographed from the {views} cameras that the object was rendered from, in the product's own random light.",
        "",
        f"Distances are those to Cycles renders of other objects with the same words ({references} for each object, "
        f"{views} views each). The column *renders* is what the objects' own renders reach: the floor. All pictures "
        "stand on the same eight plain backgrounds and went through the same compression.",
        "",
    ]
    for name, rows in sections:
        if len(sections) > 1:
            lines += [f"## Prior: {name}", ""]
        lines += [table(rows), ""]
    lines += [
        "Mean ± standard deviation over seeds; after the semicolon, over objects; in brackets, over KID's subsets. "
        "KID, Fréchet distance and C2ST take all objects together, the others each by itself. *bridge − SDS*: mean ± "
        "standard error over objects, or over seeds where objects are taken together. *bridge better*: of all pairs "
        "of equal object and seed, or of equal seed.",
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
        "![sketch, SDS, SDS then bridge, render](images/realism.png)",
        "",
    ]
    return "\n".join(lines)


def sheet(evidence: Evidence) -> Image.Image:
    """Rows are objects; columns the sketch, both arms (first seed) and a render, from one camera."""
    titles = ["sketch", "SDS alone", "SDS, then the bridge", "a render of the true object"]
    things = evidence.things
    image = Image.new(
        "RGB", (2 * MARGIN + len(titles) * LARGE, 2 * MARGIN + CAPTION + len(things) * (CAPTION + LARGE)), PAPER
    )
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for column, title in enumerate(titles):
        pen.text((MARGIN + (column + 0.5) * LARGE, MARGIN + 4), title, INK, font, anchor="mt")
    for row, thing in enumerate(things):
        top = MARGIN + CAPTION + row * (CAPTION + LARGE)
        pen.text((MARGIN + 4, top + 4), thing.prompt, INK, font)
        results = [evidence.outcomes[arm][0][row].front for arm in ("sds", "bridge")]
        pictures = [_sketch(thing), *results, _render(thing)]
        image.paste(Image.fromarray(np.concatenate(pictures, axis=1)), (MARGIN, top + CAPTION))
    return image


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
