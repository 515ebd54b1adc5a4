"""docs/rules.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from distill.rules.registry import RULES
from distill.rules_page import page

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"
REALISM = PAGE.with_name("realism.md")


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_it_has_every_rule_with_its_cost() -> None:
    rows = {line.split("`")[1]: line.split(" | ") for line in page().splitlines() if line.startswith("| `")}
    rows.pop("--rule")
    assert list(rows) == list(RULES)
    assert rows["sds"][3:6] == ["2", "2", "no"]
    assert rows["vsd"][3:6] == ["3", "2", "LoRA"]
    assert rows["full-path"][3] == "30"


def _bridge_less_sds(measure: str) -> list[float]:
    """What docs/realism.md measured, lower is better; once for each size of the pictures."""
    rows = [line.split(" | ") for line in REALISM.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    column = next(row for row in rows if row[0] == "| measure").index("bridge − SDS")
    found = [float(row[column].split(" ± ")[0]) for row in rows if row[0].startswith(f"| {measure}")]
    assert found, f"docs/realism.md has no row {measure!r}"
    return found


def test_the_bridge_is_promised_no_more_than_was_measured() -> None:
    """Should the figures turn, the words have to."""
    better, _, worse = RULES["bridge"].use.partition(" but ")
    words = {"saturation": "saturation gap", "spectrum": "spectrum gap", "KID": "KID, classifier", "Fréchet": "Fréchet"}
    for word, measure in words.items():
        nearer = all(each < 0 for each in _bridge_less_sds(measure))
        assert word in (better if nearer else worse), measure
