"""The certificate of the server's own: what is in it, when it is renewed, and that a strict client takes it."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import stat
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from server.safety.tls import LIFETIME, RENEW, Certificate, ensure_certificate, fingerprint_of, keep_fresh


def names(made: Certificate) -> set[str]:
    cert = x509.load_pem_x509_certificate(made.cert.read_bytes())
    san = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))}


def shake(server: ssl.SSLContext, trusted: Path, name: str) -> str:
    """One TLS handshake over a pair of sockets; the fingerprint that the client saw. Raises what the client raises."""
    here, there = socket.socketpair()
    seen: list[OSError] = []

    def serve() -> None:
        try:
            with server.wrap_socket(there, server_side=True) as channel:
                channel.recv(1)
        except OSError as error:
            seen.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    client = ssl.create_default_context(cafile=trusted)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        with client.wrap_socket(here, server_hostname=name) as channel:
            found = channel.getpeercert(binary_form=True)
            channel.sendall(b"x")
    finally:
        here.close()
        thread.join(60)
    assert found is not None and not seen
    return hashlib.sha256(found).digest().hex(":").upper()


def context(made: Certificate) -> ssl.SSLContext:
    loaded = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    loaded.load_cert_chain(made.cert, made.key)
    return loaded


def test_a_client_that_trusts_the_file_comes_in_by_every_name(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path / "tls", ["192.0.2.5", "box.example", "fd00::2", "quest-pc.local"])
    server = context(made)
    for name in ("localhost", "127.0.0.1", "::1", "192.0.2.5", "fd00::2", "box.example", "quest-pc.local"):
        assert shake(server, made.cert, name) == made.fingerprint == fingerprint_of(tmp_path / "tls")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, made.cert, "evil.example")
    other = ensure_certificate(tmp_path / "other", [])
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(server, other.cert, "localhost")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; the user's folder is private")
def test_the_key_is_this_users_alone(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path / "tls", [])
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_a_good_certificate_is_kept_and_an_old_one_renewed(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = ensure_certificate(tmp_path, ["box.example"], now)
    assert timedelta(days=390) < first.expires - now <= LIFETIME
    assert ensure_certificate(tmp_path, [], now) == first
    assert ensure_certificate(tmp_path, ["box.example"], first.expires - RENEW) == first
    late = first.expires - RENEW + timedelta(seconds=1)
    second = ensure_certificate(tmp_path, [], late)
    assert second.fingerprint != first.fingerprint and second.expires > first.expires
    assert "box.example" in names(second)


def test_a_new_address_makes_a_new_one_and_going_back_does_not(tmp_path: Path) -> None:
    home = ensure_certificate(tmp_path, ["192.168.1.5"])
    office = ensure_certificate(tmp_path, ["10.0.0.5"])
    assert home.fingerprint != office.fingerprint
    assert ensure_certificate(tmp_path, ["192.168.1.5"]) == office
    assert {"localhost", "192.168.1.5", "10.0.0.5"} <= names(office)


@pytest.mark.parametrize("damage", ["cert", "key", "pair", "gone"])
def test_damaged_files_are_made_anew(tmp_path: Path, damage: str) -> None:
    made = ensure_certificate(tmp_path / "tls", [])
    if damage == "pair":
        other = ensure_certificate(tmp_path / "other", [])
        made.key.write_bytes(other.key.read_bytes())
    elif damage == "gone":
        made.key.unlink()
    else:
        (made.cert if damage == "cert" else made.key).write_bytes(b"-----BEGIN NONSENSE-----")
    assert fingerprint_of(tmp_path / "tls") is None
    again = ensure_certificate(tmp_path / "tls", [])
    assert again.fingerprint != made.fingerprint
    assert shake(context(again), again.cert, "localhost") == again.fingerprint


def test_a_server_that_runs_for_long_takes_up_the_new_one(tmp_path: Path) -> None:
    old = ensure_certificate(tmp_path, [], datetime.now(UTC) - LIFETIME + RENEW + timedelta(hours=2))
    server, addresses = context(old), ["127.0.0.1"]

    async def run() -> None:
        looked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def names() -> list[str]:
            loop.call_soon_threadsafe(looked.set)
            return addresses

        task = asyncio.create_task(keep_fresh(old, names, server, pause=0.02))
        await asyncio.wait_for(looked.wait(), 60)
        assert await asyncio.to_thread(shake, server, old.cert, "localhost") == old.fingerprint, "too early"
        addresses.append("192.0.2.9")
        deadline = loop.time() + 60
        while fingerprint_of(tmp_path) in (None, old.fingerprint):
            assert loop.time() < deadline and not task.done()
            await asyncio.sleep(0.02)
        while not await asyncio.to_thread(comes_in):
            assert loop.time() < deadline and not task.done()
            await asyncio.sleep(0.02)
        task.cancel()

    def comes_in() -> bool:
        try:
            return shake(server, old.cert, "192.0.2.9") == fingerprint_of(tmp_path)
        except ssl.SSLCertVerificationError:
            return False

    asyncio.run(run())
