"""Whom a TLS connection is made with, and that nothing is sent to anybody else."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from blender_addon.net import certificate
from blender_addon.net.client import Address, Client
from blender_addon.trouble import Trouble
from server.safety.tls import Certificate, ensure_certificate
from tests.blender_addon.net.raw_server import RawServer, raw_server, said

ABOUT = said("200 OK", name="realify", version="0.1.0", api=1)
TOKEN = "t" * 40


def served(own: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)
    return context


def ask(raw: RawServer, fingerprint: str, host: str = "127.0.0.1") -> dict[str, object]:
    return Client(Address(raw.url.replace("127.0.0.1", host), TOKEN, fingerprint), timeout=5).queue()


def refused(raw: RawServer, fingerprint: str) -> Trouble:
    """The Trouble, after which the server has not got a single byte."""
    with pytest.raises(Trouble) as told:
        ask(raw, fingerprint)
    assert told.value.code == "unknown_certificate"
    assert all(head == b"" for head in raw.heads)
    return told.value


def test_the_one_that_was_accepted(tmp_path: Path) -> None:
    own = ensure_certificate(tmp_path, [])
    with raw_server(ABOUT, tls=served(own)) as raw:
        assert certificate.fingerprint_of(raw.url, 5) == own.fingerprint
        plain = own.fingerprint.replace(":", "")
        for written in (own.fingerprint, plain.lower(), f" SHA-256  {plain} \n", own.fingerprint.replace(":", " ")):
            assert ask(raw, written)["name"] == "realify"
        assert ask(raw, own.fingerprint, "localhost")["name"] == "realify"


def test_any_other_gets_nothing(tmp_path: Path) -> None:
    own, other = ensure_certificate(tmp_path / "a", []), ensure_certificate(tmp_path / "b", [])
    with raw_server(ABOUT, tls=served(own)) as raw:
        told = refused(raw, "")
        assert own.fingerprint in told.message and "realify pair" in told.fix
        told = refused(raw, other.fingerprint)
        assert own.fingerprint in told.message and "accepted before" in told.message
        refused(raw, own.fingerprint[:-2])
        refused(raw, "nonsense")


def test_what_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name: a certificate of another host is none, whoever signed it; a stale fingerprint is not in the way."""
    own = ensure_certificate(tmp_path / "a", [])
    monkeypatch.setenv("SSL_CERT_FILE", str(own.cert))
    with raw_server(ABOUT, tls=served(own)) as raw:
        assert ask(raw, "")["name"] == "realify"
        assert ask(raw, "AB:CD")["name"] == "realify"
    monkeypatch.setattr("server.safety.tls.ALWAYS", ("box.example",))
    elsewhere = ensure_certificate(tmp_path / "c", [])
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere.cert))
    with raw_server(ABOUT, tls=served(elsewhere)) as raw:
        assert "mismatch" in refused(raw, "").message
    unknown = ensure_certificate(tmp_path / "b", [])
    with raw_server(ABOUT, tls=served(unknown)) as raw:
        refused(raw, "")


def test_a_certificate_that_was_renewed(tmp_path: Path) -> None:
    """The server makes a new one when it is in another network: it is asked about once more."""
    old = ensure_certificate(tmp_path, [])
    new = ensure_certificate(tmp_path, ["192.0.2.5"])
    with raw_server(ABOUT, tls=served(new)) as raw:
        assert new.fingerprint in refused(raw, old.fingerprint).message
        assert ask(raw, new.fingerprint)["name"] == "realify"


def test_no_tls_there() -> None:
    with raw_server(ABOUT) as raw, pytest.raises(Trouble) as told:
        certificate.fingerprint_of(raw.url.replace("http:", "https:"), 0.5)
    assert told.value.code == "unreachable"
