"""`realify prior words`, as one runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REALIFY = Path(sys.executable).with_name("realify")


def realify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REALIFY, *arguments], capture_output=True, text=True, timeout=120)


def test_lists_what_the_embedded_prior_knows() -> None:
    shown = realify("prior", "words")
    assert shown.returncode == 0
    lines = {line.split("  ")[0]: line for line in shown.stdout.splitlines() if "  " in line}
    assert "mushroom" in lines["objects"] and "red" in lines["colors"] and "side view" in lines["views"]


def test_prints_json_for_programs() -> None:
    groups = json.loads(realify("prior", "words", "--json").stdout)
    assert {"objects", "colors", "materials", "views", "backgrounds"} <= groups.keys()


def test_a_prior_without_a_card_knows_no_list(tmp_path: Path) -> None:
    assert "write freely" in realify("prior", "words", str(tmp_path)).stdout


def test_a_missing_prior_says_how_to_get_it() -> None:
    shown = realify("prior", "words", "nobody/nothing")
    assert shown.returncode == 2 and "hf download nobody/nothing" in shown.stderr
