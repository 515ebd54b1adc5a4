"""Every benchmark is on the list that `make bench` runs, and the results page names each."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import MODULES, head

FOLDER = Path(__file__).parents[1] / "benchmarks"
HELPERS = {"__init__", "__main__", "yardstick"}


def test_every_benchmark_is_listed() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    runnable = {name for name in files - HELPERS if "__main__" in (FOLDER / f"{name}.py").read_text()}
    assert set(MODULES) == runnable


def test_the_head_names_the_machine() -> None:
    assert "cores" in head() and "make bench" in head()
