"""A rule that learns on the way: its state is in the stage's checkpoint and comes back from the file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distill.load import load_prior
from distill.prior import Prior
from distill.prompts import PromptTable
from distill.rules.stage import StagePlan, StageRun
from distill.rules.vsd import VSD
from distill.schedule import TimestepRange, TimestepSchedule
from realify.job.checkpoint import load_checkpoint, save_checkpoint
from realify.settings import Settings
from sdf_fit.body.body import Body
from tests.realify.stages.stage_bodies import ball_body, red_prior, rendered, small_settings, stage

STEPS = 6
ALWAYS = TimestepSchedule(TimestepRange(0.2, 0.8), TimestepRange(0.2, 0.8), 0.0)


class Halted(Exception):
    """Raised after a step, as a job that is told to stop does."""


def begin(prior: Prior, prompts: PromptTable, settings: Settings, body: Body) -> StageRun:
    return stage("stage1", body, prior, prompts, settings, StagePlan("stage1", STEPS, VSD(), ALWAYS))


def check_resume(prior: Prior, prompts: PromptTable, folder: Path) -> None:
    """A stage of variational score distillation, halted, saved and gone on with, ends as one that was not."""
    settings = small_settings(render__views=1)
    whole = begin(prior, prompts, settings, ball_body())
    whole.run(lambda loss: None)

    halted = begin(prior, prompts, settings, ball_body())

    def halt(loss: float) -> None:
        if halted.step == STEPS // 2:
            save_checkpoint(folder, halted.state())
            raise Halted

    with pytest.raises(Halted):
        halted.run(halt)
    state = load_checkpoint(folder)
    assert state is not None and state["step"] == STEPS // 2
    body = Body.from_state(state["body"], rendered(halted).body.shape.extractor, "cpu")
    resumed = begin(prior, prompts, settings, body)
    resumed.restore(state)
    resumed.run(lambda loss: None)
    for name, value in rendered(whole).body.state_dict().items():
        assert torch.equal(value, body.state_dict()[name]), name


def test_a_learnt_source_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    prior = red_prior()
    check_resume(prior, PromptTable(prior, "a red ball"), tmp_path)


def test_the_embedded_priors_lora_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    prior = load_prior("embedded", "cpu", "float32")
    check_resume(prior, PromptTable(prior, "a photo of a red apple"), tmp_path)


def test_rules_that_learn_nothing_leave_no_state() -> None:
    prior = red_prior()
    begun = stage("stage1", ball_body(), prior, PromptTable(prior, "a red ball"), small_settings(stage1__steps=1))
    begun.run(lambda loss: None)
    assert "rule" not in begun.state()
