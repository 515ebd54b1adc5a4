"""The command line. Sub-commands are found through the entry-point group `realify.commands`, these here too.

Nothing heavy is imported before a command needs it, so that `realify --help` answers at once.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from realify import __version__
from realify.commands.progress import Interrupt, ProgressView
from realify.job.errors import is_own, message_and_fix
from realify.job.events import Stopped
from realify.job.run_folder import CHECKPOINT, NAME, Job, check_free, load_job, log_to, save_job
from realify.setting import SettingsError, shown
from realify.settings import PRESETS, Settings, apply, describe, preset, to_dict

Text = str | None
SketchFile = Annotated[Path | None, typer.Argument(help="GLB, glTF, OBJ, PLY or STL.", metavar="SKETCH")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The GLB to write.", metavar="OUT.glb")]
Preset = Annotated[Text, typer.Option(help=f"{', '.join(PRESETS)}; standard if none is named.")]
Seed = Annotated[int | None, typer.Option(help="Every random draw of the job comes from it.")]
Device = Annotated[Text, typer.Option(help="auto, cuda, mps or cpu.")]
Backend = Annotated[Text, typer.Option(help="Rasteriser: auto, numba, torch or nvdiffrast.")]
Extract = Annotated[Text, typer.Option(help="How the surface is taken out: auto, tets or flexicubes.")]
Up = Annotated[Text, typer.Option(help="The file's up axis: auto, y or z.")]
Scale = Annotated[float | None, typer.Option(help="Metres in one unit of the file.")]
Front = Annotated[float | None, typer.Option(help="Degrees to turn the sketch about its up axis.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any of `realify settings`; repeatable."),
]
Resume = Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with the run in DIR.")]
Workdir = Annotated[Path | None, typer.Option(metavar="DIR", help="The run's folder; else OUT.realify.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def run(
    sketch: SketchFile = None,
    prompt: Annotated[Text, typer.Option("--prompt", "-p", help="What it is, in a sentence.")] = None,
    out: Out = None,
    preset: Preset = None,
    seed: Seed = None,
    prior: Annotated[Text, typer.Option(help="embedded, a repository's id, or a local folder.")] = None,
    device: Device = None,
    backend: Backend = None,
    extract: Extract = None,
    up: Up = None,
    scale: Scale = None,
    front: Front = None,
    changes: Changes = None,
    turntable: Annotated[bool | None, typer.Option("--turntable", help="Also write an animation.")] = None,
    resume: Resume = None,
    workdir: Workdir = None,
    debug: Debug = False,
) -> None:
    """Turn a sketch and a sentence into a realistic textured mesh."""
    console = Console(stderr=True)
    with told_errors(console, debug, settable=True):
        options = {
            "seed": seed,
            "prior.name": prior,
            "device": device,
            "backend": backend,
            "extract": extract,
            "sketch.up": up,
            "sketch.scale": scale,
            "sketch.front": front,
            "output.turntable": turntable,
        }
        options = _given(options, changes)
        if resume is not None:
            folder = resume.resolve()
            job = load_job(folder)
            _check_resume(job, sketch, prompt, out, preset, options, workdir)
        else:
            job = _new_job(sketch, prompt, out, settings_from(preset, options))
            folder = (workdir or job.out.with_suffix(".realify")).resolve()
            _begin(folder, job, console)
        _run_job(job, folder, console)


def fit(
    sketch: SketchFile = None,
    out: Out = None,
    preset: Preset = None,
    seed: Seed = None,
    device: Device = None,
    backend: Backend = None,
    extract: Extract = None,
    up: Up = None,
    scale: Scale = None,
    front: Front = None,
    changes: Changes = None,
    debug: Debug = False,
) -> None:
    """Fit a closed body to a sketch and stop there."""
    console = Console(stderr=True)
    with told_errors(console, debug, settable=True):
        options = {
            "seed": seed,
            "device": device,
            "backend": backend,
            "extract": extract,
            "sketch.up": up,
            "sketch.scale": scale,
            "sketch.front": front,
        }
        job = _new_job(sketch, "", out, settings_from(preset, _given(options, changes)))
        job.out.parent.mkdir(parents=True, exist_ok=True)
        with Interrupt() as interrupt, ProgressView(console) as view:
            from realify import pipeline

            try:
                pipeline.fit(job.sketch, job.settings, job.out, view.on_event, interrupt.requested)
            except Stopped:
                console.print("Stopped; nothing was written.")
                raise typer.Exit(130) from None
        console.print(f"wrote {job.out}", markup=False, highlight=False, soft_wrap=True)


def show_settings(preset: Preset = None) -> None:
    """List every setting with its value in a preset."""
    console = Console()
    with told_errors(console, debug=False):
        table = Table("key", "value", "takes", "what it is", box=None, pad_edge=False)
        for row in describe(settings_from(preset, {})):
            table.add_row(row.key, shown(row.value), row.takes, row.help)
        if not console.is_terminal:
            console.width = 200  # a pipe has no width: keep each setting on one line
        console.print(table)


def settings_from(preset_name: str | None, changes: dict[str, Any]) -> Settings:
    """A preset (standard if None) with dotted keys changed. Raises SettingsError."""
    return apply(preset(preset_name or "standard"), changes)


@contextmanager
def told_errors(console: Console, debug: bool, settable: bool = False) -> Iterator[None]:
    """Tells an error of our own kinds in a red line, and its fix in a second; exit code 2. `settable`: the command
    takes settings, and a third line says how it is given those that the fix names."""
    try:
        yield
    except Exception as error:
        if debug or not is_own(error):
            raise
        message, fix = message_and_fix(error)
        console.print(f"error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        if fix:
            console.print(fix, markup=False, highlight=False, soft_wrap=True)
        if settable and "--" not in fix and (named := _named_settings(fix)):
            how = " or ".join(f"--set {key}=VALUE" for key in named)
            console.print(f"Give it here as {how}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _named_settings(text: str) -> list[str]:
    """The settings that a fix speaks of: by a dotted key, or as in "set backend to torch"."""
    keys = [row.key for row in describe()]
    whole = {key: rf"\b{re.escape(key)}\b" if "." in key else rf"\b[Ss]et {key} to\b" for key in keys}
    return [key for key in keys if re.search(whole[key], text)]


def _given(options: dict[str, Any], changes: list[str] | None) -> dict[str, Any]:
    """The options that were given and the --set pairs; a key given twice with two values is an error."""
    given = {key: value for key, value in options.items() if value is not None}
    pairs = key_values("--set", changes)
    for key in given.keys() & pairs.keys():
        if str(given[key]) != pairs[key]:
            raise SettingsError(f"{key} is given twice: {given[key]} and {pairs[key]}.", "Give it once.")
    return given | pairs


def key_values(option: str, pairs: list[str] | None) -> dict[str, str]:
    """The KEY=VALUE pairs of a repeatable option. Raises SettingsError: one that is none, or a key with two values."""
    given: dict[str, str] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise SettingsError(f"{option} {pair} has no value.", f"Write {option} {key}=VALUE.")
        if given.setdefault(key, value) != value:
            raise SettingsError(f"{key} is given twice: {given[key]} and {value}.", "Give it once.")
    return given


def _new_job(sketch: Path | None, prompt: str | None, out: Path | None, settings: Settings) -> Job:
    if sketch is None or prompt is None or out is None:
        needed = {"SKETCH": sketch, "--prompt": prompt, "-o": out}
        missing = [name for name, value in needed.items() if value is None]
        raise SettingsError(f"{' and '.join(missing)} missing.", "`--help` shows what to give.")
    if not sketch.is_file():
        raise SettingsError(f"There is no file {sketch}.", "Give the path of a sketch.")
    if out.suffix.lower() != ".glb":
        raise SettingsError(f"The result's name is {out}.", "It has to end in .glb.")
    if out.resolve() == sketch.resolve():
        raise SettingsError("The result would overwrite the sketch.", "Give it another name with -o.")
    return Job(sketch.resolve(), prompt, out.resolve(), settings)


def _begin(folder: Path, job: Job, console: Console) -> None:
    """Makes the run folder of a new job; an earlier run there is started over, other files left alone."""
    check_free(folder, NAME, "--workdir")
    from realify.job.checkpoint import discard_checkpoint

    if (folder / CHECKPOINT).exists():
        console.print("An interrupted run in this folder is started over.", style="yellow")
        discard_checkpoint(folder)
    job.out.parent.mkdir(parents=True, exist_ok=True)
    save_job(folder, job)


def _check_resume(
    job: Job,
    sketch: Path | None,
    prompt: str | None,
    out: Path | None,
    preset_name: str | None,
    options: dict[str, Any],
    workdir: Path | None,
) -> None:
    """Whatever is given beside --resume has to be what the run began with. Raises SettingsError."""
    given = {"SKETCH": sketch and sketch.resolve(), "--prompt": prompt, "-o": out and out.resolve()}
    begun = {"SKETCH": job.sketch, "--prompt": job.prompt, "-o": job.out}
    differ = [name for name, value in given.items() if value is not None and value != begun[name]]
    if workdir is not None:
        differ.append("--workdir")
    before = to_dict(job.settings)
    wanted = to_dict(settings_from(preset_name, options) if preset_name else apply(job.settings, options))
    differ += [key for key in before if before[key] != wanted[key]]
    if differ:
        raise SettingsError(
            f"--resume goes on with the run as it began; given otherwise: {', '.join(differ)}.",
            "Leave them out, or start a new run.",
        )


def _run_job(job: Job, folder: Path, console: Console) -> None:
    """Runs the pipeline, shows its progress, and puts the results beside OUT."""
    with Interrupt() as interrupt, log_to(folder), ProgressView(console) as view:
        from realify import pipeline

        try:
            result = pipeline.run(
                job.sketch, job.prompt, job.settings, folder, view.on_event, interrupt.requested
            )
        except Stopped:
            command = shlex.join(["realify", "run", "--resume", str(folder)])
            console.print("Stopped; go on with", highlight=False)
            console.print(command, markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(130) from None
    for made in (result.glb, result.contact_sheet, result.turntable):
        if made is not None:
            target = job.out.with_suffix(made.suffix)
            shutil.copyfile(made, target)
            console.print(f"wrote {target}", markup=False, highlight=False, soft_wrap=True)


def build_app() -> typer.Typer:
    """The command line with every sub-command that is installed."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    for entry in sorted(entry_points(group="realify.commands"), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"realify {__version__}")
        raise typer.Exit()


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_print_version)]


def _root(version: Version = False) -> None:
    """A coarse 3D sketch and a sentence in, a realistic textured mesh out."""


def main() -> None:
    """The console script."""
    build_app()(prog_name=Path(sys.argv[0]).name)


if __name__ == "__main__":
    main()
