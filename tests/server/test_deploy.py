"""What deploy/ names is there: options of `realify serve`, packages, commands of its pages."""

from __future__ import annotations

import plistlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from realify.commands.cli import build_app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def commands() -> Any:
    return get_command(build_app()).commands  # type: ignore[attr-defined]


def serve_lines() -> list[tuple[str, str]]:
    """(file, words behind `realify serve`) wherever it is called."""
    found = []
    for file in sorted(DEPLOY.iterdir()):
        text = file.read_text(encoding="utf-8").replace('", "', " ").replace("\\\n", " ")
        found += [(file.name, words) for words in re.findall(r"realify(?:\.exe)?\"? serve([^\n`#>]*)", text)]
    return found


def test_every_option_of_serve_exists(commands: Any) -> None:
    lines = serve_lines()
    assert {"Dockerfile", "realify.service", "org.realify.server.plist", "README.md", "windows.md"} <= {
        name for name, _ in lines
    }
    options = {option for parameter in commands["serve"].params for option in parameter.opts}
    for name, words in lines:
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", words)) <= options, name


def test_every_command_exists(commands: Any) -> None:
    for file in DEPLOY.glob("*.md"):
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"bin/realify\s+([a-z]+)", text)) <= set(commands), file


def test_the_container_gets_every_package_and_runs_as_nobody_else() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    assert {f"!{name.rstrip('*')}" for name in packages["find"]["include"]} <= set(ignore)
    last = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    user, entry = last.index("\nUSER realify"), last.index("\nENTRYPOINT")
    assert user < entry and "\nUSER" not in last[user + 1 :]


def test_compose_keeps_to_this_machine_and_to_its_volume() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["realify"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["volumes"] == ["data:/data"]


def test_the_agent_is_a_property_list() -> None:
    about = plistlib.loads((DEPLOY / "org.realify.server.plist").read_bytes())
    assert about["ProgramArguments"][:2] == ["/bin/sh", "-c"] and about["KeepAlive"] == {"SuccessfulExit": False}
