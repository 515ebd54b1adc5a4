"""What README and docs name is there: paths, make targets, options of the command line, settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from realify.cli import build_app
from realify.settings import describe

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = "blender_addon|distill|realify|sdf_fit|server|deploy|benchmarks|docs|examples|tests"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/(?:[\w./-]*\w/?)?", text)
    linked = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    missing = {path for path in named if not (ROOT / path).exists()}
    missing |= {link for link in linked if not (page.parent / link).exists()}
    assert not missing


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, page


def _commands(group: Any) -> list[Any]:
    """All sub-commands, those of sub-commands too."""
    inner = getattr(group, "commands", {}).values()
    return [group, *(command for each in inner for command in _commands(each))]


def test_every_option_and_setting_exists() -> None:
    commands = _commands(get_command(build_app()))
    options = {name for command in commands for parameter in command.params for name in parameter.opts}
    for folder in ("training", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            options |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', file.read_text(encoding="utf-8")))
    keys = {row.key for row in describe()}
    groups = {key.split(".")[0] for key in keys if "." in key}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        used = re.findall(r"`(--[a-z-]+)", text)
        for line in re.findall(r"^    realify (.*?)(?:#|$)", text, re.M):
            used += re.findall(r"(?<!\S)--?[a-z-]+", line)
        assert set(used) <= options | {"--help", "--version"}, page
        named = re.findall(rf"`((?:{'|'.join(groups)})\.[a-z_]+)[`=]", text)
        assert {key for key in named if not key.endswith(".py")} <= keys | {"realify.pipeline"}, page
