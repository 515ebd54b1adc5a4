"""Whether a server and this extension understand each other."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from ..trouble import Trouble
from .failure import not_realify

API = 1  # the number in /v1


@cache
def own_version() -> str:
    """The extension's, as its manifest says."""
    manifest = Path(__file__).resolve().parents[1] / "blender_manifest.toml"
    return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]


def check_version(about: dict[str, Any], url: str) -> None:
    """Of what /v1/version answered. Raises Trouble not_realify, other_version."""
    version, api = about.get("version"), about.get("api")
    if about.get("name") != "realify" or not isinstance(version, str) or type(api) is not int:
        raise not_realify(url, "it does not say its version as one does")
    if api == API:
        return
    if api > API:
        fix = f"Install the extension that comes with Realify {version}."
    else:
        fix = "Bring the server up to date (pip install --upgrade realify), and start it again."
    message = f"The server is Realify {version}, interface {api}; this extension is {own_version()}, interface {API}."
    raise Trouble("other_version", message, fix)
