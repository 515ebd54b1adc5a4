"""The rules' benchmark: what it compares is equal, what it made is kept, and its figures tell pictures apart."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scipy import ndimage

from benchmarks.distill.cells import Cell, Machine
from benchmarks.distill.cost import Costs
from benchmarks.distill.figures import Judge
from benchmarks.distill.make_set import MEGABYTES, packed, within
from benchmarks.distill.methods import DDIM, SINGLE, TITLES, Sampling, Tuning, full_path, single, strength_of
from benchmarks.distill.paper import DESCRIPTORS, Order, paragraph, ranked_pairs
from benchmarks.distill.plan import CPU, CUDA, NO_FIRST_STAGE, QUICK, SETS, Setup
from benchmarks.distill.report import BY_HAND, kept_by_hand
from benchmarks.distill.subjects import FOR_THE_SWEEP, RENDERS, SIZE, Subjects, pairs_of, read_subjects
from benchmarks.distill.sweep import Point, choose, points
from benchmarks.distill.work import Probe
from benchmarks.distill_speed import SETTINGS, STEP_HEADER, setting_rows, step_row
from benchmarks.estimate import Estimate
from benchmarks.prior.held_out import examples, halves
from distill.load import load_prior
from distill.priors.base import DiffusersPrior
from distill.rules.bridge import Bridge
from distill.rules.full_path import FullPath
from distill.rules.sds import SDS
from training.pictures import read_renders
from training.world.numbering import held_out

ROOT = Path(__file__).parents[2]
HERE = Machine("embedded", "cpu", "float32")
MIDDLE = Tuning(1.0, 0.02)
COUNT = 6


@pytest.fixture(scope="module")
def prior() -> DiffusersPrior:
    return load_prior("embedded", "cpu", "float32")


@pytest.fixture(scope="module")
def subjects() -> Subjects:
    return read_subjects(COUNT)


@pytest.fixture(scope="module")
def setup(prior: DiffusersPrior, subjects: Subjects) -> Setup:
    size = replace(CPU, captions=COUNT, lrs=(0.01, 0.02, 0.04), full_captions=2, ablated=4)
    return Setup(prior, size, SINGLE, subjects.sweep, subjects.compared)


@pytest.fixture(scope="module")
def judge(subjects: Subjects) -> Judge:
    return Judge(replace(subjects, references=subjects.references[:96]))


def test_the_set_is_held_out_and_small() -> None:
    renders = read_renders([RENDERS])
    assert all(held_out(meta["object"]) and meta["transparent"] for meta in renders.metas)
    assert len({meta["kind"] for meta in renders.metas}) > 20
    assert RENDERS.stat().st_size <= MEGABYTES * 2**20


def test_a_set_is_packed_whole_objects_at_a_time_and_read_back(tmp_path: Path) -> None:
    picture = b"x" * 1000
    found = [(f"{number}-{view}", picture, {"object": number}) for number in (25, 50, 75) for view in range(4)]
    assert within(found, 1e9) == found
    assert [render[2]["object"] for render in within(found, 7000)] == [25] * 4
    assert packed(found) == packed(found)


def test_captions_are_those_of_the_renders_and_fewer_begin_more(prior: DiffusersPrior, subjects: Subjects) -> None:
    described, others = halves(read_renders([RENDERS]).of("held_out"))
    real = examples(described, FOR_THE_SWEEP + COUNT, np.random.default_rng(0), SIZE)
    every = [*subjects.sweep, *subjects.compared]
    assert [each.caption for each in every] == [each.caption for each in real]
    targets = [pair.target for pair in pairs_of(prior, every)]
    assert targets == [each.caption + prior.card.target_suffix for each in real]
    assert subjects.compared == read_subjects(COUNT + 3).compared[:COUNT]
    told = {each.object for each in every}
    assert len(told) == len(every) and told.isdisjoint(meta["object"] for meta in others.metas)


def test_every_caption_of_the_largest_run_has_room_for_all_descriptors(prior: DiffusersPrior) -> None:
    found = read_subjects(CUDA.captions)
    for suffix in (None, *DESCRIPTORS):
        pairs = pairs_of(prior, [*found.sweep, *found.compared], suffix)
        assert all(pair.source.endswith(suffix or prior.card.source_suffix) for pair in pairs)
    assert prior.card.source_suffix not in DESCRIPTORS
    with pytest.raises(ValueError, match="shorter descriptors"):
        pairs_of(prior, found.compared, ", noisy" * 20)


def test_the_sweep_is_the_same_for_every_rule(setup: Setup) -> None:
    wanted = points(setup.size.lrs)
    assert len(wanted) <= 6 and len({tuning.lr for tuning in wanted}) == len(setup.size.lrs)
    for rule in SINGLE:
        arms = setup.sweep_arms(rule)
        assert list(arms) == wanted
        assert {len(arm.pairs) for arm in arms.values()} == {setup.size.swept}
        for tuning, arm in arms.items():
            assert arm.lr == tuning.lr and not isinstance(arm.how, Sampling)
            assert sum(plan.steps for plan in arm.how) == setup.size.steps
            own = arm.how[-1]
            if isinstance(own.rule, Bridge):  # Adam does not feel its weight
                assert (own.rule.weight, own.lr_scale) == (25, tuning.strength)
            else:
                strength = {"csd": "w1"}.get(rule, "guidance_scale")
                assert getattr(own.rule, strength) == pytest.approx(tuning.strength * strength_of(rule))
                assert own.lr_scale == 1
    assert {rule: strength_of(rule) for rule in SINGLE} == {
        "sds": 100,
        "nfsd": 7.5,
        "csd": 40,
        "vsd": 7.5,
        "bridge": 25,
    }


def test_all_rules_start_from_the_same_noise_with_the_same_prompts(setup: Setup) -> None:
    arms = setup.table_1(dict.fromkeys(SINGLE, MIDDLE))
    assert list(arms) == [DDIM, *SINGLE]
    for arm in arms.values():
        cells = arm.cells(HERE, 4)
        assert [start for cell in cells[1] for start in cell.starts] == [10_000 + place for place in range(COUNT)]
        assert [pair for cell in cells[0] for pair in cell.pairs] == list(arms["sds"].pairs)
    assert {len(cell.starts) for seed in arms["vsd"].cells(HERE, 4) for cell in seed} == {1}
    assert [len(cell.starts) for cell in arms["sds"].cells(HERE, 4)[0]] == [4, 2]


def test_the_whole_path_goes_on_from_the_single_step(setup: Setup) -> None:
    tuning = Tuning(0.25, 0.02)
    for source in ("sds", "vsd", "bridge"):
        *before, own = full_path(source, 200, tuning, 4.5, 7)
        assert tuple(before) == single(source, 150, tuning)
        assert (own.steps, own.lr_scale) == (50, before[-1].lr_scale)
        assert isinstance(own.rule, FullPath) and (own.rule.guidance_scale, own.rule.path_steps) == (4.5, 7)
    assert set(setup.table_3(dict.fromkeys(SINGLE, MIDDLE))) == {
        "full-path-unconditional",
        "full-path",
        "full-path-lora",
    }


def test_ablations_change_one_thing_each(setup: Setup) -> None:
    arms = setup.ablations(dict.fromkeys(SINGLE, MIDDLE))
    whole = single("bridge", setup.size.steps, MIDDLE)
    for name, suffix in zip(SETS, DESCRIPTORS, strict=True):
        assert arms[name].how == whole
        assert all(pair.source.endswith(suffix) for pair in arms[name].pairs)
    how = arms[NO_FIRST_STAGE].how
    assert not isinstance(how, Sampling) and [plan.steps for plan in how] == [setup.size.steps]
    assert isinstance(whole[0].rule, SDS) and how[0].rule == whole[1].rule


def test_a_cell_is_known_by_all_that_it_depends_on(setup: Setup) -> None:
    arm = setup.sweep_arms("bridge")[Tuning(1.0, 0.01)]
    (cell, *_), *_ = arm.cells(HERE, 4)
    other = setup.sweep_arms("bridge")[Tuning(0.25, 0.01)]
    sds = setup.sweep_arms("sds")[Tuning(1.0, 0.01)]
    assert not isinstance(cell.how, Sampling)
    changed = [
        replace(cell, how=other.how),
        replace(cell, how=sds.how),
        replace(cell, how=(replace(cell.how[0], steps=7), cell.how[1])),
        replace(cell, lr=0.011),
        replace(cell, pairs=tuple(reversed(cell.pairs))),
        replace(cell, starts=tuple(start + 1 for start in cell.starts)),
        replace(cell, machine=replace(HERE, device="cuda")),
        replace(cell, machine=replace(HERE, dtype="bfloat16")),
    ]
    assert len({each.digest for each in (cell, *changed)}) == 1 + len(changed)
    assert replace(cell, name="anything").digest == cell.digest
    assert replace(cell, machine=replace(HERE, device="cpu:0")).digest == cell.digest


def test_costs_add_up_over_stages() -> None:
    cell = Cell("", single("bridge", 100, MIDDLE), 0.01, (), (0, 1, 2, 3), HERE)
    timed = {"sds": Probe(4.0, 2.0, 2**21), "bridge": Probe(6.0, 3.0, 2**20)}
    costs = Costs({(name, 4): found for name, found in timed.items()}, 4)
    assert (costs.work(cell), costs.seconds(cell)) == (20 * 2 + 80 * 3, 20 * 4 + 80 * 6)
    assert costs.megabytes(cell.how) == 2


def point(distance: float, behind: float, error: float, agreement: float) -> Point:
    return Point(Tuning(1.0, distance), distance, behind, error, agreement)


def test_the_sweeps_criterion_is_as_it_says() -> None:
    nearest, tied, better, worse = (
        point(0.1, 0.0, 0.0, 0.5),
        point(0.2, 0.1, 0.1, 0.5),
        point(0.3, 0.2, 0.3, 0.6),
        point(0.9, 0.8, 0.3, 0.9),
    )
    assert choose([worse, tied, nearest]) is nearest
    assert choose([worse, better, tied, nearest]) is better


def test_what_is_spoilt_is_further_away_and_less_recognised(judge: Judge, subjects: Subjects) -> None:
    real = np.stack([each.picture for each in subjects.compared])[None]
    noise = np.random.default_rng(0).integers(0, 255, real.shape).astype(np.uint8)
    smooth = ndimage.uniform_filter(real, 9, axes=(2, 3))
    found = {name: judge.figures(images, subjects.compared) for name, images in
             {"real": real, "noise": noise, "smooth": smooth}.items()}  # fmt: skip
    assert found["real"].kid.mean < found["smooth"].kid.mean < found["noise"].kid.mean
    assert found["real"].frechet.mean < found["noise"].frechet.mean
    assert found["smooth"].high_octave.mean < -6 and found["noise"].high_octave.mean > 6
    assert judge.agreement(real, subjects.compared) > judge.agreement(noise, subjects.compared)
    for figures in found.values():
        numbers = [figures.kid.mean, figures.kid_subsets, figures.frechet.mean, figures.spectrum_gap.mean]
        assert all(map(math.isfinite, [*numbers, figures.saturation.mean, figures.kind.mean]))


def test_differences_are_those_of_the_distances_and_have_a_sign(judge: Judge, subjects: Subjects) -> None:
    real = np.stack([each.picture for each in subjects.compared])[None]
    noise = np.random.default_rng(0).integers(0, 255, real.shape).astype(np.uint8)
    gap = judge.difference(noise, real)
    assert gap.mean == pytest.approx(judge.distance(noise) - judge.distance(real), rel=1e-6)
    assert gap.mean > 2 * gap.error > 0
    assert judge.difference(real, real) == Estimate(0.0, 0.0)
    assert judge.difference(real, noise).mean == pytest.approx(-gap.mean)


def test_the_paragraph_tells_where_the_papers_order_holds() -> None:
    assert len(ranked_pairs([DDIM, *SINGLE])) == 15
    assert ranked_pairs(["sds", "bridge", "unknown"]) == [("bridge", "sds")]
    orders = [
        Order("vsd", "bridge", (59.22, 67.89), Estimate(0.5, 0.1)),
        Order("bridge", "sds", (67.89, 86.02), Estimate(-0.5, 0.1)),
        Order("vsd", "sds", (59.22, 86.02), Estimate(0.1, 0.1)),
    ]
    text = paragraph(orders, TITLES)
    assert "**holds** in 1 of 3 pairs: VSD before bridge (FID 59.22 against 67.89; ours +0.500 ± 0.100)" in text
    assert "**is reversed** in 1 of 3 pairs: bridge before SDS" in text
    assert "**is undecided** in 1 of 3 pairs: VSD before SDS" in text


def test_what_is_written_by_hand_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "distill.md"
    assert "None drawn yet" in kept_by_hand(path)
    path.write_text(f"# Title\n\n{BY_HAND[0]}\n## Conclusions\n\nMine.\n{BY_HAND[1]}\n\nfigures", encoding="utf-8")
    assert kept_by_hand(path) == "## Conclusions\n\nMine."


COMMAND = [
    sys.executable,
    "-m",
    "benchmarks.distill",
    "--quick",
    "--only",
    "table1",
    "--rules",
    "bridge",
    "--jobs",
    "1",
]

SWEPT = len(points(QUICK.lrs))  # cells of its sweep: one for each point of the rule


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """A run that was killed in its sweep, and the same command again."""
    cache = tmp_path_factory.mktemp("cache")
    command = [*COMMAND, "--cache", str(cache)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 400
    while len(list(cache.glob("*.npz"))) < 2 and first.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    family = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    assert first.wait(30) != 0
    _, alive = psutil.wait_procs(family, timeout=30)
    before = {path: path.stat().st_mtime_ns for path in cache.glob("*.npz") if ".part" not in path.name}
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=True)
    return {"cache": cache, "before": before, "alive": alive, "told": second.stderr, "page": second.stdout}


def test_a_killed_run_goes_on(resumed: Mapping[str, Any]) -> None:
    assert not resumed["alive"]  # a worker does not outlive the run
    assert 2 <= len(resumed["before"]) < SWEPT
    assert all(path.stat().st_mtime_ns == made for path, made in resumed["before"].items())
    assert f"sweep: {SWEPT - len(resumed['before'])} of {SWEPT} cells to be made" in resumed["told"]


def test_how_long_it_takes_is_said_first(resumed: Mapping[str, Any]) -> None:
    lines = [line for line in resumed["told"].splitlines() if "cells to be made" in line or "about" in line]
    assert re.search(
        rf"of {SWEPT + 2} cells to be made, 1 at a time: about [\d.]+ minutes .*sweep [\d.]+, table1 [\d.]+\)", lines[0]
    )


def test_the_figures_of_a_tiny_run_are_finite(resumed: Mapping[str, Any]) -> None:
    page = resumed["page"]
    assert "TRIAL" in page and "nan" not in page and "inf" not in page.replace("inference", "")
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("|")}
    for name in ("the captions' own renders", "DDIM", "bridge"):
        assert re.search(r"\d+\.\d{3}", rows[name])
    assert page.count("**chosen**") == 1 and page.count("Not made yet.") == 3
    trial = resumed["cache"] / "trial"
    assert (trial / "images" / "distill.png").exists()
    assert (trial / "distill.md").read_text(encoding="utf-8") == page.removesuffix("\n")


def test_a_step_and_the_settings_are_timed(prior: DiffusersPrior) -> None:
    row = step_row(prior, "bridge", 1, 2)
    assert len(row) == len(STEP_HEADER) and 0.5 < float(row[6]) < 5
    rows = setting_rows("cpu", 1, 1, ["as it is", "attention=math", "attention=cudnn"])
    found = {cells[0]: cells for cells in rows}
    assert float(found["attention=math"][4]) > 0
    assert found["attention=cudnn"][4].startswith("cannot be had: prior.attention")
    assert set(SETTINGS) >= {"channels_last", "compile"}


def test_on_cuda_the_steps_are_the_papers_and_a_quick_run_is_small() -> None:
    assert (QUICK.captions, QUICK.steps) == (2, 4)
    assert (CUDA.captions, CUDA.seeds, CUDA.steps) == (128, 3, 2500)
