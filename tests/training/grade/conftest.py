"""Pictures of discs and squares to grade by."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.grade.priors import SIZE
from tests.training.tiny_world import tiny_renders
from training.grade import descriptors
from training.held_out import Example, examples


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
