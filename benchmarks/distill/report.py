"""The figures as docs/distill.md."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from benchmarks.distill.figures import Figures
from benchmarks.distill.methods import TITLES, invariant, strength_of
from benchmarks.distill.paper import DESCRIPTORS, FID, MINUTES, SURE, paragraph
from benchmarks.distill.plan import NO_FIRST_STAGE, SETS
from benchmarks.distill.result import Result, Row
from benchmarks.distill.sweep import CRITERION, STRENGTHS, Point
from benchmarks.estimate import Estimate
from benchmarks.yardstick import markdown
from distill.rules.registry import FIRST_SCALE

BY_HAND = ("<!-- by hand: kept when the page is written anew -->", "<!-- until here by hand -->")
NOT_MADE = "Not made yet."
QUALITY = ["KID", "Fréchet distance", "saturation", "highest octave, dB", "spectrum gap, dB", "kind", "colour"]
TAKES = ["predictions (trainings)", "s / picture (batch)", "MB"]
DIFFERENCE = "squared MMD, mean ± standard error over captions"


def page(result: Result, machine: str, by_hand: str, trial: bool) -> str:
    """The whole page; `by_hand` stands where it stood. A `trial` says so."""
    parts = [
        _head(result, machine) + ("\n\nTRIAL, not the figures." if trial else ""),
        f"{BY_HAND[0]}\n{by_hand}\n{BY_HAND[1]}",
        f"## Table 1: one step of each rule\n\n{_table_1(result)}",
        f"## Table 3: a single step against the whole path\n\n{_table_3(result)}",
        f"## Appendix B.3: other descriptors, no first stage\n\n{_ablations(result)}",
        f"## The sweep\n\n{_sweep(result)}",
        f"## Speed\n\n{result.speed or NOT_MADE}",
        _notes(result),
    ]
    return "\n\n".join(parts) + "\n"


def kept_by_hand(path: Path) -> str:
    """What was written by hand into an older page."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not all(mark in text for mark in BY_HAND):
        return "## Conclusions\n\nNone drawn yet."
    return text.split(BY_HAND[0])[1].split(BY_HAND[1])[0].strip()


def _head(result: Result, machine: str) -> str:
    size = result.size
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("diffusers", "peft"))
    places = "; ".join(sorted(result.made_on - {machine}))
    return (
        "# Distillation rules side by side\n\n"
        "Written by `make bench-distill`. Tables 1 and 3 and the ablations of arXiv 2406.09417 in miniature: pictures "
        "are optimised from noise for captions of objects that neither the prior nor any constant has seen, by each "
        "rule in turn with the same prior, starts, steps, optimiser and prompts; then held against renders of other "
        f"held-out objects.\n\n{size.captions} captions × {size.seeds} seeds, {size.steps} steps (the paper: 5,000 "
        f"captions, 2,500 steps, Stable Diffusion 2.1). DDIM, the bound, takes {size.sampling_steps}. "
        f"{datetime.date.today().isoformat()}, {machine}, {versions}"
        + (f"; pictures of an earlier run on {places}." if places else ".")
    )


def _quality(figures: Figures) -> list[str]:
    return [
        f"{figures.kid} ({figures.kid_subsets:.3f})",
        str(figures.frechet),
        str(figures.saturation),
        str(figures.high_octave),
        str(figures.spectrum_gap),
        _share(figures.kind),
        _share(figures.color),
    ]


def _share(share: Estimate | None) -> str:
    return "" if share is None else f"{share.mean:.2f} ± {share.error:.2f}"


def _takes(row: Row) -> list[str]:
    trainings = f" ({row.made.trainings:.0f})" if row.made.trainings else ""
    memory = "" if row.megabytes is None else f"{row.megabytes:.0f}"
    return [f"{row.made.evaluations:.0f}{trainings}", f"{row.made.seconds:.2f} ({row.made.batch})", memory]


def _table_1(result: Result) -> str:
    if not result.table_1 or result.floor is None:
        return NOT_MADE
    header = ["", *QUALITY, *TAKES, "paper: FID", "minutes"]
    floor = ["the captions' own renders", *_quality(result.floor), "", "", "", "", ""]
    rows = [
        [TITLES[name], *_quality(row.figures), *_takes(row), f"{FID[name]:g}", f"{MINUTES[name]:g}"]
        for name, row in result.table_1.items()
    ]
    pairs = markdown(
        ["the paper's better one", "its worse one", "FID", f"ours: {DIFFERENCE}", "the paper's order"],
        [
            [TITLES[order.better], TITLES[order.worse], f"{order.fid[0]:g} < {order.fid[1]:g}",
             f"{order.ours.mean:+.3f} ± {order.ours.error:.3f}", order.outcome]
            for order in result.orders_1
        ],
    )  # fmt: skip
    return (
        f"{markdown(header, [floor, *rows])}\n\n{paragraph(result.orders_1, TITLES)}\n\n{pairs}\n\n"
        "![the same captions by every rule](images/distill.png)"
    )


def _table_3(result: Result) -> str:
    if not result.table_3:
        return NOT_MADE
    header = ["source", "KID: single step", "whole path", f"nearer by ({DIFFERENCE})", "paper: FID", *TAKES]
    rows = []
    for order in result.orders_3:
        single, full = result.singles_3[order.worse], result.table_3[order.better]
        rows.append([
            TITLES[order.better].removeprefix("full path, "),
            f"{single.kid} ({single.kid_subsets:.3f})",
            f"{full.figures.kid} ({full.figures.kid_subsets:.3f})",
            f"{order.ours.mean:+.3f} ± {order.ours.error:.3f}",
            f"{order.fid[1]:g} → {order.fid[0]:g}",
            *_takes(full),
        ])  # fmt: skip
    figures = markdown(
        ["", *QUALITY],
        [
            [TITLES[name], *_quality(found)]
            for order in result.orders_3
            for name, found in (
                (order.worse, result.singles_3[order.worse]),
                (order.better, result.table_3[order.better].figures),
            )
        ],
    )
    count = next(iter(result.table_3.values())).figures.pictures
    return (
        f"{count} captions, one seed; both columns have the same. The whole path takes the last quarter of the steps, "
        "after the single step's own stages, with the same learning rates; its target is guided as in sampling.\n\n"
        f"{markdown(header, rows)}\n\n"
        f"{paragraph(result.orders_3, TITLES)}\n\n{figures}\n\n![single step and whole path](images/distill-path.png)"
    )


def _ablations(result: Result) -> str:
    if not result.ablations:
        return NOT_MADE
    header = ["bridge with", *QUALITY, f"nearer than SDS by ({DIFFERENCE})", "nearer than our bridge by"]
    names = dict(zip(SETS, DESCRIPTORS, strict=True))
    rows = [
        [names.get(name, name).removeprefix(", "), *_quality(row.figures), *(_signed(gaps, name) for gaps in (
            result.from_sds, result.from_bridge))]
        for name, row in result.ablations.items()
    ]  # fmt: skip
    count = next(iter(result.ablations.values())).figures.pictures
    return (
        f"{count} captions, one seed. The paper sees no clear difference between its descriptors and five other sets, "
        "all of them better than SDS, and worse shapes without a first stage.\n\n"
        f"{markdown(header, rows)}\n\n{_told(result)}\n\n"
        "The last row is the bridge as `realify image` runs it, with constants that were chosen for this prior by "
        "hand.\n\n![other descriptors, no first stage](images/distill-ablations.png)"
    )


def _signed(gaps: Mapping[str, Estimate], name: str) -> str:
    return f"{gaps[name].mean:+.3f} ± {gaps[name].error:.3f}" if name in gaps else ""


def _told(result: Result) -> str:
    """In how many cases the paper's statements hold."""
    sure = {name: gap for name, gap in result.from_bridge.items() if abs(gap.mean) > SURE * gap.error}
    sets = [name for name in SETS if name in result.from_bridge]
    other = [f"{name} ({sure[name].mean:+.3f})" for name in sets if name in sure]
    alike = f"{len(sets) - len(other)} of {len(sets)} other sets of descriptors are no different from the paper's own"
    lines = [alike + (f"; different: {', '.join(other)}." if other else ".")]
    if result.from_sds:
        ahead = [name for name in sets if result.from_sds[name].mean > SURE * result.from_sds[name].error]
        behind = [name for name in sets if result.from_sds[name].mean < -SURE * result.from_sds[name].error]
        lines.append(f"{len(ahead)} of {len(sets)} are better than SDS, {len(behind)} worse, the others undecided.")
    if NO_FIRST_STAGE in result.from_bridge:
        gap = result.from_bridge[NO_FIRST_STAGE]
        verdict = "no different" if NO_FIRST_STAGE not in sure else "better" if gap.mean > 0 else "worse"
        lines.append(f"Without a first stage the bridge is {verdict} ({gap.mean:+.3f} ± {gap.error:.3f}).")
    return " ".join(lines)


def _sweep(result: Result) -> str:
    if not result.sweep:
        return NOT_MADE
    shares = ", ".join(f"{share:g}" for share in STRENGTHS)
    first_stage = FIRST_SCALE * strength_of("sds")
    rates = ", ".join(f"{lr:g}" for lr in result.size.lrs)
    header = ["", "strength", "learning rate", "squared MMD", "behind the nearest", "agreement", ""]
    rows = [_point(rule, point) for rule, points in result.sweep.items() for point in points]
    return (
        f"The same for all: the paper's strength × {shares} by the learning rates {rates}, on {result.size.swept} "
        "captions of their own, one seed, all steps. Where the strength weighs the whole gradient, Adam does not feel "
        "it: there the learning rate of the rule's own stage is multiplied instead. Chosen was, as said beforehand, "
        f"{CRITERION}. The bridge's first stage keeps the paper's guidance scale, {first_stage:g}; a LoRA learns at "
        "the paper's rate × the paper's steps / ours, at most .001.\n\n"
        f"{markdown(header, rows)}"
    )


def _point(rule: str, point: Point) -> list[str]:
    share = point.tuning.strength
    strength = f"own stage's rate × {share:g}" if invariant(rule) else f"{share * strength_of(rule):g}"
    return [
        TITLES[rule],
        strength,
        f"{point.tuning.lr:g}",
        f"{point.distance:.3f}",
        f"{point.behind:.3f} ± {point.error:.3f}",
        f"{point.agreement:.2f}",
        "**chosen**" if point.chosen else "",
    ]


def _notes(result: Result) -> str:
    return (
        "## How to read it\n\n"
        "- **KID**, **Fréchet distance**: on features of our own small classifier, each scaled to deviation 1 over the "
        "references. No FID: that means another network and 50,000 pictures; compare only within this page, and only "
        "equal numbers of pictures. ± is the standard deviation over seeds; in brackets that over KID's subsets.\n"
        "- **squared MMD**: KID with all pictures in one subset. Differences are between the same captions and starts; "
        "their standard error is the deviation over halves of the captions. Under "
        f"{SURE:g} standard errors an order counts as undecided.\n"
        "- **highest octave**: power at 16 to 31 waves a picture beside the references': below 0 is smooth, above "
        "grainy. **spectrum gap**: root mean square over all octaves. **saturation**: (max − min) / max over all "
        "pixels"
        f"{_reference(result)}.\n"
        "- **kind**, **colour**: how often the classifier says the caption's word, ± standard error over objects.\n"
        "- **predictions**: evaluations of the network for one picture; **trainings**: forward and backward through "
        "it for the LoRA. **s / picture**: of processor time on a CPU (one thread), of wall time on a GPU. A LoRA is "
        "one caption's own, so its rule makes one picture at a time. **MB**: the "
        f"most memory beyond the loaded prior, of {result.size.batch} pictures at a time in every row."
    )


def _reference(result: Result) -> str:
    return "" if result.floor is None else f"; the captions' own renders have {result.floor.saturation.mean:.3f}"
