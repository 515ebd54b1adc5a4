"""A source distribution that the first stage learns goes on into the second, as it does in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distill.rules import stage
from distill.rules.learnt_source import LearntSourceState
from tests.realify.job.test_sampled_job import job, settings_of


def test_what_the_first_stage_learnt_is_not_lost(
    tiny_prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Any] = []

    class Watched(stage.StageRun):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            begun.append(self.rule_state)

    monkeypatch.setattr(stage, "StageRun", Watched)
    job(settings_of(tiny_prior, stage1__rule="vsd", stage2__rule="vsd", sample__steps=0), tmp_path)
    first, second = begun
    assert isinstance(first, LearntSourceState) and second is first
