"""`realify prior …`: which diffusion priors there are, getting one, trying it, and what it knows."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from distill.hub.catalog import CATALOG, Entry
from realify.commands.cli import told_errors

app = typer.Typer(no_args_is_help=True, help="Diffusion priors: list, fetch and check them, and what they know.")

Name = Annotated[str, typer.Argument(help="An alias, a repository's id, or a local folder.", metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Revision = Annotated[str | None, typer.Option(help="A commit, tag or branch; else the pinned one.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command("list")
def list_priors(as_json: Json = False) -> None:
    """List the priors that have a short name: what they need, and which are on this machine."""
    here = {name: _folder(name) for name in CATALOG}
    if as_json:
        rows = [{"name": name, **asdict(entry), "folder": here[name]} for name, entry in CATALOG.items()]
        print(json.dumps(rows, indent=1))
        return
    console = Console()
    heads = ("name", "family", "picture", "download", "GPU memory", "here", "commit", "licence", "")
    table = Table(*heads, box=None, pad_edge=False)
    for name, entry in CATALOG.items():
        gated = "gated: accept the licence, then `hf auth login`" if entry.gated else ""
        beside = f"beside {entry.beside}" if entry.beside else ""
        commit = entry.sources[0].revision or "newest" if entry.sources else "-"
        table.add_row(
            name,
            entry.family,
            str(entry.resolution),
            download(entry),
            f"{entry.memory_gb:g} GB",
            "yes" if here[name] else "no",
            commit[:8],
            entry.licence,
            "; ".join(note for note in (beside, entry.note, gated) if note),
        )
    _print_whole(console, table)
    _tell(console, "")
    for name, folder in here.items():
        if folder:
            _tell(console, f"{name} is in {folder}")
    _tell(console, "Get one: realify prior fetch NAME. Download: in half precision / full; GPU memory: reckoned, half.")


def download(entry: Entry) -> str:
    """What a fetch brings, in half precision and in full."""
    if not entry.sources:
        return "-"
    both = entry.half_gb != entry.full_gb
    return f"{entry.half_gb:g} / {entry.full_gb:g} GB" if both else f"{entry.full_gb:g} GB"


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="An alias or a repository's id.", metavar="NAME")],
    half: Annotated[
        bool | None, typer.Option("--half/--full", help="fp16 weights or full ones; by default fp16 on a GPU.")
    ] = None,
    revision: Revision = None,
    debug: Debug = False,
) -> None:
    """Download a prior into the model hub's cache; run it again to go on after an interruption."""
    console = Console()
    errors = Console(stderr=True)
    with told_errors(errors, debug):
        # Imported here: the hub's library takes its time, and `realify --help` should not.
        from distill.hub.fetch import fetch_prior
        from distill.hub.locate import sources_of

        if name == "embedded":
            console.print("embedded comes with realify: there is nothing to fetch.")
            return
        sources_of(name)  # an unknown name is an error at once
        folder = fetch_prior(name, revision, _on_gpu() if half is None else half, partial(_tell, errors))
        _tell(console, f"{name} is in {folder}")
        _tell(console, f"Try it: realify prior check {name}")


@app.command("check")
def check(
    name: Name,
    device: Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    controlnet: Annotated[str, typer.Option(help="A ControlNet to run beside it.", metavar="NAME")] = "",
    revision: Revision = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Load a prior, encode and decode a picture, run the network on two prompts, and measure."""
    with told_errors(Console(stderr=True), debug):
        from realify.commands.prior_check import CheckFailed, check_prior

        seen = check_prior(name, device, dtype, revision, controlnet)
        if as_json:
            print(json.dumps(asdict(seen), indent=1))
        else:
            _print_whole(Console(), _report(seen))
        if not seen.finite:
            raise CheckFailed(
                f"{name} gives numbers that are not finite in {seen.dtype} on {seen.device}.",
                "Try --dtype float32; if that does not help, its weights are broken: fetch them again.",
            )


def _report(seen: Any) -> Table:
    """The check's findings, one a line."""
    memory = "not told by this device" if seen.peak_bytes is None else f"{seen.peak_bytes / 1e9:.2f} GB"
    rows = {
        "prior": seen.name,
        "folder": seen.folder,
        "family": seen.family,
        "device, format": f"{seen.device}, {seen.dtype}",
        "the network": f"{seen.network_parameters / 1e6:.1f} million parameters, predicts {seen.parametrization}",
        "picture": f"{seen.resolution} pixels, x of {' x '.join(map(str, seen.shape))}",
        "prompt": f"{seen.token_limit} tokens",
        "load": f"{seen.load_seconds:.2f} s",
        "encode, decode": f"{seen.encode_seconds:.2f} s, {seen.decode_seconds:.2f} s; off by {seen.picture_error:.3f}",
        "two prompts": f"{seen.forward_seconds:.3f} s (median)",
        "memory, at most": memory,
        "finite": "yes" if seen.finite else "NO",
        **{f"note {number}": note for number, note in enumerate(seen.notes, 1)},
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, value in rows.items():
        table.add_row(label, value)
    return table


@app.command("words")
def words(
    name: Annotated[str, typer.Argument(help="An alias, a repository's id, or a local folder.")] = "embedded",
    as_json: Json = False,
) -> None:
    """List the words that a prior has learnt, and those it uses for views and backgrounds."""
    console = Console()
    with told_errors(Console(stderr=True), debug=False):
        # Imported here: torch takes a second, and `realify --help` should not.
        from distill.card import read_card
        from distill.hub.locate import find_prior

        folder = find_prior(name)
        file = folder / "prior.json"
        if not file.is_file():
            console.print(f"{name} brings no list of words: write freely.")
            return
        card = read_card(file)
        groups = {**card.words, "views": tuple(card.views.values()), "backgrounds": tuple(card.backgrounds)}
        if as_json:
            print(json.dumps(groups, indent=1))
            return
        for group, known in groups.items():
            console.print(f"[bold]{group}[/bold]  {', '.join(known)}", soft_wrap=not console.is_terminal)
        example = f'{card.prefix}a red {"mushroom" if "mushroom" in card.objects else card.objects[0]}'
        console.print(f'\nA prompt, as in "{example}"; background, view and quality words are added by themselves.')


def _folder(name: str) -> str | None:
    """Where a prior lies on this machine, None if nowhere or not whole."""
    from distill.hub.locate import MissingPrior, find_prior

    try:
        return str(find_prior(name))
    except MissingPrior:
        return None


def _on_gpu() -> bool:
    from distill.precision import choose_device

    return choose_device("auto").type in ("cuda", "mps")


def _tell(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_whole(console: Console, table: Table) -> None:
    """A pipe has no width: each row stays on one line there."""
    if not console.is_terminal:
        console.width = 300
    console.print(table)
