"""A 2D run stopped anywhere and taken up again ends in the very same file."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from distill.nfe import count_step
from realify.images.job import ImageError, ImageJob, load_job
from realify.images.results import Made
from realify.images.run import ImageRun, StoppedEarly
from realify.job.events import Event, Stopped
from realify.job.run_folder import CHECKPOINT
from tests.realify.images.jobs import about, image

ROOT = Path(__file__).parents[3]


def run(job: ImageJob, resume: bool = False, stop: Callable[[int], bool] = lambda done: False) -> Made:
    """Runs the job; `stop` is told how many steps this sitting has done whenever the run asks whether to stop."""
    told = {("", 0)}

    def on_event(event: Event) -> None:
        if event.stage != "load" and event.step:
            told.add((event.stage, event.step))

    return ImageRun(job, job.folder, resume, on_event, lambda: stop(len(told) - 1)).run()


def job_on(tiny_prior: Path, folder: Path, rule: str, **changes: object) -> ImageJob:
    job = ImageJob("text", ("a cup",), folder / "cup.png", rule=rule, steps=10, lr=0.05, prior=str(tiny_prior))
    if rule == "sdi":
        job = replace(job, constants={"inversion_steps": "2"})  # ten take their time
    return replace(job, **changes)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def whole_of(tiny_prior: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """What a rule makes of the text when nobody stops it."""
    return cache(lambda rule: run(job_on(tiny_prior, tmp_path_factory.mktemp(rule), rule)))


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


# The bridge: within its first stage, at the switch, after it, at the last step but one.
STOPS = [("bridge", 1), ("bridge", 2), ("bridge", 3), ("bridge", 9), ("vsd", 5), ("sdi", 5), ("csd", 1)]


@pytest.mark.parametrize(("rule", "after"), STOPS)
def test_text_goes_on_where_it_was(
    rule: str, after: int, whole_of: Callable[[str], Made], tiny_prior: Path, tmp_path: Path
) -> None:
    job = job_on(tiny_prior, tmp_path, rule)
    with pytest.raises(StoppedEarly) as stopped:
        run(job, stop=lambda done: done == after)
    assert stopped.value.made.done == after and about(job.out)["done"] == after
    made = run(load_job(job.folder), resume=True)
    assert job.out.read_bytes() == Path(whole_of(rule).files[0]).read_bytes()
    assert made.nfe == whole_of(rule).nfe


@pytest.mark.parametrize("rule", ["bridge", "dds"])
@pytest.mark.parametrize("parameters", ["latent", "pixels"])
def test_a_painting_goes_on_even_when_its_file_is_gone(
    rule: str,
    parameters: str,
    painting: Path,
    tiny_prior: Path,
    tmp_path: Path,
) -> None:
    changes = {"task": "paint", "picture": painting, "parameters": parameters}
    whole = run(job_on(tiny_prior, tmp_path / "whole", rule, **changes))
    job = job_on(tiny_prior, tmp_path / "parts", rule, **changes)
    with pytest.raises(StoppedEarly):
        run(job, stop=lambda done: done == 4)
    painting.unlink()
    made = run(load_job(job.folder), resume=True)
    assert job.out.read_bytes() == Path(whole.files[0]).read_bytes()
    assert made.moved == whole.moved and made.moved and made.kept == whole.kept


def test_an_illusion_goes_on_with_both_films(tiny_prior: Path, tmp_path: Path) -> None:
    changes = {"task": "illusion", "prompts": ("a", "b", "c", "d"), "steps": 6}
    whole = run(job_on(tiny_prior, tmp_path / "whole", "bridge", **changes))
    job = job_on(tiny_prior, tmp_path / "parts", "bridge", **changes)
    with pytest.raises(StoppedEarly) as stopped:
        run(job, stop=lambda done: done == 3)
    assert len(stopped.value.made.files) == 3
    run(load_job(job.folder), resume=True)
    for file in whole.files:
        assert Path(file).read_bytes() == (job.out.parent / Path(file).name).read_bytes()


def test_stopped_before_the_first_step_nothing_is_written(tiny_prior: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(job_on(tiny_prior, tmp_path, "sds"), stop=lambda done: done == 0)
    assert not list(tmp_path.iterdir())


def test_a_killed_run_without_a_checkpoint_begins_anew(
    whole_of: Callable[[str], Made], tiny_prior: Path, tmp_path: Path
) -> None:
    job = job_on(tiny_prior, tmp_path, "bridge")
    with pytest.raises(StoppedEarly):
        run(job, stop=lambda done: done == 4)
    (job.folder / CHECKPOINT).unlink()
    run(load_job(job.folder), resume=True)
    assert job.out.read_bytes() == Path(whole_of("bridge").files[0]).read_bytes()


def test_a_stopped_run_that_is_not_resumed_is_started_over_with_a_word(tiny_prior: Path, tmp_path: Path) -> None:
    job = job_on(tiny_prior, tmp_path, "sds")
    with pytest.raises(StoppedEarly):
        run(job, stop=lambda done: done == 4)
    assert "is started over" in run(job).warnings[0] and about(job.out)["done"] == 10
    assert not any("started over" in warning for warning in run(job).warnings)


def test_what_is_finished_or_broken_is_not_gone_on_with(tiny_prior: Path, tmp_path: Path) -> None:
    job = job_on(tiny_prior, tmp_path, "sds")
    run(job)
    with pytest.raises(ImageError, match="is finished"):
        load_job(job.folder)
    (job.folder / "result.json").unlink()
    (job.folder / "image.json").write_text("{}")
    with pytest.raises(ImageError, match="cannot be read"):
        load_job(job.folder)


def test_resume_refuses_what_the_run_did_not_begin_with(tiny_prior: Path, tmp_path: Path) -> None:
    job = job_on(tiny_prior, tmp_path, "sds")
    with pytest.raises(StoppedEarly):
        run(job, stop=lambda done: done == 4)
    for arguments, told in [
        (["text", "a mug"], "the prompt"),
        (["text", "-o", tmp_path / "x.png"], "-o"),
        (["text", "--seed", 4], "--seed"),
        (["text", "--constant", "guidance_scale=3"], "--constant"),
        (["paint"], "realify image text --resume"),
    ]:
        done = image(*arguments, "--resume", job.folder)
        assert done.code == 2 and told in done.told
    assert image("text", "a cup", "--rule", "sds", "--steps", 10, "--resume", job.folder).code == 0


# On the embedded prior, whose steps are long enough that a signal arrives before the end.
APPLE = ("text", "a red apple", "--steps", "30", "--constant", "first=0.4")


def test_ctrl_c_and_resume_give_the_same_file(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole" / "apples.png", tmp_path / "parts" / "apples.png"
    assert image(*APPLE, "-o", whole).code == 0
    command = [sys.executable, "-m", "realify", "image", *APPLE, "-o", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("distilling by bridge"):
                process.send_signal(signal.SIGINT)
                break
        told = process.stderr.read()
    assert process.returncode == 130, told
    assert f"wrote {out}" in told and 12 <= about(out)["done"] < 30
    again = shlex.split(told.strip().splitlines()[-1])
    assert again[:4] == ["realify", "image", "text", "--resume"]
    resume = [sys.executable, "-m", "realify", *again[1:]]
    done = subprocess.run(resume, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "distilling by sds" not in done.stderr, "the first stage was done again"
    assert out.read_bytes() == whole.read_bytes()


def test_time_is_foretold_by_the_predictions_that_a_step_makes(tiny_prior: Path, tmp_path: Path) -> None:
    """Counted on a prior in closed form before the run, and by the network's own calls in it."""
    job = job_on(tiny_prior, tmp_path, "full-path", steps=5)
    running = ImageRun(job, job.folder, False, lambda event: None, lambda: False)
    made = running.run()
    foretold = {plan.name: count_step(plan.rule, running.prior.shape).cost for plan in running.plans}
    assert foretold["full-path"] == 30  # as docs/rules.md says
    assert made.nfe == sum(plan.steps * foretold[plan.name] for plan in running.plans)
