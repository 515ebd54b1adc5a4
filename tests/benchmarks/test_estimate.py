"""Means, their errors, and the time that is left."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.estimate import estimate
from training.countdown import clock, countdown


def test_the_error_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, 500)
    found = estimate(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(500))
    assert str(found) == f"{found.mean:.3f} ± {found.error:.3f}"


def test_the_same_seen_again_is_no_news() -> None:
    values = np.random.default_rng(0).normal(size=40)
    again = estimate(values.repeat(9), groups=np.arange(40).repeat(9))
    assert again.mean == pytest.approx(estimate(values).mean)
    assert again.error == pytest.approx(estimate(values).error)


def test_weights_count() -> None:
    assert estimate(np.array([0.0, 1.0]), weights=np.array([3, 1])).mean == 0.25


def test_one_object_has_no_error() -> None:
    with pytest.raises(ValueError, match="3 values of 1 objects"):
        estimate(np.zeros(3), groups=np.zeros(3))


def test_a_countdown_passes_everything_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(countdown("abc", "letters", every=0)) == list("abc")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["letters: 1 of 3, 0:00 left", "letters: 2 of 3, 0:00 left", "letters: 0:00"]
    assert clock(187) == "3:07" and clock(59.7) == "1:00"
