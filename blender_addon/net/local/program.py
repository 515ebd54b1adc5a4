"""Where Realify's own program lies on this computer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...trouble import Trouble

FIX = "Install Realify (pip install \"realify[server]\"), or give its program in the preferences."
INSIDE = ("", "bin", "Scripts", ".venv/bin", ".venv/Scripts", "venv/bin", "venv/Scripts")  # a checkout, an environment
UNIX = ("~/.local/bin", "~/.pyenv/shims", "/usr/local/bin", "/usr/bin", "/snap/bin")
MAC = ("~/Library/Python/3.*/bin", "/opt/homebrew/bin", "/Library/Frameworks/Python.framework/Versions/3.*/bin")
LINUX = ("/home/linuxbrew/.linuxbrew/bin",)
CONDA = ("~/miniforge3", "~/miniconda3", "~/anaconda3")
WINDOWS = (
    "{APPDATA}/Python/Python3*/Scripts",  # pip install --user
    "{LOCALAPPDATA}/Programs/Python/Python3*/Scripts",
    "{LOCALAPPDATA}/Packages/PythonSoftwareFoundation.Python.3.*/LocalCache/local-packages/Python3*/Scripts",
    "{PROGRAMFILES}/Python3*/Scripts",
    "~/.local/bin",  # pipx, uv
)
OWN_BINS = ("UV_TOOL_BIN_DIR", "PIPX_BIN_DIR", "XDG_BIN_HOME")


def find_program(given: str) -> Path:
    """The program `realify`. `given`: the file itself, or a folder that has it (a checkout, a virtual environment),
    and nothing else is looked at then; "": it is looked for. Raises Trouble no_program, which says where."""
    name = "realify.exe" if sys.platform == "win32" else "realify"
    if plain := given.strip().strip('"').strip():
        return _given(Path(plain).expanduser(), name)
    folders = [*path_folders(os.environ), *usual_folders(sys.platform, os.environ, Path.home())]
    for folder in folders:
        if _is_program(folder / name):
            return folder / name
    where = ", ".join(dict.fromkeys(map(str, folders)))
    raise Trouble("no_program", f"There is no program `{name}` on this computer. Looked in: {where}.", FIX)


def path_folders(environment: Mapping[str, str]) -> list[Path]:
    """PATH, without what depends on the folder that Blender was started in."""
    return [Path(each) for each in environment.get("PATH", "").split(os.pathsep) if each and Path(each).is_absolute()]


def usual_folders(system: str, environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Where programs of Python packages are put, PATH or not: a program that is started from a dock or a start menu
    has a short PATH. Of a pattern with a star the newest comes first. `system` as in sys.platform."""
    yield from (Path(environment[name]) for name in OWN_BINS if environment.get(name))
    places = WINDOWS if system == "win32" else UNIX + (MAC if system == "darwin" else LINUX)
    for place in (*places, *(f"{each}/{'Scripts' if system == 'win32' else 'bin'}" for each in CONDA)):
        try:
            filled = place.format_map(environment)
        except KeyError:  # a variable of the system's that is not set
            continue
        path = home / filled[2:] if filled.startswith("~/") else Path(filled)
        pattern = path.relative_to(path.anchor).as_posix()
        found = Path(path.anchor).glob(pattern) if "*" in pattern else [path]
        yield from sorted(found, key=_numbers, reverse=True)


def _given(path: Path, name: str) -> Path:
    if path.is_dir():
        for inside in INSIDE:
            if _is_program(path / inside / name):
                return path / inside / name
        raise Trouble("no_program", f"There is no program `{name}` in the folder {path}.", FIX)
    if not path.is_file():
        raise Trouble("no_program", f"There is no file {path}.", FIX)
    if not _is_program(path):
        raise Trouble("no_program", f"{path} is no program that this user may start.", FIX)
    return path


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _numbers(path: Path) -> list[int]:
    """So that Python 3.10 is newer than 3.9."""
    digits = "".join(letter if letter.isdigit() else " " for letter in path.as_posix())
    return [int(each) for each in digits.split()]
