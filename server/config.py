"""What a server is started with. Command line and environment (REALIFY_*) fill it: commands/serve.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PORT = 8760
MAX_STRIKES = 3
PIPELINE = "server.worker.job:run"  # MODULE:FUNCTION that a worker runs; tests and benchmarks put a fast one there


@dataclass(frozen=True)
class RequestLimits:
    """What one request or one job may cost."""

    upload_bytes: int = 512 * 2**20
    unpacked_bytes: int = 2**30  # of a .zip
    unpacked_ratio: int = 200  # unpacked to packed bytes
    zip_entries: int = 2000
    body_bytes: int = 8 * 2**20  # any JSON or manifest
    batch_rows: int = 10_000
    prompt_letters: int = 2000
    queued_jobs: int = 100_000


@dataclass(frozen=True)
class Retention:
    """When a finished job is removed by itself; None: never for this reason."""

    days: float | None = None
    gib: float | None = None  # all jobs' and uploads' files together; the oldest finished ones go first


@dataclass(frozen=True)
class ServerConfig:
    """`data` holds everything (folders.py)."""

    data: Path
    host: str = "127.0.0.1"
    port: int = PORT  # 0: any free one
    names: tuple[str, ...] = ()  # host names beside localhost, *.local and IP literals
    tls: bool = False
    announce: bool = True  # by zeroconf; never when bound to loopback alone
    workers: int = 0  # 0: one a GPU, or one on the CPU
    device: str = "auto"
    warm_prior: str = "embedded"  # loaded before the first job; "" for none
    reserve_bytes: int = 2 * 2**30  # of the disk, kept free
    watch: tuple[Path, ...] = ()
    limits: RequestLimits = field(default_factory=RequestLimits)
    retention: Retention = field(default_factory=Retention)
    pipeline: str = PIPELINE
    cancel_seconds: float = 10.0  # after which a worker that does not answer a cancel is killed
    max_strikes: int = MAX_STRIKES  # starts that left no new checkpoint, after which a job is dead
