"""`realify submit|jobs|watch|cancel|retry|get`: the command line's way to a server.

Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from realify.commands.cli import Changes, Preset, Seed, key_values
from realify.commands.progress import ProgressView
from realify.job.events import Event as RunEvent
from realify.job.run_folder import RESULT
from realify.setting import SettingsError
from server.artefacts import NAMES, saved_as
from server.commands.connection import Connection, with_server

if TYPE_CHECKING:
    from server.client.client import Client
    from server.models import Event, Job

AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, or `last`.")]
SketchFile = Annotated[Path, typer.Argument(metavar="SKETCH", help="GLB, glTF, OBJ, PLY, STL, or a .zip of one.")]
Prompt = Annotated[str, typer.Option("--prompt", "-p", help="What it is, in a sentence.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="OUT.glb", help="Where the result goes.")]
Name = Annotated[str | None, typer.Option(help="What the result is called; else the sketch's name.")]
Rank = Annotated[int, typer.Option("--priority", min=-100, max=100, help="The higher go first.")]


@with_server
def submit(
    connection: Connection,
    sketch: SketchFile,
    prompt: Prompt,
    preset: Preset = None,
    seed: Seed = None,
    changes: Changes = None,
    name: Name = None,
    priority: Rank = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Hand a sketch to the server; with -o wait and fetch the result."""
    console = Console(stderr=True)
    with connection.client() as client:
        settings = settings_of(changes)
        if not sketch.is_file():
            raise SettingsError(f"There is no file {sketch}.", "Give the path of a sketch.")
        upload = client.upload(sketch)
        for note in upload.notes:
            console.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)
        more = {"preset": preset, "seed": seed, "settings": settings, "name": name or sketch.stem, "priority": priority}
        job = client.submit(upload.sha256, prompt, **more)
        if not wait and out is None:
            _show_new(job, as_json, console)
            return
        job = _follow(client, job.id, console, as_json=False)
        if job.state == "done" and out is not None:
            _save(client, job.id, RESULT, out, console)
        if as_json:
            print(job.model_dump_json())
        _end_with(job, console)


@with_server
def jobs(
    connection: Connection,
    state: Annotated[list[str] | None, typer.Option(help="queued, running, done, failed, …; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, the newest.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List the server's jobs, newest first."""
    console = Console(stderr=True)
    with connection.client() as client:
        found = client.jobs(states=_states(state), limit=limit)
        if as_json:
            print(found.model_dump_json())
            return
        screen = Console()
        if not screen.is_terminal:
            screen.width = 200  # a pipe has no width: keep each job on one line
        screen.print(_table(found.jobs))
        counts = client.queue().counts
        waiting = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        console.print(waiting or "There are no jobs yet.", highlight=False)


@with_server
def watch(
    connection: Connection,
    job_id: JobId,
    as_json: Annotated[bool, typer.Option("--json", help="One event a line, as JSON.")] = False,
) -> None:
    """Follow a job to its end. Ctrl-C leaves it running."""
    console = Console(stderr=True)
    with connection.client() as client:
        job = _follow(client, _found(client, job_id), console, as_json)
        _end_with(job, console)


@with_server
def cancel(
    connection: Connection,
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB...", help="Jobs' ids, or `last`.")],
    as_json: AsJson = False,
) -> None:
    """Cancel jobs, whether they wait or run."""
    with connection.client() as client:
        for job_id in job_ids:
            _tell_state(client.cancel(_found(client, job_id)), as_json)


@with_server
def retry(
    connection: Connection,
    job_ids: Annotated[list[str], typer.Argument(metavar="JOB...", help="Jobs' ids, or `last`.")],
    as_json: AsJson = False,
) -> None:
    """Queue failed, dead or cancelled jobs again; they go on from their last checkpoint."""
    with connection.client() as client:
        for job_id in job_ids:
            _tell_state(client.retry(_found(client, job_id)), as_json)


@with_server
def get(
    connection: Connection,
    job_id: JobId,
    out: Out = None,
    artefact: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")] = RESULT,
) -> None:
    """Fetch a job's result, or another of its files."""
    console = Console(stderr=True)
    with connection.client() as client:
        job = client.job(_found(client, job_id))
        _save(client, job.id, artefact, out or Path(saved_as(job.name, artefact)), console)


def settings_of(changes: list[str] | None) -> dict[str, Any]:
    """The --set pairs, typed and checked. Raises SettingsError."""
    from realify.settings import STANDARD, apply, to_dict

    given = key_values("--set", changes)
    typed = to_dict(apply(STANDARD, given))
    return {key: typed[key] for key in given}


def _states(names: list[str] | None) -> list[Any]:
    from server.models import STATES

    if wrong := [name for name in names or [] if name not in STATES]:
        raise SettingsError(f"There is no state {wrong[0]!r}.", f"Choose of {', '.join(STATES)}.")
    return names or []


def _found(client: Client, job_id: str) -> str:
    """`last` is the newest job. Raises SettingsError if there is none."""
    if job_id != "last":
        return job_id
    newest = client.jobs(limit=1).jobs
    if not newest:
        raise SettingsError("There are no jobs yet.", "`realify submit` hands one in.")
    return newest[0].id


def _follow(client: Client, job_id: str, console: Console, as_json: bool) -> Job:
    """Shows a job's progress to its end. Ctrl-C leaves it running and ends the command."""
    try:
        with ProgressView(console) as view:
            for event in client.events(job_id, until_end=True):
                if event is None:
                    continue
                if as_json:
                    print(event.model_dump_json(), flush=True)
                else:
                    _show(event, view, console)
    except KeyboardInterrupt:
        console.print("\nThe job goes on without you. To see it again, or to end it:", highlight=False)
        for word in ("watch", "cancel"):
            console.print(f"realify {word} {job_id}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    return client.job(job_id)


def _show(event: Event, view: ProgressView, console: Console) -> None:
    if event.kind == "progress" and event.stage is not None:
        steps = event.stage, event.step or 0, event.total or 0
        view.on_event(RunEvent(*steps, event.seconds_left, event.fraction or 0.0, event.loss))
    elif event.kind == "removed":
        console.print("The job was deleted.", highlight=False)
    elif event.kind == "state":
        console.print(f"The job is {event.state}.", highlight=False)
    for warning in event.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _show_new(job: Job, as_json: bool, console: Console) -> None:
    if as_json:
        print(job.model_dump_json())
        return
    print(job.id)
    before = f", {job.place} in front of it" if job.place else ""
    console.print(f"{job.name} is {job.state}{before}. To follow it:", markup=False, highlight=False, soft_wrap=True)
    console.print(f"realify watch {job.id}", markup=False, highlight=False, soft_wrap=True)


def _tell_state(job: Job, as_json: bool) -> None:
    print(job.model_dump_json() if as_json else f"{job.id} {job.state}")


def _save(client: Client, job_id: str, name: str, out: Path, console: Console) -> None:
    client.download(job_id, name, out)
    console.print(f"wrote {out}", markup=False, highlight=False, soft_wrap=True)


def _end_with(job: Job, console: Console) -> None:
    """Exit code 1 and the reason unless the job is done."""
    if job.state == "done":
        return
    if job.error is not None:
        console.print(f"error: {job.error.message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        console.print(job.error.fix, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def _table(found: list[Job]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("id", "state", "name", "stage", "left"):
        table.add_column(title, no_wrap=True)
    table.add_column("prompt, or what went wrong", overflow="ellipsis", no_wrap=True)
    for job in found:
        stage = f"{job.stage} {job.step}/{job.total}" if job.stage and job.state == "running" else ""
        left = "" if job.seconds_left is None or job.state != "running" else f"{job.seconds_left:.0f} s"
        said = f"{job.error.message} {job.error.fix}" if job.error else job.prompt
        table.add_row(job.id, job.state, escape(job.name), stage, left, escape(" ".join(said.split())))
    return table
