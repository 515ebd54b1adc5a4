"""Pictures of discs and squares to grade by."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.prior import descriptors
from benchmarks.prior.held_out import Example, examples
from tests.benchmarks.prior.priors import SIZE
from tests.training.tiny_world import tiny_renders


@pytest.fixture(scope="module")
def guided() -> list[Example]:
    return examples(tiny_renders(range(12)), 6, np.random.default_rng(0), SIZE, guided=True)


@pytest.fixture(scope="module")
def pictures() -> list[Example]:
    return examples(tiny_renders(range(12)), 6, np.random.default_rng(0), SIZE)


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a corruption: a picture half as bright."""
    monkeypatch.setattr(descriptors, "corrupt", lambda image, *_: image / 2)
