"""What a job advises its user comes as events: what the prior finds out on the way, and nothing of libraries."""

from __future__ import annotations

import logging
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from realify import pipeline
from realify.job.events import Advice, Event
from tests.realify.job.test_sampled_job import job, settings_of


@pytest.fixture(scope="module")
def told(tiny_prior: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The events of a job whose prior overflows in half precision, up to the end of the first stage."""
    folder = shutil.copytree(tiny_prior, tmp_path_factory.mktemp("prior") / "wide")
    unet = UNet2DConditionModel.from_pretrained(str(folder / "unet"))
    with torch.no_grad():
        unet.conv_in.weight.mul_(1e6)
    unet.save_pretrained(str(folder / "unet"))
    settings = settings_of(folder, prior__dtype="float16", sample__steps=0)
    return job(settings, tmp_path_factory.mktemp("job"), lambda event: event.stage == "stage2")


def test_a_prior_that_falls_back_to_float32_says_so_when_it_does(told: list[Event]) -> None:
    saying = [event for event in told if any("float32" in warning for warning in event.warnings)]
    assert [event.stage for event in saying] == ["stage1"]


def test_what_libraries_warn_of_goes_to_the_log(
    tiny_prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    unwrap = pipeline.unwrap

    def warned(*args, **options):
        warnings.warn("invalid value encountered in divide", RuntimeWarning, stacklevel=2)
        warnings.warn("the body keeps its faces", Advice, stacklevel=2)
        return unwrap(*args, **options)

    monkeypatch.setattr(pipeline, "unwrap", warned)
    with caplog.at_level(logging.WARNING, "realify"):
        events = job(settings_of(tiny_prior, sample__steps=0), tmp_path)
    assert [warning for event in events for warning in event.warnings] == ["the body keeps its faces"]
    assert "invalid value encountered in divide" in caplog.text
