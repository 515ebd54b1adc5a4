"""What the server of this computer leaves in its data folder: where it is, its token, its certificate."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ...trouble import Trouble
from ..address import normalised, same_place
from ..certificate import pem_fingerprint
from ..client import Address


def data_folder() -> Path:
    """Where a server keeps its data unless it is told otherwise. REALIFY_DATA goes before."""
    given = os.environ.get("REALIFY_DATA")
    return Path(given) if given else user_data(sys.platform, os.environ, Path.home())


def user_data(system: str, environment: Mapping[str, str], home: Path) -> Path:
    """The user's own folder for it on each system, as the server's library platformdirs has it. `system` as in
    sys.platform."""
    if system == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "realify" / "realify"
    if environment.get("XDG_DATA_HOME", "").startswith("/"):
        return Path(environment["XDG_DATA_HOME"]) / "realify"
    return home / ("Library/Application Support" if system == "darwin" else ".local/share") / "realify"


def running(data: Path | None = None) -> Address | None:
    """The server that runs on a data folder, by what it wrote there; after a kill it may be gone all the same. Reads
    small files and asks nobody."""
    folder = data or data_folder()
    try:
        about = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        url, _ = normalised(about["url"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, Trouble):
        return None
    return Address(url, _token(folder), _fingerprint(folder) if url.startswith("https:") else "")


def token_for(url: str) -> str:
    """The token of the server of this computer, where a normalised address is its; else ""."""
    here = running()
    return here.token if here is not None and same_place(url, here.url) else ""


def _token(folder: Path) -> str:
    """"" where this user may not read it."""
    try:
        return (folder / "token").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _fingerprint(folder: Path) -> str:
    try:
        return pem_fingerprint((folder / "tls" / "cert.pem").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
