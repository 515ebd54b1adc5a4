"""What a step of a picture takes beside the prior's own predictions, and what the prior's settings of speed are
worth. `python -m benchmarks.distill_speed [--quick] [--no-compile]`

The embedded prior. Steps and bare predictions, or settings, take turns in one run, so that both see the same
minutes; ratios are of the best times. Target: a step at most 1.1 of its predictions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch

from benchmarks.yardstick import markdown, yardstick_ms
from distill.card import PriorDefaults
from distill.images.picture import LatentPicture, PromptedPicture, random_x
from distill.load import load_prior
from distill.precision import choose_dtype
from distill.prior import Prior, predict_together
from distill.priors.options import OptionError, PriorOptions
from distill.prompts import build_prompts, embed_pairs
from distill.rules.registry import plan_picture
from distill.rules.rule import PromptBatch
from distill.rules.stage import StageRun

WARM_UP = 3
BATCHES = (1, 8)
PROMPT = "a photo of a red mushroom"
STEP_HEADER = ["ms, best of {count}", "device", "prior in", "pictures", "a step", "its predictions alone", "best ratio",
               "median ratio", "target"]  # fmt: skip
# Each against the first, which is how a prior is loaded when nothing is said.
SETTINGS: Mapping[str, PriorOptions] = {
    "as it is": PriorOptions(),
    "channels_last": PriorOptions(channels_last=True),
    "attention=math": PriorOptions(attention="math"),
    "attention=flash": PriorOptions(attention="flash"),
    "attention=efficient": PriorOptions(attention="efficient"),
    "attention=cudnn": PriorOptions(attention="cudnn"),
    "compile": PriorOptions(compile=True),
}
DTYPES = ("float32", "bfloat16", "float16")
SLOW_DTYPES = {"cpu": ("float16",)}  # no processor of ours multiplies it; a forward pass takes seconds


@dataclass(frozen=True)
class Clock:
    """Milliseconds of work on a device: a CPU's processor time, which a busy neighbour does not change."""

    device: torch.device

    def __call__(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            return time.perf_counter() * 1e3
        return time.process_time() * 1e3


def prompts_for(prior: Prior, count: int) -> PromptBatch:
    """The same prompt for all pictures."""
    return embed_pairs(prior, [build_prompts(prior, PROMPT)] * count)


def step_row(prior: Prior, rule: str, pictures: int, count: int) -> list[str]:
    """A row under STEP_HEADER: steps of the rule's own stage and its two predictions by turns."""
    prompts, clock = prompts_for(prior, pictures), Clock(prior.device)
    other = prompts.source if rule == "bridge" else prompts.unconditional
    generator = torch.Generator().manual_seed(0)
    picture = LatentPicture(prior, random_x(prior, pictures, generator))
    steps, predictions = [], []
    start = clock()

    def after_step(size: float) -> None:
        nonlocal start
        steps.append(clock() - start)
        x_t = picture.x().detach()
        t = torch.full((pictures,), len(prior.schedule) // 2, device=prior.device)
        start = clock()
        predict_together(prior, x_t, t, prompts.target, other)
        predictions.append(clock() - start)
        start = clock()

    plan = replace(plan_picture(rule, 100, PriorDefaults())[-1], steps=WARM_UP + count)
    StageRun(plan, PromptedPicture(picture, prompts, 0.01), prior, generator).run(after_step)
    steps, predictions = steps[WARM_UP:], predictions[WARM_UP:]
    ratio = median(step / alone for step, alone in zip(steps, predictions, strict=True))
    dtype = str(prior.dtype).removeprefix("torch.")
    best = [min(steps), min(predictions)]
    return [rule, str(prior.device), dtype, str(pictures), *(f"{ms:.2f}" for ms in best), f"{best[0] / best[1]:.3f}",
            f"{ratio:.3f}", "≤ 1.1"]  # fmt: skip


def setting_rows(device: str, pictures: int, count: int, settings: Sequence[str]) -> list[list[str]]:
    """A prediction under each setting beside that of the prior as it is, all by turns."""
    where = torch.device(device)
    usual = str(choose_dtype(where)).removeprefix("torch.")
    calls: dict[str, Callable[[], object]] = {}
    failed: dict[str, str] = {}
    wanted = {name: (SETTINGS[name], "auto") for name in settings}
    skipped = (usual, *SLOW_DTYPES.get(where.type, ()))
    wanted |= {f"dtype={dtype}": (SETTINGS["as it is"], dtype) for dtype in DTYPES if dtype not in skipped}
    for name, (options, dtype) in wanted.items():
        call = prediction(device, dtype, options, pictures)
        try:
            for _ in range(WARM_UP):
                call()
            calls[name] = call
        except OptionError as error:
            failed[name] = error.message
    times = by_turns(calls, Clock(where), count)
    usually = min(times["as it is"])
    rows = [
        [name if name != "as it is" else f"as it is ({usual})", device, str(pictures), f"{min(found):.2f}",
         f"{min(found) / usually:.3f}"]
        for name, found in times.items()
    ]  # fmt: skip
    return [*rows, *([name, device, str(pictures), "", f"cannot be had: {why}"] for name, why in failed.items())]


def prediction(device: str, dtype: str, options: PriorOptions, pictures: int) -> Callable[[], object]:
    """One prediction of a prior loaded with these settings."""
    prior = load_prior("embedded", device, dtype, options=options)
    embeds = prompts_for(prior, pictures).target
    x_t = torch.randn(pictures, *prior.shape, generator=torch.Generator().manual_seed(0)).to(prior.device)
    t = torch.full((pictures,), len(prior.schedule) // 2, device=prior.device)
    return lambda: prior.predict_noise(x_t, t, embeds)


def by_turns(calls: Mapping[str, Callable[[], object]], clock: Clock, count: int) -> dict[str, list[float]]:
    """`count` times of each call in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(count):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(clock() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("`")[0])
    parser.add_argument("--quick", action="store_true", help="few turns, nothing compiled: only to see that it runs")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="torch.compile takes minutes")
    options = parser.parse_args()
    quick = options.quick
    torch.set_num_threads(1)
    count = 3 if quick else 30
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    batches = BATCHES[:1] if quick else BATCHES
    note = " QUICK: not the figures" if quick else ""
    steps, rows = [], []
    for device in devices:
        prior = load_prior("embedded", device)
        steps += [step_row(prior, rule, pictures, count) for rule in ("sds", "bridge") for pictures in batches]
        for pictures in batches:
            compiled = options.compile and pictures == BATCHES[-1]  # once is enough: it takes minutes of a CPU
            settings = [name for name, wanted in SETTINGS.items() if compiled or not wanted.compile]
            rows += setting_rows(device, pictures, count, settings)
    ms = f"{yardstick_ms():.1f}"
    steps.append(["yardstick: 1024³ float32 product", "cpu", "float32", "", ms, "", "", "", ""])
    rows.append(["yardstick: 1024³ float32 product", "cpu", "", ms, ""])
    print(markdown([STEP_HEADER[0].format(count=count) + note, *STEP_HEADER[1:]], steps), end="\n\n")
    print(markdown([f"a prediction{note}", "device", "pictures", f"ms, best of {count}", "beside as it is"], rows))


if __name__ == "__main__":
    main()
