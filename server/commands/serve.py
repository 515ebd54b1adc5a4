"""`realify serve`: its options. What they start is in serving.py.

Nothing of the extra `server` is imported before the command runs: the other commands do without it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from realify.commands.cli import told_errors
from realify.setting import SettingsError
from server.config import PIPELINE, PORT, Retention, ServerConfig
from server.folders import default_data

GIB = 2**30
NEEDED = ("fastapi", "uvicorn", "structlog", "prometheus_client", "zeroconf", "ifaddr", "cryptography", "filelock")

Data = Annotated[Path | None, typer.Option(envvar="REALIFY_DATA", help="The data folder; else this user's own.")]
Host = Annotated[str, typer.Option(envvar="REALIFY_HOST", help="0.0.0.0: reachable from the network.")]
Port = Annotated[int, typer.Option(envvar="REALIFY_PORT", min=0, max=65535, help="0: any free one.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", envvar="REALIFY_NAME", help="Another host name it goes by; repeatable."),
]
Tls = Annotated[bool, typer.Option("--tls", envvar="REALIFY_TLS", help="HTTPS with a certificate of its own.")]
NoAnnounce = Annotated[
    bool, typer.Option("--no-announce", envvar="REALIFY_NO_ANNOUNCE", help="Stay silent on the network.")
]
Workers = Annotated[int, typer.Option(envvar="REALIFY_WORKERS", min=0, help="0: one a GPU, or one on the CPU.")]
Device = Annotated[str, typer.Option(envvar="REALIFY_DEVICE", help="auto, cuda, mps or cpu.")]
WarmPrior = Annotated[
    str, typer.Option(envvar="REALIFY_WARM_PRIOR", help="Loaded before the first job; empty: none.")
]
Reserve = Annotated[float, typer.Option(envvar="REALIFY_RESERVE", min=0, help="GiB of the disk that are kept free.")]
Watch = Annotated[
    list[Path] | None,
    typer.Option(envvar="REALIFY_WATCH", help="Each new sketch in it becomes a job; repeatable.", metavar="DIR"),
]
KeepDays = Annotated[
    float | None, typer.Option(envvar="REALIFY_KEEP_DAYS", min=0, help="Finished jobs are removed after so many.")
]
KeepGib = Annotated[
    float | None, typer.Option(envvar="REALIFY_KEEP_GIB", min=0, help="The oldest finished jobs go beyond so much.")
]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON once it answers, and the log as JSON.")]
PipelineName = Annotated[str, typer.Option(hidden=True, envvar="REALIFY_PIPELINE")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def serve(
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Port = PORT,
    names: Names = None,
    tls: Tls = False,
    no_announce: NoAnnounce = False,
    workers: Workers = 0,
    device: Device = "auto",
    warm_prior: WarmPrior = "embedded",
    reserve: Reserve = 2.0,
    watch: Watch = None,
    keep_days: KeepDays = None,
    keep_gib: KeepGib = None,
    as_json: Json = False,
    pipeline: PipelineName = PIPELINE,
    debug: Debug = False,
) -> None:
    """Start the server: a queue of jobs on this machine, for the web page, Blender and the command line."""
    with told_errors(Console(stderr=True), debug):
        _require_extra()
        config = ServerConfig(
            data=(data or default_data()).expanduser().resolve(),
            host=host,
            port=port,
            names=tuple(names or ()),
            tls=tls,
            announce=not no_announce,
            workers=workers,
            device=device,
            warm_prior=warm_prior,
            reserve_bytes=int(reserve * GIB),
            watch=tuple(each.expanduser().resolve() for each in watch or ()),
            retention=Retention(days=keep_days, gib=keep_gib),
            pipeline=pipeline,
        )
        from server import logs, serving

        logs.set_up(as_json)
        serving.run(config, as_json)


def _require_extra() -> None:
    """Raises SettingsError where Realify was installed without what a server needs."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise SettingsError(
            f"The server needs {', '.join(missing)}, not installed here.", 'Run: pip install "realify[server]"'
        )
