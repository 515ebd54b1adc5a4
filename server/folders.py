"""Where everything lies in the data folder. All names are made here or by the server; none comes from a client.

    DATA/token, DATA/lock, DATA/realify.db, DATA/tls/{cert,key}.pem, DATA/server.json (address of the running one)
    DATA/uploads/SHA256/…            the sketch as it came (sketch.glb) or unpacked (a zip's files)
    DATA/incoming/…                  uploads on their way in
    DATA/jobs/ID/attempts/N/…        the run folder of attempt N; result.glb and the other files are made in it
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """Paths below the data folder."""

    data: Path

    @property
    def token(self) -> Path:
        return self.data / "token"

    @property
    def lock(self) -> Path:
        return self.data / "lock"

    @property
    def database(self) -> Path:
        return self.data / "realify.db"

    @property
    def address(self) -> Path:
        return self.data / "server.json"

    @property
    def ballast(self) -> Path:
        """A file that is given up when the disk is so full that not even a deletion can be written down."""
        return self.data / "ballast"

    @property
    def tls(self) -> Path:
        return self.data / "tls"

    @property
    def incoming(self) -> Path:
        return self.data / "incoming"

    def upload(self, sha256: str) -> Path:
        return self.data / "uploads" / sha256

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def jobs(self) -> Path:
        return self.data / "jobs"

    def job(self, job_id: str) -> Path:
        return self.jobs / job_id

    def attempt(self, job_id: str, attempt: int) -> Path:
        return self.job(job_id) / "attempts" / str(attempt)

    def make(self) -> None:
        """Makes the folders, for this user alone."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.uploads, self.incoming, self.jobs):
            folder.mkdir(exist_ok=True, mode=0o700)


def default_data() -> Path:
    """This user's data folder on this system."""
    import platformdirs

    return platformdirs.user_data_path("realify")
