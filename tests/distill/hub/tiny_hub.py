"""A model hub on this machine: the few requests that fetching a model makes, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

API = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+))?")
FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass
class Repository:
    """A folder served under its commits, the last of which is `main`.

    `gated` gives the lists but no file; `breaks_at` closes the connection after so many bytes of the file named
    `breaks`, once, or each time if `always_breaks`; `extra` is listed with sizes of its own and never served.
    """

    folder: Path
    commits: list[str]
    gated: bool = False
    breaks: str = ""
    breaks_at: int = 0
    always_breaks: bool = False
    extra: dict[str, int] = field(default_factory=dict)


class TinyHub:
    """Serves `repositories`, and keeps what was asked for in `log`: (method, path, the Range header)."""

    def __init__(self, repositories: dict[str, Repository]) -> None:
        self.repositories = repositories
        self.log: list[tuple[str, str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def downloads(self, repository: str) -> list[str]:
        """The files of a repository whose bytes were asked for, in the order of the requests."""
        asked = [FILE.fullmatch(path) for method, path, _ in self.log if method == "GET"]
        return [match["path"] for match in asked if match and match["repository"] == repository]


def _handler(hub: TinyHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # names of the library
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.log.append((self.command, path, self.headers.get("Range")))
            match = API.fullmatch(path) or FILE.fullmatch(path)
            repository = hub.repositories.get(match["repository"]) if match else None
            if match is None or repository is None:
                return self._refuse(404, "RepoNotFound")
            asked = match["revision"] or "main"
            commit = repository.commits[-1] if asked == "main" else asked
            if commit not in repository.commits:
                return self._refuse(404, "RevisionNotFound")
            if "what" not in match.groupdict():
                return self._file(repository, commit, match["path"], body)
            if match["what"] == "tree":
                return self._json(_tree(repository))
            self._json({"id": match["repository"], "sha": commit, "siblings": []})

        def _file(self, repository: Repository, commit: str, path: str, body: bool) -> None:
            if repository.gated:
                return self._refuse(403, "GatedRepo")
            file = repository.folder / path
            if not file.is_file():
                return self._refuse(404, "EntryNotFound")
            content = file.read_bytes()
            start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not body:
                return
            if path == repository.breaks:
                self.wfile.write(content[start : start + repository.breaks_at])
                self.wfile.flush()
                self.close_connection = True
                repository.breaks = path if repository.always_breaks else ""
                self.connection.close()
                return
            self.wfile.write(content[start:])

        def _json(self, value: object) -> None:
            content = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _tree(repository: Repository) -> list[dict[str, object]]:
    files = [path for path in sorted(repository.folder.rglob("*")) if path.is_file()]
    sizes = {path.relative_to(repository.folder).as_posix(): path.stat().st_size for path in files}
    return [
        {"type": "file", "oid": hashlib.sha1(name.encode()).hexdigest(), "size": size, "path": name}
        for name, size in (sizes | repository.extra).items()
    ]
