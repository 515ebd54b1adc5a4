"""A certificate of the server's own: headset browsers give a page WebXR, and its hashes, over TLS only.

Nobody vouches for it, so a browser asks once; the fingerprint on the server's screen is what to compare. Our own
clients on the same machine trust the file itself. The key never leaves DATA/tls.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.safety.private_file import write_private

LIFETIME = timedelta(days=397)  # the most that browsers take
RENEW = timedelta(days=30)  # before it expires
ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificate:
    """The files for uvicorn's `ssl_certfile` and `ssl_keyfile`, and what the screen shows."""

    cert: Path
    key: Path
    fingerprint: str
    expires: datetime


def ensure_certificate(folder: Path, names: Iterable[str], now: datetime | None = None) -> Certificate:
    """The certificate in `folder`, made anew if there is none, it is damaged, it expires within 30 days, or it lacks
    one of `names` (host names and IP literals; localhost and loopback are always in it).

    Names it had before are kept: a laptop between two networks keeps one certificate.
    """
    now = now or datetime.now(UTC)
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    wanted = {*ALWAYS, *names}
    old = _load(cert_path, key_path)
    if old is None or old.not_valid_after_utc - now < RENEW or not wanted <= _names(old):
        kept = _names(old) if old is not None else set()
        old = _make(cert_path, key_path, sorted(wanted | kept), now)
    return Certificate(cert_path, key_path, _fingerprint(old), old.not_valid_after_utc)


def fingerprint_of(folder: Path) -> str | None:
    """Of the certificate that is in use, as a browser's warning shows it."""
    cert = _load(folder / "cert.pem", folder / "key.pem")
    return _fingerprint(cert) if cert is not None else None


async def keep_fresh(
    made: Certificate, names: Callable[[], Iterable[str]], context: ssl.SSLContext, pause: float = 600.0
) -> None:
    """Renews `made`, which `context` has loaded, while the server runs: before it expires, and when `names` has new
    ones (another network's address). Connections that come later get the new certificate. Runs until cancelled;
    looks every `pause` seconds."""
    folder = made.cert.parent
    while True:
        await asyncio.sleep(pause)
        fresh = await asyncio.to_thread(lambda: ensure_certificate(folder, names()))
        if fresh != made:
            context.load_cert_chain(fresh.cert, fresh.key)
            made = fresh
            structlog.get_logger().info("the certificate was renewed", fingerprint=fresh.fingerprint)


def _load(cert_path: Path, key_path: Path) -> x509.Certificate | None:
    """The certificate if both files are there and belong together."""
    try:
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except FileNotFoundError:
        return None
    except ValueError as error:
        structlog.get_logger().warning("the certificate is damaged; a new one is made", reason=str(error))
        return None
    return cert if cert.public_key() == key.public_key() else None


def _fingerprint(cert: x509.Certificate) -> str:
    return cert.fingerprint(hashes.SHA256()).hex(":").upper()


def _make(cert_path: Path, key_path: Path, names: list[str], now: datetime) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Realify on this machine")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # digital signature alone
    cert = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a device's clock may be slow
        .not_valid_after(now + LIFETIME - timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_san(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(key_path, private)
    write_private(cert_path, cert.public_bytes(serialization.Encoding.PEM))
    return cert


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(cert: x509.Certificate) -> set[str]:
    found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}
