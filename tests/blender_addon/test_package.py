"""The extension and the rest of the project are of one version."""

from __future__ import annotations

import tomllib
from pathlib import Path

import realify
import server
from blender_addon.net import handshake

MANIFEST = Path(handshake.__file__).parents[1] / "blender_manifest.toml"


def test_the_extension_has_the_programs_version_and_speaks_the_servers_interface() -> None:
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    assert manifest["version"] == realify.__version__
    assert handshake.API == server.API_VERSION


def test_what_it_asks_for_is_told_with_a_reason() -> None:
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    assert manifest["schema_version"] == "1.0.0" and manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert set(manifest["permissions"]) == {"network", "files"} and all(manifest["permissions"].values())
    assert "wheels" not in manifest
