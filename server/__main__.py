"""`python -m server` is `realify serve`."""

from __future__ import annotations

import typer

from server.commands.serve import serve

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(serve)
    app(prog_name="python -m server")
