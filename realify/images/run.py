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
from distill.images.picture import LatentPicture, Picture, PixelPicture, random_x
from distill.images.run import PictureRun
from distill.load import DTYPES, load_prior
from distill.nfe import count_step
from distill.rules.rule import NonFiniteGradient
from realify.images.files import png_bytes
from realify.images.input_picture import read_square
from realify.images.job import DONE, INPUT, ImageError, ImageJob, as_json, save_job
from realify.images.prompts import ask, check_prior, check_task, describe, plan, show
from realify.images.results import Made, change, row, to_image, write_pictures
from realify.job.atomic import write_atomic
from realify.job.checkpoint import discard_checkpoint, load_checkpoint, save_checkpoint
from realify.job.events import Event, Stage, Stopped, Ticker
from realify.job.run_folder import CHECKPOINT, PREVIEWS

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
        self._on_event, self._should_stop = on_event, should_stop
        self._began, self._began_cpu, self._saved = time.monotonic(), time.process_time(), time.monotonic()
        self._before = {"seconds": 0.0, "cpu_seconds": 0.0, "calls": 0}
        self._calls = 0
        self.warnings: list[str] = []

    def run(self) -> Made:
        """The job to its end.

        Raises StoppedEarly, Stopped before the first step, and the parts' own errors: ImageError, UnknownRule,
        PromptError, MissingPrior, PriorError, DeviceError, CheckpointError.
        """
        try:
            self._load()
            self._prepare()
            self.steps.run(self._after_step)
        except NonFiniteGradient as wrong:
            raise ImageError(
                f"The {wrong.rule} gradient is not finite after {self.steps.step} steps.",
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

    def _load(self) -> None:
        job = self.job
        check_task(job)
        if job.dtype not in DTYPES:
            raise ImageError(f"--dtype is {job.dtype!r}.", f"It takes {', '.join(DTYPES)}.")
        self._on_event(Event("load", 0, 1))
        self.prior = load_prior(job.prior, job.device, job.dtype)
        check_prior(job, self.prior)
        self._on_event(Event("load", 1, 1))

    def _prepare(self) -> None:
        """Everything before the first step; nothing is written before all of it is known to be right."""
        job, prior = self.job, self.prior
        start, notes = self._read()
        prompts, told = ask(job, prior)
        x = None if start is None else prior.encode(start).detach()
        self.plans = plan(job, prior, x)
        lr = job.lr or prior.card.defaults.picture_lr
        self.job = replace(job, steps=sum(stage.steps for stage in self.plans), lr=lr)
        if self._should_stop():
            raise Stopped
        generator = torch.Generator().manual_seed(job.seed)
        picture = self._picture(start, x, generator)
        self.first = picture.images()[0].clone() if start is not None else None
        self.steps = PictureRun(picture, prior, show(job, prior, prompts, start), self.plans, lr, generator)
        prior.network.register_forward_hook(self._count)
        stages = [Stage(plan.name, plan.steps, count_step(plan.rule, prior.shape).cost) for plan in self.plans]
        self.ticker = Ticker(self._on_event, stages)
        if self.resume:
            self._go_on()
        else:
            notes += self._begin(start)
        self.ticker.tick(*self._place())
        self._told = 0
        self._warn(*notes, *told)
        self._pass_notes()

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

    def _go_on(self) -> None:
        """To where the checkpoint was taken; a run that was killed before its first begins anew."""
        state = load_checkpoint(self.folder)
        if state is not None:
            self.steps.restore(state["run"])
            self._before = state["spent"]
            self.ticker.resume(*self._place())

    def _after_step(self, run: PictureRun, size: float) -> None:
        """Tells of the step, draws a preview at times, leaves a checkpoint, stops when asked to."""
        preview = None
        if run.step % max(run.total // PREVIEW_COUNT, 1) == 0:
            preview = self.folder / PREVIEWS / f"{run.step:06d}.png"
            preview.parent.mkdir(exist_ok=True)
            write_atomic(preview, png_bytes(row(run.picture.images()), "", {}))
        self.ticker.tick(*self._place(), preview=preview)
        self._pass_notes()
        stop = self._should_stop() and run.step < run.total
        if stop or time.monotonic() - self._saved >= SAVE_EVERY:
            save_checkpoint(self.folder, {"run": run.state(), "spent": self._spent()})
            self._saved = time.monotonic()
        if stop:
            raise StoppedEarly(self._write())

    def _write(self) -> Made:
        """The files with the picture as it is now."""
        job, run, prior = self.job, self.steps, self.prior
        about = {"stages": describe(self.plans), "done": run.step, "dtype": str(prior.dtype).removeprefix("torch.")}
        files = [str(path) for path in write_pictures(job, run.picture, about)]
        spent = self._spent()
        moved = kept = None
        if self.first is not None:
            moved, kept = change(self.first, run.picture.images()[0])
        return Made(
            files=files,
            folder=str(self.folder),
            done=run.step,
            steps=run.total,
            seconds=round(spent["seconds"], 2),
            cpu_seconds=round(spent["cpu_seconds"], 2),
            nfe=spent["calls"] / len(run.prompts.target) / prior.views,
            rule=job.rule,
            seed=job.seed,
            prior=prior.name,
            lr=run.lr,
            warnings=self.warnings,
            moved=moved,
            kept=kept,
        )

    def _place(self) -> tuple[str, int]:
        """The stage of the last step done, and how many of its steps are."""
        done, stage = self.steps.step, self.plans[0]
        for stage in self.plans:
            if done <= stage.steps:
                break
            done -= stage.steps
        return stage.name, done

    def _spent(self) -> dict[str, Any]:
        """Since the run began, earlier sittings included."""
        return {
            "seconds": self._before["seconds"] + time.monotonic() - self._began,
            "cpu_seconds": self._before["cpu_seconds"] + time.process_time() - self._began_cpu,
            "calls": self._before["calls"] + self._calls,
        }

    def _count(self, network: Any, inputs: Any, output: Any) -> None:
        self._calls += len(output[0])

    def _warn(self, *warnings: str) -> None:
        self.warnings += warnings
        if warnings:
            self.ticker.warn(warnings)

    def _pass_notes(self) -> None:
        """What the prior has to say since the last time."""
        notes = self.prior.notes[self._told :]
        self._told += len(notes)
        self._warn(*notes)
