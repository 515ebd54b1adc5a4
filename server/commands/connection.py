"""How a command finds its server: the options that all of them share, and the client behind them.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from realify.commands.cli import Debug, told_errors

if TYPE_CHECKING:
    from server.client.client import Address, Client

ServerUrl = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="Else REALIFY_SERVER, else the one that runs on this machine."),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Else the variable REALIFY_TOKEN, else DATA/token."),
]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The data folder of this machine's server.")]
Certificate = Annotated[
    Path | None,
    typer.Option(envvar="REALIFY_CERTIFICATE", metavar="FILE", help="DATA/tls/cert.pem of another machine's server."),
]
SHARED = {"server": ServerUrl, "token_file": TokenFile, "data": Data, "certificate": Certificate}


@dataclass(frozen=True)
class Connection:
    """Which server a command was told to speak to; all None: the one that runs on this machine."""

    server: str | None
    token_file: Path | None
    data: Path | None
    certificate: Path | None

    def address(self) -> Address:
        """Raises ClientError where there is no server, or no token for it."""
        from server.client.client import find_server

        return find_server(self.server, self.token_file, self.data, self.certificate)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Raises ClientError."""
        from server.client.client import connected

        with connected(self.address()) as client:
            yield client


def with_server(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the shared options and --debug behind its own; it gets them as its first argument, a Connection.
    Errors of our own kinds are told as every command tells them."""

    def run(debug: bool = False, **given: Any) -> None:
        connection = Connection(**{name: given.pop(name) for name in SHARED})
        with told_errors(Console(stderr=True), debug):
            command(connection, **given)

    own = list(signature(command, eval_str=True).parameters.values())[1:]
    shown = [*own, *(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=SHARED[name]) for name in SHARED)]
    shown.append(Parameter("debug", Parameter.KEYWORD_ONLY, default=False, annotation=Debug))
    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__annotations__ = {each.name: each.annotation for each in shown}
    run.__signature__ = Signature(shown)  # pyright: ignore[reportFunctionMemberAccess]
    return run
