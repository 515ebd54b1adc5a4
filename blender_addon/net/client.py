"""A client of the server, for Blender: the standard library alone, and every failure is a Trouble that says what to do.

    client = Client(Address("http://127.0.0.1:8760", token))
    client.version()                                    # first: is it one of ours?
    sketch = client.upload(path, "mushroom.glb")["sha256"]
    job = client.submit({"sketch": sketch, "prompt": "a red mushroom"}, key)
    for message in events.stream(client, None, stop): ...
    client.download(f"/v1/jobs/{job['id']}/artefacts/result.glb", file)

Each call has a connection of its own, so a client can be used by any number of threads.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..trouble import Trouble
from . import answers, handshake, transfer
from .address import is_loopback, normalised
from .exchange import Endpoint, exchange
from .failure import not_realify
from .stoppable_socket import NEVER

LOOKING_SECONDS = 300.0  # that the server may take to look at a sketch: it is parsed before it is answered


@dataclass(frozen=True)
class Address:
    """Where a server is, what it asks for, and the SHA-256 of the certificate that is accepted there ("": only one
    that the system trusts)."""

    url: str
    token: str = ""
    fingerprint: str = ""


class Client:
    """Speaks to one server. `timeout` is for how many seconds nothing may come; without `online` nothing is sent to
    other computers. Raises Trouble bad_address, bad_token; every call raises Trouble."""

    def __init__(self, address: Address, timeout: float = 10.0, online: bool = True) -> None:
        url, in_address = normalised(address.url)
        token = address.token.strip() or in_address
        if not re.fullmatch(r"[!-~]*", token):
            raise Trouble("bad_token", "The token holds letters that no token has.", answers.TOKEN_FIX)
        self.address = replace(address, url=url, token=token)
        self._timeout, self._online = timeout, online

    # The server

    def version(self) -> dict[str, Any]:
        """{name, version, api}, of a server that this extension understands; no token is sent. Raises Trouble
        other_version, not_realify."""
        about = self._ask("GET", "/v1/version", with_token=False)
        handshake.check_version(about, self.address.url)
        return about

    def options(self) -> dict[str, Any]:
        """Presets, priors, backends, settings, formats and limits."""
        return self._ask("GET", "/v1/options")

    def queue(self) -> dict[str, Any]:
        """{paused, counts}."""
        return self._ask("GET", "/v1/queue")

    def ready(self) -> tuple[bool, str]:
        """Whether a worker is warm, else why not."""
        with self._exchange("GET", "/readyz", with_token=False) as answer:
            if answer.status != 503:
                answers.check(answer, self.address.url)
            said = answers.read_json(answer, self.address.url)
        if not isinstance(said.get("ok"), bool):
            raise not_realify(self.address.url, "it does not say whether it is ready")
        return said["ok"], str(said.get("reason") or "")

    def pair(self, code: str) -> str:
        """The token, for the six digits that `realify pair` shows. Raises Trouble bad_code, too_many_tries."""
        digits = re.sub(r"[\s-]", "", code)
        if not re.fullmatch("[0-9]{6}", digits):
            message = f"A pairing code has six digits; {code.strip()[:20]!r} came."
            raise Trouble("bad_code", message, "`realify pair`, on the server's own computer, shows one.")
        token = self._ask("POST", "/v1/pair", {"code": digits}, with_token=False).get("token")
        if not isinstance(token, str):
            raise not_realify(self.address.url, "it gave no token")
        return token

    # Sketches and jobs

    def upload(
        self,
        path: Path,
        name: str,
        on_progress: transfer.Progress = transfer.silent,
        stop: threading.Event = NEVER,
    ) -> dict[str, Any]:
        """Sends a sketch unless the server has it; {sha256, name, bytes, vertices, faces, notes}. Raises Trouble
        stopped, cannot_read, and what the server finds wrong with it."""
        size, sha256 = transfer.digest_of(path, stop)
        where = f"/v1/uploads/{sha256}"
        try:
            known = self._ask("GET", where, stop=stop)
        except Trouble as trouble:
            if trouble.code != "unknown_sketch":
                raise
        else:
            on_progress(size, size)
            return known
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        there, pieces = f"{where}?name={quote(name, safe='')}", transfer.pieces_of(path, size, on_progress)
        with self._exchange("PUT", there, headers, pieces, stop=stop, thinking=LOOKING_SECONDS) as answer:
            return self._read(answer)

    def submit(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """A new job; with a `key` that was used before, the job that was made then. `body`: sketch, prompt, preset,
        seed, settings, name, priority."""
        return self._ask("POST", "/v1/jobs", body, {"Idempotency-Key": key})

    def job(self, job_id: str) -> dict[str, Any]:
        """One job. Raises Trouble unknown_job."""
        return self._ask("GET", _path(job_id))

    def jobs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest jobs, newest first; at most 500."""
        found = self._ask("GET", f"/v1/jobs?limit={limit}").get("jobs")
        if not isinstance(found, list):
            raise not_realify(self.address.url, "it gave no list of jobs")
        return found

    def cancel(self, job_id: str) -> dict[str, Any]:
        """The job, cancelled or cancelling."""
        return self._ask("POST", f"{_path(job_id)}/cancel")

    def retry(self, job_id: str) -> dict[str, Any]:
        """The job, queued again."""
        return self._ask("POST", f"{_path(job_id)}/retry")

    def remove(self, job_id: str) -> None:
        """Deletes a job that is not at work, with its files."""
        self._ask("DELETE", _path(job_id))

    # Files and streams

    def download(
        self,
        url_or_path: str,
        file: Path,
        on_progress: transfer.Progress = transfer.silent,
        stop: threading.Event = NEVER,
    ) -> None:
        """Saves what lies at an address of the server, as the server writes it ("/v1/…") or whole. Raises Trouble
        stopped, disk_full, cannot_write; the file is then as it was before."""
        path = url_or_path.removeprefix(self.address.url)
        if not path.startswith("/v1/"):
            raise Trouble("bad_address", f"{url_or_path[:120]!r} is no file of {self.address.url}.", "Report this.")
        with self._exchange("GET", path, stop=stop) as answer:
            answers.check(answer, self.address.url)
            transfer.save(answer, file, self.address.url, on_progress)

    @contextmanager
    def listen(
        self, path: str, headers: dict[str, str], silence: float, stop: threading.Event
    ) -> Iterator[http.client.HTTPResponse]:
        """An answer that goes on and on; broken off after `silence` seconds without a byte."""
        with self._exchange("GET", path, headers, silence=silence, stop=stop) as answer:
            answers.check(answer, self.address.url)
            yield answer

    # How it speaks

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        with_token: bool = True,
        stop: threading.Event = NEVER,
    ) -> dict[str, Any]:
        """JSON for JSON."""
        headers, pieces = dict(headers or {}), []
        if method == "POST":
            pieces = [json.dumps(body).encode("ascii")] if body is not None else []
            headers |= {"Content-Type": "application/json", "Content-Length": str(sum(map(len, pieces)))}
        with self._exchange(method, path, headers, pieces, with_token, stop=stop) as answer:
            return self._read(answer)

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        pieces: Iterable[bytes] = (),
        with_token: bool = True,
        silence: float | None = None,
        stop: threading.Event = NEVER,
        thinking: float = 0.0,
    ) -> Iterator[http.client.HTTPResponse]:
        url, token = self.address.url, self.address.token
        if not self._online and not is_loopback(url):
            message = f"Blender is not to use the network, and {url} is another computer."
            raise Trouble("offline", message, "Tick Preferences > System > Network > Allow Online Access.")
        sent = {"User-Agent": f"realify-blender/{handshake.own_version()}", **(headers or {})}
        if with_token and token:
            sent["Authorization"] = f"Bearer {token}"
        endpoint = Endpoint(url, self.address.fingerprint, self._timeout, silence or self._timeout)
        with exchange(endpoint, method, path, sent, pieces, stop, thinking) as answer:
            yield answer

    def _read(self, answer: http.client.HTTPResponse) -> dict[str, Any]:
        answers.check(answer, self.address.url)
        return answers.read_json(answer, self.address.url)


def _path(job_id: str) -> str:
    """So that no text becomes another address."""
    if not re.fullmatch("[0-9a-z]{26}", job_id):
        raise Trouble("unknown_job", f"{job_id[:60]!r} is no job's id.", "Retry sends the sketch anew.")
    return f"/v1/jobs/{job_id}"
