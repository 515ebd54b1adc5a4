"""What the server of this computer leaves for programs, read as the server writes it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import platformdirs
import platformdirs.macos
import platformdirs.unix
import pytest

from blender_addon.net.client import Address
from blender_addon.net.local.data import data_folder, running, token_for, user_data
from server.folders import Folders, default_data
from server.network.instance import tell_address
from server.safety.tls import ensure_certificate
from server.safety.tokens import Tokens


def test_the_servers_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REALIFY_DATA", raising=False)
    assert data_folder() == default_data()
    monkeypatch.setenv("REALIFY_DATA", str(tmp_path))
    assert data_folder() == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="its own folder is looked at above")
@pytest.mark.parametrize("xdg", ["", "/xdg/data", "relative"])
def test_other_systems_folders(xdg: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As platformdirs has them, which the server uses."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", xdg)
    for system, known in (("linux", platformdirs.unix.Unix), ("darwin", platformdirs.macos.MacOS)):
        assert str(user_data(system, os.environ, tmp_path)) == known("realify").user_data_dir


def test_windows_folder() -> None:
    home = Path("/Users/Ann")
    assert user_data("win32", {"LOCALAPPDATA": "/Users/Ann/D"}, home) == Path("/Users/Ann/D/realify/realify")
    assert user_data("win32", {}, home) == Path("/Users/Ann/AppData/Local/realify/realify")


def serving(data: Path, url: str) -> Folders:
    """A data folder as a server that runs leaves it, by the server's own code."""
    folders = Folders(data)
    folders.make()
    Tokens.open(folders.token)
    tell_address(folders, url)
    return folders


def test_a_server_that_runs(tmp_path: Path) -> None:
    folders = serving(tmp_path, "http://127.0.0.1:8760")
    token = folders.token.read_text(encoding="ascii").strip()
    assert running(tmp_path) == Address("http://127.0.0.1:8760", token)
    own = ensure_certificate(folders.tls, [])
    assert running(tmp_path) == Address("http://127.0.0.1:8760", token)
    tell_address(folders, "https://[::1]:9000")
    assert running(tmp_path) == Address("https://[::1]:9000", token, own.fingerprint)
    own.cert.write_text("nonsense")
    assert running(tmp_path) == Address("https://[::1]:9000", token)
    folders.token.unlink()
    assert running(tmp_path) == Address("https://[::1]:9000", "")


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "1", "{}", '{"url": 1}', '{"url": null}', '{"url": "ftp://x"}', "\xff\xfe"]
)
def test_a_file_that_says_nothing(written: str, tmp_path: Path) -> None:
    (tmp_path / "server.json").write_bytes(written.encode("latin-1"))
    assert running(tmp_path) is None


def test_none_runs(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    assert running(tmp_path / "none") is None
    (tmp_path / "file").write_text(json.dumps({}))
    assert running(tmp_path / "file") is None


def test_its_token_is_for_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALIFY_DATA", str(tmp_path))
    assert token_for("http://127.0.0.1:8760") == ""
    token = serving(tmp_path, "http://127.0.0.1:8760").token.read_text(encoding="ascii").strip()
    for url in ("http://127.0.0.1:8760", "http://localhost:8760", "http://[::1]:8760"):
        assert token_for(url) == token
    for url in ("http://127.0.0.1:8761", "https://127.0.0.1:8760", "http://192.0.2.1:8760", "http://box.local:8760"):
        assert token_for(url) == ""
