"""`realify prior …`: what a diffusion prior is and knows."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from realify.cli import told_errors

app = typer.Typer(no_args_is_help=True, help="What a diffusion prior is and knows.")


@app.callback()
def _group() -> None:
    """Keeps `words` a sub-command while it is the only one."""


@app.command("words")
def words(
    name: Annotated[str, typer.Argument(help="embedded, a repository's id, or a local folder.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """List the words that a prior has learnt, and those it uses for views and backgrounds."""
    console = Console()
    with told_errors(Console(stderr=True), debug=False):
        # Imported here: torch takes a second, and `realify --help` should not.
        from distill.load import find_prior
        from distill.style import read_style

        folder = find_prior(name)
        card = folder / "prior.json"
        if not card.is_file():
            console.print(f"{name} brings no list of words: write freely.")
            return
        style = read_style(card)
        groups = {**style.words, "views": tuple(style.views.values()), "backgrounds": tuple(style.backgrounds)}
        if as_json:
            print(json.dumps(groups, indent=1))
            return
        for group, known in groups.items():
            console.print(f"[bold]{group}[/bold]  {', '.join(known)}", soft_wrap=not console.is_terminal)
        example = f'{style.prefix}a red {"mushroom" if "mushroom" in style.objects else style.objects[0]}'
        console.print(f'\nA prompt, as in "{example}"; background, view and quality words are added by themselves.')
