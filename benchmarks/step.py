"""One step of the two stages beside the diffusion prior's own forward pass for the same views, and where the
rest of the step goes. `python -m benchmarks.step [--quick]`

The mushroom with the preset draft's batch after its fit. Each step is followed by one forward pass of the
prior alone (the same views, both prompts): both means come from the same minutes. Target: at most 1.6.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from copy import deepcopy
from dataclasses import replace

import torch

from benchmarks.workshop import PROMPTS, example, fitted
from benchmarks.yardstick import markdown, yardstick_ms
from distill.load import load_prior
from distill.prior import Prior, predict_together
from distill.prompts import PromptTable
from distill.rules.stage import StagePlan, StageRun
from realify.settings import Settings, preset
from realify.stages.plan import plan_stages
from realify.stages.rendered_body import RenderedBody
from sdf_fit.body.body import Body
from sdf_fit.body.targets import Targets, silhouette_targets
from sdf_fit.render.numba import NumbaRasterizer

RATIO_HEADER = ["ms, mean of {count} steps", "prior in", "a step", "moving the shape", "the shape at rest",
                "prior alone", "ratio", "target"]  # fmt: skip
WARM_UP = 4
Part = tuple[str, str, str]
WHOLE: Part = ("a step", "", "")
# what is shown of a profile: a name, the end of the file's path and the function; a dash where it is part of
# the line above
PARTS: tuple[Part, ...] = (
    ("the prior's forward pass", "distill/prior.py", "predict_together"),
    ("setups, rasterised", "realify/stages/rasterized_views.py", "rasterize_views"),
    ("- rasterise and interpolate", "sdf_fit/render/surface.py", "draw"),
    ("photographs", "realify/stages/random_views.py", "shade_views"),
    ("- material field", "sdf_fit/body/fields.py", "forward"),
    ("- shade", "render/shading.py", "shade"),
    ("- antialias", "render/antialias.py", "antialias"),
    ("what the prior wants to see", "realify/stages/control_images.py", "control_pictures"),
    ("random setups", "realify/stages/random_views.py", "sample_setups"),
    ("colour terms", "realify/stages/rendered_body.py", "_color_terms"),
    ("extract the surface, with normals", "sdf_fit/body/body.py", "surface"),
    ("terms of the shape", "realify/stages/rendered_body.py", "_regulariser"),
    ("- silhouettes", "sdf_fit/body/losses.py", "silhouette_loss"),
    ("- distance field", "sdf_fit/body/losses.py", "sdf_terms"),
    ("- normals", "sdf_fit/body/losses.py", "normal_consistency"),
    ("backward", "torch/_tensor.py", "backward"),
    ("- rasterise and interpolate", "render/numba.py", "backward"),
    ("- feature grid", "sdf_fit/body/feature_grid.py", "backward"),
    ("optimiser", "torch/optim/adam.py", "step"),
    ("check the gradients", "sdf_fit/fit.py", "_check_gradients"),
    ("keep thin parts", "sdf_fit/body/body.py", "keep_thin_parts"),
)  # setups and silhouettes share "rasterise"; photographs and what the prior sees the material field, "antialias" too


class Bench:
    """A fitted body, a prior and its prompts, from which stages of any length can start."""

    def __init__(self, settings: Settings, body: Body, targets: Targets, dtype: str) -> None:
        self.settings, self.body, self.targets = settings, body, targets
        self.prior: Prior = load_prior("embedded", "cpu", dtype)
        self.prompts = PromptTable(self.prior, PROMPTS["mushroom"])

    def plans(self, steps: int) -> list[StagePlan]:
        """Both stages, each with that many steps after the warm-up."""
        plans = plan_stages(self.settings, self.prior.card.defaults)
        return [replace(plan, steps=WARM_UP + steps) for plan in plans]

    def stage(self, plan: StagePlan) -> StageRun:
        """The stage at its beginning, with a copy of the body."""
        generator, body = torch.Generator().manual_seed(self.settings.seed), deepcopy(self.body)
        rendered = RenderedBody(body, self.prior, self.prompts, self.targets, NumbaRasterizer(), self.settings)
        return StageRun(plan, rendered, self.prior, generator)

    def forward_ms(self) -> float:
        """The prior alone, for one step's views under two prompts."""
        views = self.settings.render.views
        x, t = torch.randn(views, *self.prior.shape), torch.randint(20, 980, (views,))
        prompts = self.prompts.batch(["front view"] * views, [None] * views)
        start = time.perf_counter()
        predict_together(self.prior, x, t, prompts.target, prompts.source)
        return (time.perf_counter() - start) * 1e3


def ratio_row(bench: Bench, plan: StagePlan) -> list[str]:
    """A row under RATIO_HEADER: steps and forward passes by turns."""
    steps, forwards = [], []
    start = time.perf_counter()

    def after_step(loss: float) -> None:
        nonlocal start
        steps.append((time.perf_counter() - start) * 1e3)
        forwards.append(bench.forward_ms())
        start = time.perf_counter()

    bench.stage(plan).run(after_step)
    steps, forwards = steps[WARM_UP:], forwards[WARM_UP:]
    every = bench.settings.geometry.every
    moving = [ms for i, ms in enumerate(steps) if i % every == 0]
    still = [ms for i, ms in enumerate(steps) if i % every]
    step, forward = statistics.mean(steps), statistics.mean(forwards)
    means = [step, statistics.mean(moving), statistics.mean(still) if still else float("nan"), forward]
    dtype = str(bench.prior.dtype).removeprefix("torch.")
    return [plan.name, dtype, *(f"{ms:.0f}" for ms in means), f"{step / forward:.2f}", "≤ 1.6"]


def profile(bench: Bench, plan: StagePlan) -> dict[Part, float]:
    """Milliseconds of a mean step, under WHOLE, and of each of PARTS in it, slowed a little by profiling.

    Processor time, which a busy neighbour does not change.
    """
    run, steps = bench.stage(plan), plan.steps - WARM_UP
    profiler = cProfile.Profile(time.process_time)
    start = 0.0

    def after_step(loss: float) -> None:
        nonlocal start
        if run.step == WARM_UP:
            start = time.process_time()
            profiler.enable()

    run.run(after_step)
    profiler.disable()
    found = {WHOLE: (time.process_time() - start) * 1e3 / steps}
    for (file, _, function), (_, _, _, total, _) in pstats.Stats(profiler).stats.items():  # type: ignore
        for part in PARTS:
            if function == part[2] and file.replace("\\", "/").endswith(part[1]):
                found[part] = found.get(part, 0.0) + total * 1e3 / steps
    return found


def run(steps: int) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of both tables; the yardstick comes last."""
    settings = preset("draft")
    sketch = example("mushroom")
    body = fitted(sketch, settings)
    targets = silhouette_targets(sketch.mesh, sketch.stroke_width, NumbaRasterizer())
    automatic = Bench(settings, body, targets, "auto")
    benches = [automatic]
    if automatic.prior.dtype != torch.float32:
        benches.append(Bench(settings, body, targets, "float32"))
    ratios = [ratio_row(bench, plan) for bench in benches for plan in bench.plans(steps)]
    profiles = [profile(automatic, plan) for plan in automatic.plans(steps // 2)]
    parts = [[part[0], *(_shown(found.get(part)) for found in profiles)] for part in (WHOLE, *PARTS)]
    yardstick = ["yardstick: 1024³ float32 product", f"{yardstick_ms():.1f}"]
    ratios.append([yardstick[0], "", yardstick[1], "", "", "", "", ""])
    return ratios, [*parts, [*yardstick, ""]]


def _shown(ms: float | None) -> str:
    return "not called" if ms is None else f"{ms:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="few steps: only to see that it runs")
    quick = parser.parse_args().quick
    count = 6 if quick else 40
    ratio_rows, part_rows = run(count)
    note = ", QUICK: not the figures" if quick else ""
    print(markdown([RATIO_HEADER[0].format(count=count) + note, *RATIO_HEADER[1:]], ratio_rows), end="\n\n")
    print(markdown(["where a step goes, ms of processor time under a profiler" + note, "sds", "bridge"], part_rows))
