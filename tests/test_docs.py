"""What README and docs name is there: paths, make targets, commands with their options, settings."""

from __future__ import annotations

import io
import re
import runpy
import sys
from contextlib import redirect_stdout
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.main import get_command

from realify.commands.cli import build_app
from realify.settings import describe

ROOT = Path(__file__).parents[1]
PAGES = [
    page
    for folder in ("", "docs/**/", "deploy/", "benchmarks/", "benchmarks/data/**/", "distill/**/")
    for page in sorted(ROOT.glob(f"{folder}*.md"))
]
ABOUT_US = [page for page in PAGES if page.parent.name != "deploy"]  # there are other programs' options, too
FOLDERS = "blender_addon|distill|realify|sdf_fit|server|deploy|benchmarks|docs|examples|tests|training"
HELP = {"--help", "-h", "--version"}
OPTION = re.compile(r"(?<!\S)--?[a-z][a-z-]*")
REALIFY = re.compile(r"(?:.*(?:bin/|Scripts\\))?realify (.*)")
PROGRAM = re.compile(r"python -m ((?:training|benchmarks)(?:\.\w+)*)(.*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/(?:[\w./-]*\w/?)?", text)
    linked = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    missing = {path for path in named if not (ROOT / path).exists()}
    missing |= {link for link in linked if not (page.parent / link).exists()}
    assert not missing


def test_conventions_say_where_to_add_six_things_and_each_file_is_there() -> None:
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (an? [a-z ]+) \| (.+) \|$", text, re.M))
    assert set(rows) == {"a rule", "a prior family", "a sketch format", "a setting", "a route", "a panel button"}
    for what, files in rows.items():
        named = re.findall(r"`([\w./]+/[\w./]+)`", files)
        assert named and all((ROOT / path).is_file() for path in named), what


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M))
        assert named <= targets, page


def commands(text: str) -> list[str]:
    """What a page says is typed: indented lines, continued ones as one, without their comments; and what stands between
    backticks, over a line's end too."""
    text = text.replace("\\\n", " ")
    lines = [line.split(" #")[0] for line in re.findall(r"^    (\S.*)$", text, re.M)]
    prose = re.sub(r"^    .*$", "", text, flags=re.M)
    return [" ".join(each.split()) for each in (*lines, *re.findall(r"`([^`]+)`", prose))]


def _used(words: str) -> set[str]:
    """The options among a command's words, but for those within quotes; of several commands those of the first."""
    return set(OPTION.findall(re.sub(r"\"[^\"]*\"", "", re.split(r" (?:&&|\|) ", words)[0]))) - HELP


@cache
def _of_realify(words: str) -> frozenset[str]:
    """Options that the sub-command at the head of these words has."""
    command: Any = get_command(build_app())
    for word in words.split():
        inner = getattr(command, "commands", None)
        if inner is None:
            break
        assert word in inner or word.startswith("-"), f"there is no `realify {words}`"
        command = inner.get(word, command)
    return frozenset(name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts))


@cache
def _of_module(name: str) -> frozenset[str]:
    """Options that `python -m name` has, out of what its own `--help` says; none for one that reads no arguments."""
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None, f"there is no module {name}"
    file = Path(spec.origin)
    file = file.with_name("__main__.py") if file.name == "__init__.py" else file
    if "ArgumentParser" not in file.read_text(encoding="utf-8"):
        return frozenset()
    said = io.StringIO()
    with patch.object(sys, "argv", [name, "--help"]), redirect_stdout(said), pytest.raises(SystemExit):
        runpy.run_module(name, run_name="__main__")
    usage = said.getvalue().split("\n\n")[0]
    return frozenset(re.findall(r"--[a-z-]+", usage))


def unknown(command: str) -> set[str]:
    """The options that this command of ours has not; empty for a command that is none of ours."""
    realify = REALIFY.match(command)
    if realify:
        return _used(realify[1]) - _of_realify(realify[1].split(" -")[0])
    program = PROGRAM.match(command)
    return _used(program[2]) - _of_module(program[1]) if program else set()


@pytest.mark.filterwarnings("ignore:.* found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_has_the_options_it_is_shown_with(page: Path) -> None:
    wrong = {each: unknown(each) for each in commands(page.read_text(encoding="utf-8"))}
    assert not {command: options for command, options in wrong.items() if options}


def test_commands_are_found_in_the_pages() -> None:
    """Else the test above would hold for want of them."""
    found = {each for page in PAGES for each in commands(page.read_text(encoding="utf-8"))}
    assert sum(bool(REALIFY.match(each)) for each in found) > 40
    modules = {program[1] for each in found if (program := PROGRAM.match(each))}
    assert {"training.train", "benchmarks.prior", "training.stage_one", "benchmarks.realism"} <= modules
    assert "python -m training.stage_one --out data/stage_one --objects 100" in found  # over a line's end


def test_an_option_of_another_command_is_told() -> None:
    assert unknown("realify prior fetch sd15 --revision main") == set()
    assert unknown("realify prior fetch sd15 --preset draft") == {"--preset"}  # `realify run` has that
    assert unknown("sudo -u realify /opt/bin/realify pair --data /x --tls") == {"--tls"}  # `realify serve` has that
    assert unknown("python -m training.train --data *.tar --only samples") == {"--only"}  # benchmarks.prior has that
    assert unknown("python -m benchmarks.color_field --quick") == {"--quick"}  # it has none at all
    with pytest.raises(AssertionError, match="no module"):
        unknown("python -m training.gone --out x")
    with pytest.raises(AssertionError, match="no `realify"):
        unknown("realify prior gone")


def _every(group: Any) -> list[Any]:
    """All sub-commands, those of sub-commands too."""
    inner = getattr(group, "commands", {}).values()
    return [group, *(command for each in inner for command in _every(each))]


def test_every_option_that_stands_alone_is_some_commands() -> None:
    options = {name for each in _every(get_command(build_app())) for field in each.params for name in field.opts}
    for folder in ("training", "benchmarks"):
        for file in (ROOT / folder).rglob("*.py"):
            options |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', file.read_text(encoding="utf-8")))
    for page in ABOUT_US:
        assert set(re.findall(r"`(--[a-z-]+)", page.read_text(encoding="utf-8"))) <= options | HELP, page


def test_every_setting_exists() -> None:
    keys = {row.key for row in describe()}
    groups = {key.split(".")[0] for key in keys if "." in key}
    for page in PAGES:
        named = re.findall(rf"`((?:{'|'.join(groups)})\.[a-z_]+)[`=]", page.read_text(encoding="utf-8"))
        assert {key for key in named if not key.endswith((".py", ".glb", ".json"))} <= keys | {"realify.pipeline"}, page
