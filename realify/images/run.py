"""Pictures by score distillation (section 4 of arXiv 2406.09417): from text, from a painting, on two films.

    read → prior → prompts → stages of rules → PNG

The run folder holds image.json, the picture as it was read, previews and, until the end, a checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill.images.overlay import RotatedOverlays, random_films
from distill.images.picture import LatentPicture, Picture, PixelPicture, PromptedPicture, random_x
from distill.load import DTYPES, load_prior
from distill.nfe import count_step
from distill.rules.rule import NonFiniteGradient
from distill.rules.stage import StageRun, stage_runs
from realify.images.files import png_bytes
from realify.images.input_picture import read_square
from realify.images.job import DONE, INPUT, ImageError, ImageJob, save_job
from realify.images.prompts import ask, check_prior, check_task, describe, plan, show
from realify.images.results import Made, change, row, to_image, write_pictures
from realify.job.atomic import write_atomic
from realify.job.checkpoint import discard_checkpoint, load_checkpoint
from realify.job.events import Event, Stage, Stopped
from realify.job.run_folder import CHECKPOINT, as_json, log_to
from realify.job.watch import Watch
from realify.settings import Checkpoint

PREVIEW_COUNT, SAVE_EVERY = 10, 30.0  # a run; seconds


class StoppedEarly(Stopped):
    """The job was asked to stop: a checkpoint lies in the folder, the picture so far is written."""

    def __init__(self, made: Made) -> None:
        super().__init__(f"stopped after {made.done} of {made.steps} steps")
        self.made = made


class ImageRun:
    """One job in its folder, from the beginning or, with `resume`, from the folder's checkpoint."""

    def __init__(
        self,
        job: ImageJob,
        folder: Path,
        resume: bool,
        on_event: Callable[[Event], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.job, self.folder, self.resume = job, folder, resume
        self._began, self._began_cpu = time.monotonic(), time.process_time()
        self._before = {"seconds": 0.0, "cpu_seconds": 0.0, "calls": 0}
        self._calls = 0
        self._stage: StageRun | None = None
        rhythm = Checkpoint(every_seconds=SAVE_EVERY)
        self.watch = Watch(folder, [Stage("load", 1, 0.0)], rhythm, on_event, should_stop, about=self._spent)

    def run(self) -> Made:
        """The job to its end.

        Raises StoppedEarly, Stopped before the first step, and the parts' own errors: ImageError, UnknownRule,
        PromptError, MissingPrior, PriorError, DeviceError, CheckpointError.
        """
        try:
            self._load()
            notes = self._prepare()
            with log_to(self.folder):
                self.watch.warn(*notes)
                self.watch.follow(self.prior.notes)
                self._distil()
        except NonFiniteGradient as wrong:
            raise ImageError(
                f"The {wrong.rule} gradient is not finite after {self.done} steps.",
                "Use --dtype float32 or a smaller --constant.",
            ) from wrong
        except torch.OutOfMemoryError as wrong:
            raise ImageError(
                f"The device's memory is too small: {wrong}.",
                "Give a smaller --count, --dtype float16 or --device cpu.",
            ) from wrong
        made = self._write()
        write_atomic(self.folder / DONE, as_json(asdict(made)))
        discard_checkpoint(self.folder)
        return made

    @property
    def done(self) -> int:
        """Steps of all stages together."""
        if self._stage is None:
            return 0
        names = [plan.name for plan in self.plans]
        return sum(plan.steps for plan in self.plans[: names.index(self._stage.name)]) + self._stage.step

    def _load(self) -> None:
        job = self.job
        check_task(job)
        if job.dtype not in DTYPES:
            raise ImageError(f"--dtype is {job.dtype!r}.", f"It takes {', '.join(DTYPES)}.")
        self.watch.begin("load")
        self.prior = load_prior(job.prior, job.device, job.dtype)
        check_prior(job, self.prior)

    def _prepare(self) -> list[str]:
        """Everything before the first step, and notes on it; nothing is written before all is known to be right."""
        job, prior = self.job, self.prior
        start, notes = self._read()
        prompts, told = ask(job, prior)
        x = None if start is None else prior.encode(start).detach()
        self.plans = plan(job, prior, x)
        lr = job.lr or prior.card.defaults.picture_lr
        self.steps = sum(stage.steps for stage in self.plans)
        self.job = replace(job, steps=self.steps, lr=lr)
        self.generator = torch.Generator().manual_seed(job.seed)
        self.picture = self._picture(start, x, self.generator)
        self.optimised = PromptedPicture(self.picture, show(job, prior, prompts, start), lr)
        self.first = self.picture.images()[0].clone() if start is not None else None
        for stage in self.plans:
            self.watch.expect(Stage(stage.name, stage.steps, count_step(stage.rule, prior.shape).cost))
        self.watch.rhythm = replace(self.watch.rhythm, preview_every=max(self.steps // PREVIEW_COUNT, 1))
        self.watch.done("load", 1)
        return [*notes, *([] if self.resume else self._begin(start)), *told]

    def _distil(self) -> None:
        """The steps that are left. A run that was killed before its first checkpoint begins anew."""
        state = load_checkpoint(self.folder) if self.resume else None
        if state:
            self._before = state["about"]
        self.prior.network.register_forward_hook(self._count)
        try:
            for stage in stage_runs(self.plans, self.optimised, self.prior, self.generator, state):
                self._stage = stage
                self.watch.run(stage, self._draw)
        except Stopped:
            if self.done < self.steps:
                raise StoppedEarly(self._write()) from None

    def _draw(self, preview: Path) -> None:
        write_atomic(preview, png_bytes(row(self.picture.images()), "", {}))

    def _read(self) -> tuple[Tensor | None, list[str]]:
        """The picture to begin with [1, H, H, 3], as the run's first sitting read it, and notes on it."""
        if self.job.picture is None:
            return None, []
        path = self.folder / INPUT if self.resume else self.job.picture
        image, notes = read_square(path, self.prior.card.resolution, self.job.fit)
        return torch.from_numpy(np.asarray(image, np.float32) / 255)[None].to(self.prior.device), notes

    def _picture(self, start: Tensor | None, x: Tensor | None, generator: torch.Generator) -> Picture:
        """What is optimised: from the picture read, or from noise."""
        job, prior = self.job, self.prior
        if job.task == "illusion":
            return RotatedOverlays(prior, *random_films(prior.card.resolution, generator), job.brightness)
        if x is None:
            x = random_x(prior, job.count, generator)
        if job.parameters == "latent":
            return LatentPicture(prior, x)
        return PixelPicture(prior, prior.decode(x) if start is None else start)

    def _begin(self, start: Tensor | None) -> list[str]:
        """Makes the run's folder, or an earlier run's there its own, and tells of that."""
        earlier = (self.folder / CHECKPOINT).exists()
        save_job(self.folder, self.job)
        discard_checkpoint(self.folder)
        if start is not None:
            write_atomic(self.folder / INPUT, png_bytes(to_image(start[0]), "", {}))
        return (
            ["a stopped run in the same folder is started over (--resume would have gone on with it)"]
            if earlier
            else []
        )

    def _write(self) -> Made:
        """The files with the picture as it is now."""
        job, prior = self.job, self.prior
        about = {"stages": describe(self.plans), "done": self.done, "dtype": str(prior.dtype).removeprefix("torch.")}
        files = [str(path) for path in write_pictures(job, self.picture, about)]
        spent = self._spent()
        moved = kept = None
        if self.first is not None:
            moved, kept = change(self.first, self.picture.images()[0])
        return Made(
            files=files,
            folder=str(self.folder),
            done=self.done,
            steps=self.steps,
            seconds=round(spent["seconds"], 2),
            cpu_seconds=round(spent["cpu_seconds"], 2),
            nfe=spent["calls"] / len(self.optimised.prompts.target) / prior.views,
            rule=job.rule,
            seed=job.seed,
            prior=prior.name,
            lr=self.optimised.lr,
            warnings=self.watch.warnings,
            moved=moved,
            kept=kept,
        )

    def _spent(self) -> dict[str, Any]:
        """Since the run began, earlier sittings included."""
        return {
            "seconds": self._before["seconds"] + time.monotonic() - self._began,
            "cpu_seconds": self._before["cpu_seconds"] + time.process_time() - self._began_cpu,
            "calls": self._before["calls"] + self._calls,
        }

    def _count(self, network: Any, inputs: Any, output: Any) -> None:
        self._calls += len(output[0])
