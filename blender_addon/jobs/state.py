"""What is known in this session: the jobs of the open file, and how it stands with the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .job import Job


@dataclass(frozen=True)
class ServerStatus:
    """`state` is "unknown", "connecting", "starting", "ready", or the code of the Trouble that is in the way:
    "unreachable", "no_token", "bad_token", "other_version", "not_realify", "offline", "unknown_certificate",
    "bad_address", …"""

    state: str = "unknown"
    message: str = ""
    fix: str = ""
    url: str = ""
    version: str = ""


class SessionState:
    """What threads bring comes here through the TaskQueue."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}  # by key, oldest first
        self.unread = 0  # jobs of the file that this version cannot read, and keeps
        self.status = ServerStatus()
        self.options: dict[str, Any] | None = None  # GET /v1/options
        self.changes = 0  # grows with all that is to be drawn anew

    def touch(self) -> None:
        """What is drawn is out of date."""
        self.changes += 1

    def job_of(self, server_id: str) -> Job | None:
        """The job that the server calls so."""
        return next((job for job in self.jobs.values() if job.id == server_id), None)
