"""`realify batch FOLDER|MANIFEST`: many sketches, through a server that runs or through one of its own.

Nothing heavy is imported before the command runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from realify.commands.cli import Changes, Preset, Seed
from realify.setting import SettingsError
from server.commands.client import settings_of
from server.commands.connection import Connection, with_server

if TYPE_CHECKING:
    from server.client.batch.items import Item
    from server.client.client import Client

PATIENCE_SECONDS = 120.0  # for a server that is started anew under the batch

Source = Annotated[Path, typer.Argument(metavar="FOLDER|MANIFEST", help="Sketches, or a .csv or .jsonl of them.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where results and report go; else SOURCE.realified.")
]
Prompt = Annotated[
    str | None,
    typer.Option("--prompt", "-p", help="Of sketches without a .txt of their own; else their name is the prompt."),
]
Retry = Annotated[bool, typer.Option("--retry", help="Start those over that failed or were cancelled before.")]


@with_server
def batch(
    connection: Connection,
    source: Source,
    out: Out = None,
    prompt: Prompt = None,
    preset: Preset = None,
    seed: Seed = None,
    changes: Changes = None,
    retry: Retry = False,
) -> None:
    """Realify many sketches; run it again and it goes on where it stopped."""
    from server.client.batch.items import Defaults, items_of
    from server.client.batch.report import summary, write_report

    console = Console(stderr=True)
    if not source.exists():
        raise SettingsError(f"There is no {source}.", "Give a folder of sketches, or a manifest.")
    source = source.resolve()
    results = out.resolve() if out else source.with_name(f"{source.stem}.realified")
    items = items_of(source, Defaults(prompt, preset, seed, settings_of(changes)), results)
    results.mkdir(parents=True, exist_ok=True)
    stopped = False
    try:
        with _server(connection, results, console) as client:
            _run(client, items, results, source.name, retry, console)
    except KeyboardInterrupt:
        stopped = True
    finally:
        page = write_report(items, results, source.name)
    console.print(f"{summary(items)}. Report: {page}", markup=False, highlight=False, soft_wrap=True)
    if stopped:
        console.print("Stopped. The same command goes on where it stopped.", highlight=False)
        raise typer.Exit(130)
    if any(item.state != "done" for item in items):
        console.print("--retry starts those over that failed.", highlight=False)
        raise typer.Exit(1)


def _run(client: Client, items: list[Item], out: Path, name: str, retry: bool, console: Console) -> None:
    from server.client.batch.run import BatchRun
    from server.client.batch.view import BatchView

    with BatchView(console, items) as view:
        BatchRun(client, items, out, name, view).run(retry)


@contextmanager
def _server(connection: Connection, out: Path, console: Console) -> Iterator[Client]:
    """The server that was named or that runs on this machine; without one, one of the batch's own in OUT."""
    from server.client.client import ClientError, connected
    from server.commands.private_server import private_server

    try:
        address = connection.address()
        with connected(address):
            pass
    except ClientError as error:
        if connection.server or os.environ.get("REALIFY_SERVER") or error.code not in ("no_server", "unreachable"):
            raise
        address = None
    if address is not None:
        console.print(f"The server at {address.url} does the work.", markup=False, highlight=False)
        with connected(address, PATIENCE_SECONDS) as client:
            yield client
        return
    console.print("No server runs: this command starts its own.", highlight=False)
    with private_server(out / ".realify") as own, connected(own, PATIENCE_SECONDS) as client:
        yield client
