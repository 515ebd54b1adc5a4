"""The token's file, and what a request's token or cookie is worth."""

import os
import stat
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from server.safety.private_file import write_private
from server.safety.tokens import TokenError, Tokens

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the user's folder is private")


def test_a_token_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token"
    first, again = Tokens.open(path), Tokens.open(path)
    assert first.token == again.token == path.read_text().strip()
    assert len(first.token) >= 43
    assert [each.name for each in path.parent.iterdir()] == ["token"]
    assert Tokens.open(tmp_path / "other").token != first.token


@posix
def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    before = os.umask(0)
    try:
        Tokens.open(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_rights_of_others_are_taken_away_and_told(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("x" * 40)
    path.chmod(0o644)
    with capture_logs() as logs:
        assert Tokens.open(path).token == "x" * 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [log["mode"] for log in logs] == ["0o644"]
    assert "x" * 40 not in str(logs)


@pytest.mark.parametrize(
    "content", [b"", b"short", b"a" * 31, b"two words " * 5, b"\xff" * 40, b"a" * 40 + b"\n" + b"b" * 40]
)
def test_a_damaged_token_is_told(tmp_path: Path, content: bytes) -> None:
    write_private(tmp_path / "token", content)
    with pytest.raises(TokenError) as caught:
        Tokens.open(tmp_path / "token")
    assert str(tmp_path / "token") in caught.value.message
    assert "elete it" in caught.value.fix


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ([], "none"),
        (["Bearer " + "a" * 40], "right"),
        (["bearer  " + "a" * 40 + " "], "right"),
        (["Bearer " + "a" * 39], "wrong"),
        (["Bearer " + "a" * 41], "wrong"),
        (["Bearer " + "A" * 40], "wrong"),
        (["Bearer"], "wrong"),
        (["Bearer "], "wrong"),
        ([""], "wrong"),
        (["a" * 40], "wrong"),
        (["Basic " + "a" * 40], "wrong"),
        (["Bearer \xff\xfe"], "wrong"),
        (["Bearer " + "a" * 40, "Bearer " + "a" * 40], "wrong"),
        (["Bearer wrong", "Bearer " + "a" * 40], "wrong"),
    ],
)
def test_the_authorization_header(headers: list[str], verdict: str) -> None:
    assert Tokens("a" * 40).bearer(headers) == verdict


def test_the_cookie() -> None:
    tokens, other = Tokens("a" * 40), Tokens("b" * 40)
    right = f"{tokens.cookie_name}={tokens.cookie_value}"
    assert tokens.cookie([]) == "none"
    assert tokens.cookie([right]) == "right"
    assert tokens.cookie([f"theme=dark; {right}; x"]) == "right"
    assert tokens.cookie([f"{tokens.cookie_name}=nonsense"]) == "wrong"
    assert tokens.cookie([f"{tokens.cookie_name}=\xe9"]) == "wrong"
    assert tokens.cookie([f"{tokens.cookie_name}={tokens.token}"]) == "wrong"
    assert tokens.cookie([f"{right}; {tokens.cookie_name}=planted"]) == "wrong"
    assert tokens.cookie([f"{other.cookie_name}={other.cookie_value}"]) == "none", "another server's on this host"
    assert tokens.token not in right and tokens.cookie_value != other.cookie_value


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"old")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", b"no file can replace a folder")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "key"]
