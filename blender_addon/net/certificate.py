"""TLS with servers that nobody vouches for: trusted is what the system trusts, and the one certificate whose
fingerprint the user has compared with the server's own screen. Nothing is sent before that is settled."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from urllib.parse import urlsplit

from ..trouble import Trouble
from .address import port_of
from .failure import as_trouble


def connect(url: str, fingerprint: str, timeout: float) -> ssl.SSLSocket:
    """A connection to an https:// address. `fingerprint` is the SHA-256 of the certificate to accept, in any
    writing, or "". Raises Trouble unknown_certificate, and what a connection raises (OSError)."""
    if fingerprint.strip():
        channel = _shake_hands(url, _unchecked(), timeout)
        if _digits(_fingerprint(channel)) == _digits(fingerprint):
            return channel
        channel.close()
    try:
        return _shake_hands(url, ssl.create_default_context(), timeout)
    except ssl.SSLCertVerificationError as error:
        seen = fingerprint_of(url, timeout)
        raise unknown(url, seen, fingerprint, error.verify_message) from error


def fingerprint_of(url: str, timeout: float) -> str:
    """The SHA-256 of the certificate that is shown at an https:// address, as the server's screen writes it
    (AB:CD:…). Raises Trouble unreachable."""
    with as_trouble(url), _shake_hands(url, _unchecked(), timeout) as channel:
        return _fingerprint(channel)


def unknown(url: str, seen: str, wanted: str, reason: str) -> Trouble:
    """Trouble unknown_certificate, with the one that was seen."""
    other = "it is not the one that was accepted before" if wanted.strip() else f"nobody vouches for it ({reason})"
    return Trouble(
        "unknown_certificate",
        f"{url} shows a certificate that is not known: {other}. Its SHA-256 is {seen}.",
        "Compare it with the one that `realify pair` shows on the server's screen. If they are the same, enter it as "
        "the fingerprint in the preferences; if not, somebody else answers.",
    )


def pem_fingerprint(text: str) -> str:
    """Of a certificate in PEM. Raises ValueError."""
    return _written(ssl.PEM_cert_to_DER_cert(text))


def _shake_hands(url: str, context: ssl.SSLContext, timeout: float) -> ssl.SSLSocket:
    host = urlsplit(url).hostname or ""
    plain = socket.create_connection((host, port_of(url)), timeout)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _unchecked() -> ssl.SSLContext:
    """For a handshake alone: its certificate is looked at before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(channel: ssl.SSLSocket) -> str:
    return _written(channel.getpeercert(binary_form=True) or b"")


def _written(certificate: bytes) -> str:
    return hashlib.sha256(certificate).digest().hex(":").upper()


def _digits(fingerprint: str) -> str:
    """Without what stands between its digits."""
    return re.sub(r"[^0-9a-f]", "", fingerprint.lower().replace("sha-256", "").replace("sha256", ""))
