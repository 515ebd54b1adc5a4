"""`realify pair`: shows a six-digit code for another device, on the server's own screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.align import Align
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from server.commands.connection import Connection, with_server

if TYPE_CHECKING:
    from server.models import PairCode


@with_server
def pair(connection: Connection) -> None:
    """Let a phone, a headset or another computer in: shows the code that its page asks for."""
    with connection.client() as client:
        show_code(client.pair_code(), client.address.url, Console())


def show_code(shown: PairCode, url: str, console: Console) -> None:
    """The code large, and where it is typed in."""
    digits = Text(f"{shown.code[:3]} {shown.code[3:]}", style="bold")
    console.print(Panel(Align.center(digits), padding=(1, 6), expand=False, title="pairing code"))
    lines = ["Open on the other device:", *(f"  {each}" for each in shown.addresses)]
    if not shown.addresses:
        lines = [
            f"The server is reached from this computer alone: {url}/",
            "For other devices start it with `realify serve --host 0.0.0.0` (a headset's browser wants --tls too).",
        ]
    if shown.fingerprint:
        lines += ["The browser will warn of an unknown certificate. Its SHA-256 has to be", f"  {shown.fingerprint}"]
    lines.append(f"The code holds for {shown.seconds / 60:.0f} minutes and works once.")
    for line in lines:
        # Without emoji: in a fingerprint ":AB:" is no name of one.
        console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
