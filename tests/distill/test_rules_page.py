"""docs/rules.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from distill.rules import RULES
from distill.rules_page import page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_it_has_every_rule_with_its_cost() -> None:
    rows = {line.split("`")[1]: line.split(" | ") for line in page().splitlines() if line.startswith("| `")}
    rows.pop("--rule")
    assert list(rows) == list(RULES)
    assert rows["sds"][3:6] == ["2", "2", "no"]
    assert rows["vsd"][3:6] == ["3", "2", "LoRA"]
    assert rows["full-path"][3] == "30"
