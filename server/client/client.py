"""A client of the server, for the command line and scripts.

    with Client(find_server()) as client:
        job = client.submit(client.upload(Path("mushroom.glb")).sha256, "a red mushroom")
        for event in client.events(job.id, until_end=True): ...
        client.download(job.id, "result.glb", Path("out.glb"))

Whatever goes wrong is a ClientError with the server's own code, message and fix.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urldefrag, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from server import API_VERSION
from server.folders import Folders, default_data
from server.models import FINISHED, Batch, Event, Job, JobList, JobState, Options, PairCode, Queue, Upload, Version
from server.sketches.packing import Packed, prepared

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
PIECE = 2**20  # bytes read or written at a time
READ_SECONDS = 60.0  # of silence; an event stream says every 15 s that it lives
RECONNECT_SECONDS = 60.0  # for which an event stream that broke off is tried again
PAUSE_SECONDS = 0.5


class ClientError(Exception):
    """`code` is the server's, or "unreachable", "no_server", "no_token", "not_realify", "other_version"; `status` is
    that of the answer, None without one."""

    def __init__(self, code: str, message: str, fix: str, status: int | None = None) -> None:
        super().__init__(f"{message} {fix}".strip())
        self.code, self.message, self.fix, self.status = code, message, fix, status


@dataclass(frozen=True)
class Address:
    """Where a server is and what it asks for; `certificate` is trusted beside the system's."""

    url: str
    token: str
    certificate: Path | None = None


def find_server(
    server: str | None = None, token_file: Path | None = None, data: Path | None = None, certificate: Path | None = None
) -> Address:
    """The server to talk to: the one named, else REALIFY_SERVER, else the one that runs on the data folder.

    The token is in `token_file`, else in REALIFY_TOKEN, else in the address (`#token=…`, as the server prints it),
    else, for this machine's servers alone, in DATA/token. Raises ClientError no_server, no_token.
    """
    folders = Folders(data or Path(os.environ.get("REALIFY_DATA") or default_data()))
    server = server or os.environ.get("REALIFY_SERVER")
    running = _running(folders)
    named, in_address = _split(server or running or "")
    if not named:
        raise ClientError(
            "no_server", f"No server runs on {folders.data}.", "Start `realify serve`, or name one: --server URL."
        )
    is_here = urlsplit(named).hostname in ("localhost", "127.0.0.1", "::1")
    is_ours = named == running or (is_here and running is None)
    own = folders.tls / "cert.pem"
    return Address(
        url=named,
        token=_token(token_file, in_address, folders if is_ours else None, named),
        certificate=certificate or (own if is_ours and own.is_file() else None),
    )


def _running(folders: Folders) -> str | None:
    """What server.json says; after a kill it may be out of date."""
    try:
        about = json.loads(folders.address.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return about.get("url") if isinstance(about, dict) else None


def _split(server: str) -> tuple[str, str]:
    """The plain address and the token in it, if any."""
    plain, fragment = urldefrag(server.strip())
    if plain and "://" not in plain:
        plain = f"http://{plain}"
    return plain.rstrip("/"), fragment.removeprefix("token=") if fragment.startswith("token=") else ""


def _token(token_file: Path | None, in_address: str, ours: Folders | None, url: str) -> str:
    if token_file is None and (given := os.environ.get("REALIFY_TOKEN") or in_address):
        return given.strip()
    path = token_file or (ours.token if ours else None)
    if path is None:
        raise ClientError(
            "no_token", f"There is no token for {url}.", "Its screen shows it: set REALIFY_TOKEN, or give --token-file."
        )
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError("no_token", f"The token cannot be read: {error}.", "Give another --token-file.") from error


class Client:
    """Speaks to one server. `patience` is for how many seconds a server that does not answer is tried again."""

    def __init__(self, address: Address, patience: float = 0.0) -> None:
        self.address, self._patience = address, patience
        try:
            verify = ssl.create_default_context()
            if address.certificate is not None:
                verify.load_verify_locations(address.certificate)
            self._http = httpx2.Client(
                base_url=address.url,
                headers={"Authorization": f"Bearer {address.token}"},
                timeout=httpx2.Timeout(READ_SECONDS, connect=10.0),
                verify=verify,
                trust_env=False,  # it is on this machine or in this network: no proxy
            )
        except (httpx2.InvalidURL, UnicodeEncodeError, OSError) as error:
            fix = "Write it as http://HOST:PORT."
            raise ClientError("unreachable", f"{address.url} cannot be a server: {error}.", fix) from error

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def check_version(self) -> Version:
        """Raises ClientError if the server is none of ours, or speaks another version of the interface."""
        try:
            version = self._get(Version, "/v1/version")
        except ValidationError as error:
            message = f"What answers at {self.address.url} is not a Realify server."
            raise ClientError("not_realify", message, "Look at the address.") from error
        if version.api != API_VERSION:
            raise ClientError(
                "other_version",
                f"The server is Realify {version.version}, interface {version.api}; this client knows {API_VERSION}.",
                "Bring both to the same version.",
            )
        return version

    # Sketches and jobs

    def upload(self, sketch: Path) -> Upload:
        """Sends a sketch (with the files that it refers to) unless it is there. Raises ClientError, SketchError."""
        with tempfile.TemporaryDirectory(prefix="realify_upload_") as folder:
            return self.send(prepared(sketch, Path(folder)))

    def send(self, packed: Packed) -> Upload:
        """`upload` of what was packed for it."""
        path, name = f"/v1/uploads/{packed.sha256}", {"name": packed.name}
        if (known := self._send("GET", path, accept=(404,))).status_code == 200:
            return Upload.model_validate_json(known.content)
        size = {"Content-Length": str(packed.bytes)}
        answer = self._patiently(
            lambda: self._http.put(path, params=name, content=_pieces(packed.file), headers=size), self._patience
        )
        return Upload.model_validate_json(self._checked(answer).content)

    def submit(self, sketch: str, prompt: str, key: str | None = None, **more: Any) -> Job:
        """A new job of an upload; `more` are the other fields of models.NewJob. With a `key` that was used before it
        is the job that was made then."""
        given = {name: value for name, value in more.items() if value is not None}
        body = {"sketch": sketch, "prompt": prompt, **given}
        return Job.model_validate_json(self._post("/v1/jobs", key, json=body).content)

    def submit_batch(self, lines: Sequence[dict[str, Any]], name: str, key: str | None = None) -> Batch:
        """Many jobs at once, all or none; each line is a manifest's, its sketch an upload's sha256."""
        manifest = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        answer = self._post("/v1/batches", key, params={"name": name}, content=manifest.encode(), headers=headers)
        return Batch.model_validate_json(answer.content)

    def job(self, job_id: str) -> Job:
        """One job."""
        return self._get(Job, f"/v1/jobs/{_checked_id(job_id)}")

    def jobs(
        self, states: Sequence[JobState] = (), batch: str | None = None, after: str | None = None, limit: int = 100
    ) -> JobList:
        """A page of jobs, newest first."""
        params = {"state": list(states), "batch": batch, "after": after, "limit": limit}
        return self._get(JobList, "/v1/jobs", {key: value for key, value in params.items() if value is not None})

    def all_jobs(self, batch: str) -> Iterator[Job]:
        """All jobs of a batch."""
        page = self.jobs(batch=batch, limit=500)
        yield from page.jobs
        while page.next is not None:
            page = self.jobs(batch=batch, after=page.next, limit=500)
            yield from page.jobs

    def cancel(self, job_id: str) -> Job:
        """Cancels it."""
        return self._act(job_id, "cancel")

    def retry(self, job_id: str) -> Job:
        """Queues a failed, dead or cancelled job again."""
        return self._act(job_id, "retry")

    def remove(self, job_id: str) -> None:
        """Deletes it with its files."""
        self._send("DELETE", f"/v1/jobs/{_checked_id(job_id)}")

    def queue(self) -> Queue:
        """Whether jobs are started, and how many there are."""
        return self._get(Queue, "/v1/queue")

    def options(self) -> Options:
        """Presets, priors and settings of this server."""
        return self._get(Options, "/v1/options")

    def pair_code(self) -> PairCode:
        """A new code that lets another device in; the one before is void."""
        return PairCode.model_validate_json(self._send("POST", "/v1/pair/code", again=False).content)

    # Results and events

    def download(self, job_id: str, name: str, target: Path) -> Path:
        """Saves an artefact as `target`, which is whole or not there."""
        path = f"/v1/jobs/{_checked_id(job_id)}/artefacts/{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            self._patiently(lambda: self._save(path, part), self._patience)
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return target

    def _save(self, path: str, part: Path) -> None:
        with self._http.stream("GET", path) as answer, open(part, "wb") as file:
            if answer.status_code != 200:
                answer.read()
                self._checked(answer)
            for piece in answer.iter_bytes(PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def events(
        self, job_id: str | None = None, after: int | None = None, until_end: bool = False
    ) -> Generator[Event | None]:
        """A job's events from its first, or all jobs' from now on, or those after an id; over broken connections.

        None comes first wherever nothing says what was before (all jobs, no `after`): what is read then and what
        comes leave no gap. `until_end` ends it with the job; so does the job's removal.
        """
        path = f"/v1/jobs/{_checked_id(job_id)}/events" if job_id else "/v1/events"
        deadline = None
        while True:
            event = None
            try:
                for event in self._stream(path, after, until_end):
                    yield event
                    if event is not None:
                        after, deadline = event.id, None
                        if job_id is not None and event.kind == "removed":
                            return
                # A job that ended may have been started over since: only silence after its end is the end.
                if event is None and job_id is not None and until_end and self.job(job_id).state in FINISHED:
                    return
            except httpx2.TransportError as error:
                now = time.monotonic()
                deadline = deadline or now + max(self._patience, RECONNECT_SECONDS)
                if now > deadline:
                    raise self._unreachable(error) from error
            if event is None or event.state not in FINISHED:
                time.sleep(PAUSE_SECONDS)

    def _stream(self, path: str, after: int | None, until_end: bool) -> Iterator[Event | None]:
        """One connection's events."""
        headers = {"Last-Event-ID": str(after)} if after is not None else {}
        params = {"until_end": "1"} if until_end else {}
        with self._http.stream("GET", path, params=params, headers=headers) as answer:
            if answer.status_code != 200:
                answer.read()
                self._checked(answer)
            if after is None and path == "/v1/events":
                yield None
            for sent in httpx2.EventSource(answer):
                if sent.data:
                    yield Event.model_validate_json(sent.data)

    # How it speaks

    def _get(self, model: type[M], path: str, params: dict[str, Any] | None = None) -> M:
        return model.model_validate_json(self._send("GET", path, params=params).content)

    def _act(self, job_id: str, word: str) -> Job:
        return Job.model_validate_json(self._send("POST", f"/v1/jobs/{_checked_id(job_id)}/{word}").content)

    def _post(self, path: str, key: str | None, **content: Any) -> httpx2.Response:
        """Without a key it is sent once only: a second one could be a second job."""
        headers = content.pop("headers", {}) | ({"Idempotency-Key": key} if key else {})
        return self._send("POST", path, again=key is not None, headers=headers, **content)

    def _send(
        self, method: str, path: str, again: bool = True, accept: tuple[int, ...] = (), **content: Any
    ) -> httpx2.Response:
        patience = self._patience if again else 0.0
        answer = self._patiently(lambda: self._http.request(method, path, **content), patience)
        return answer if answer.status_code in accept else self._checked(answer)

    def _patiently(self, send: Callable[[], T], patience: float) -> T:
        """Sends until there is an answer, for so many seconds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return send()
            except httpx2.TransportError as error:
                if time.monotonic() >= deadline:
                    raise self._unreachable(error) from error
            time.sleep(PAUSE_SECONDS)

    def _unreachable(self, error: Exception) -> ClientError:
        message = f"No server answers at {self.address.url}: {str(error) or type(error).__name__}."
        if "certificate" in str(error).lower():
            fix = "Give the server's certificate (DATA/tls/cert.pem on its machine) with --certificate FILE."
        else:
            fix = "Start one with `realify serve`, or name another one: --server URL."
        return ClientError("unreachable", message, fix)

    def _checked(self, answer: httpx2.Response) -> httpx2.Response:
        """The answer, or the error that it tells."""
        if answer.is_success:
            return answer
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("message"), str):
            message = f"{self.address.url} answered {answer.status_code}, not as a Realify server does."
            raise ClientError(f"http_{answer.status_code}", message, "Look at the address.", answer.status_code)
        lines = said.get("lines") or []
        message = "\n".join([said["message"], *lines[:20]])
        raise ClientError(str(said.get("code")), message, str(said.get("fix", "")), answer.status_code)


def _pieces(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def _checked_id(job_id: str) -> str:
    """So that no text becomes another address. Raises ClientError."""
    if not re.fullmatch(r"[0-9a-z]{26}", job_id):
        raise ClientError("unknown_job", f"{job_id[:60]!r} is no job's id.", "`realify jobs` lists them.")
    return job_id


@contextmanager
def connected(address: Address, patience: float = 0.0) -> Iterator[Client]:
    """A client whose server was found to be one of ours."""
    with Client(address, patience) as client:
        client.check_version()
        yield client
