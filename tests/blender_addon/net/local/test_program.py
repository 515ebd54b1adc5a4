"""Where Realify's program is looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from blender_addon.net.local.program import find_program, path_folders, usual_folders
from blender_addon.trouble import Trouble
from tests.server.running import ROOT

NAME = "realify.exe" if sys.platform == "win32" else "realify"


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty PATH, on a system that has no program of its own."""
    monkeypatch.setattr("blender_addon.net.local.program.UNIX", ("~/.local/bin", "~/.pyenv/shims"))
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for variable in ("PATH", "UV_TOOL_BIN_DIR", "PIPX_BIN_DIR", "XDG_BIN_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.mark.parametrize("inside", [".", "bin", "Scripts", ".venv/bin", ".venv/Scripts", "venv/bin", "venv/Scripts"])
def test_a_folder_that_has_it(inside: str, tmp_path: Path) -> None:
    there = program(tmp_path / "my realify" / inside / NAME)
    assert find_program(str(tmp_path / "my realify")) == there
    assert find_program(f' "{there}" ') == there, "as it is copied from a file manager"


def test_this_checkout() -> None:
    found = find_program(str(ROOT))
    assert found.parent.parent == ROOT / ".venv"


def test_what_is_given_is_not_replaced_by_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program(home / "path" / NAME).parent))
    (home / "text").write_text("no program")
    (home / "empty").mkdir()
    for given in ("none", "empty", *([] if sys.platform == "win32" else ["text"])):
        with pytest.raises(Trouble) as told:
            find_program(str(home / given))
        assert told.value.code == "no_program" and str(home / given) in told.value.message
    program(home / "checkout" / ".venv" / "bin" / NAME)
    assert find_program("~/checkout") == home / "checkout" / ".venv" / "bin" / NAME


def test_path_goes_before_the_usual_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, own = program(home / ".local" / "bin" / NAME), program(home / "own" / NAME)
    assert find_program("") == usual
    monkeypatch.setenv("PATH", f"{home / 'nowhere'}:{own.parent}" if sys.platform != "win32" else str(own.parent))
    assert find_program("") == own


@pytest.mark.skipif(sys.platform == "win32", reason="PATH is written otherwise")
def test_nothing_beside_the_open_file_is_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .blend from somebody else may lie beside a program called realify."""
    program(home / NAME)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", ".::bin:")
    assert path_folders({"PATH": ".::bin:/usr/bin"}) == [Path("/usr/bin")]
    with pytest.raises(Trouble):
        find_program("")


def test_it_says_where_it_looked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home / "some folder"))
    with pytest.raises(Trouble) as told:
        find_program("")
    assert told.value.code == "no_program" and "pip install" in told.value.fix
    assert str(home / "some folder") in told.value.message and str(home / ".local" / "bin") in told.value.message


def test_every_systems_usual_places(tmp_path: Path) -> None:
    folders = {
        "darwin": ["Library/Python/3.11/bin", "Library/Python/3.9/bin", "miniforge3/bin", "own"],
        "linux": [".local/bin", ".pyenv/shims", "anaconda3/bin"],
        "win32": [
            "AppData/Roaming/Python/Python312/Scripts",
            "AppData/Local/Programs/Python/Python311/Scripts",
            "AppData/Local/Packages/PythonSoftwareFoundation.Python.3.12_q/LocalCache/local-packages/Python312/Scripts",
            "miniconda3/Scripts",
        ],
    }
    for system, wanted in folders.items():
        home = tmp_path / system
        for folder in wanted:
            (home / folder).mkdir(parents=True)
        environment = {"APPDATA": f"{home}/AppData/Roaming", "LOCALAPPDATA": f"{home}/AppData/Local"}
        if system == "darwin":
            environment = {"UV_TOOL_BIN_DIR": f"{home}/own"}
        found = [
            folder.relative_to(home).as_posix()
            for folder in usual_folders(system, environment, home)
            if folder.is_dir() and folder.is_relative_to(home)
        ]
        assert sorted(found) == sorted(wanted)
    pythons = [each for each in usual_folders("darwin", {}, tmp_path / "darwin") if "darwin/Library" in each.as_posix()]
    assert [each.parent.name for each in pythons] == ["3.11", "3.9"], "the newest first"
