"""Addresses as people write and paste them."""

from __future__ import annotations

import pytest

from blender_addon.net.address import DEFAULT, is_loopback, normalised, same_place
from blender_addon.trouble import Trouble
from server.config import PORT


def test_the_default_is_where_a_server_is_by_default() -> None:
    assert normalised("127.0.0.1") == (DEFAULT, "")
    assert DEFAULT.endswith(f":{PORT}")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("localhost", "http://localhost:8760"),
        ("localhost:8760", "http://localhost:8760"),
        ("  http://127.0.0.1:8760/  ", "http://127.0.0.1:8760"),
        ("<http://127.0.0.1:8760/>", "http://127.0.0.1:8760"),
        ("http:/127.0.0.1:8760", "http://127.0.0.1:8760"),
        ("HTTPS://Box.Local:9000", "https://box.local:9000"),
        ("https://box.example", "https://box.example"),
        ("http://box.example", "http://box.example"),
        ("box.example:443", "http://box.example:443"),
        ("quest_pc", "http://quest_pc:8760"),
        ("http://127.0.0.1:8760/docs?x=1", "http://127.0.0.1:8760"),
        ("127.0.0.1/jobs", "http://127.0.0.1:8760"),
        ("127.0.0.1:", "http://127.0.0.1:8760"),
        ("::1", "http://[::1]:8760"),
        ("[::1]", "http://[::1]:8760"),
        ("[FD00::0:2]:9000/", "http://[fd00::2]:9000"),
        ("https://[fd00::2]", "https://[fd00::2]"),
        ("0.0.0.0:8760", "http://127.0.0.1:8760"),
        ("http://[::]:8760", "http://[::1]:8760"),
        ("bücher.example", "http://xn--bcher-kva.example:8760"),
        ("日本.example", "http://xn--wgv71a.example:8760"),
    ],
)
def test_what_is_written_and_what_is_meant(written: str, url: str) -> None:
    assert normalised(written) == (url, "")
    assert normalised(url) == (url, ""), "a normalised address stays as it is"


def test_a_pasted_link_brings_its_token() -> None:
    assert normalised("http://127.0.0.1:8760/#token=aB_-9") == ("http://127.0.0.1:8760", "aB_-9")
    assert normalised("127.0.0.1#token=a%2Bb ") == ("http://127.0.0.1:8760", "a+b")
    assert normalised("http://127.0.0.1:8760/#job=1") == ("http://127.0.0.1:8760", "")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        "http://",
        "https:///",
        "ftp://box.local",
        "file:///etc/passwd",
        "user:word@box.local",
        "http://user@box.local:8760",
        "box.local:0",
        "box.local:65536",
        "box.local:８７６０",
        "box.local:http",
        "[::1",
        "[::1]x",
        "[::g]",
        "1:2:3",
        "a..b",
        "-box",
        "two words",
        "box\r\nHost: evil",
        "box\0",
        "a" * 64 + ".example",
        ("a" * 60 + ".") * 5,
        "ü" * 70,
    ],
)
def test_what_is_no_address_is_told(written: str) -> None:
    with pytest.raises(Trouble) as told:
        normalised(written)
    assert told.value.code == "bad_address"
    assert "http://HOST:PORT" in told.value.fix


def test_a_token_is_never_in_a_message() -> None:
    with pytest.raises(Trouble) as told:
        normalised("bad host#token=secret")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8760", True),
        ("http://127.9.9.9:8760", True),
        ("https://localhost", True),
        ("http://[::1]:8760", True),
        ("http://[::ffff:127.0.0.1]:8760", True),
        ("http://192.168.1.5:8760", False),
        ("http://localhost.example:8760", False),
        ("http://box.local:8760", False),
        ("http://[fe80::1]:8760", False),
    ],
)
def test_this_computer(url: str, here: bool) -> None:
    assert is_loopback(normalised(url)[0]) is here


def test_the_same_server_by_other_names() -> None:
    assert same_place("http://localhost:8760", "http://127.0.0.1:8760")
    assert same_place("http://localhost", "http://[::1]:80")
    assert not same_place("http://localhost:8760", "http://127.0.0.1:8761")
    assert not same_place("http://localhost:8760", "https://localhost:8760")
    assert not same_place("http://box.local:8760", "http://127.0.0.1:8760")
    assert same_place("http://box.local:8760", "http://box.local:8760")
