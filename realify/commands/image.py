"""`realify image …`: score distillation in two dimensions, on any prior and with any rule."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from realify.commands.cli import key_values, told_errors
from realify.commands.progress import Interrupt, ProgressView
from realify.images.job import FITS, NAME, PARAMETERS, ImageError, ImageJob, Task, load_job
from realify.job.events import Stopped
from realify.job.run_folder import check_free
from realify.settings import RULES

if TYPE_CHECKING:
    from realify.images.results import Made

app = typer.Typer(
    no_args_is_help=True, help="Pictures by score distillation: from text, from a painting, four on two films."
)

Text = str | None
Whole = int | None
Number = float | None
Out = Annotated[Path | None, typer.Option("--out", "-o", help="The picture to write.", metavar="OUT.png")]
Rule = Annotated[
    Text,
    typer.Option(
        help=f"One of {', '.join(RULES)}, or dds to edit a picture; bridge if none is named. "
        "`realify image rules` says what each is for."
    ),
]
Steps = Annotated[Whole, typer.Option(help="Of all stages together; the prior's own number if none is given.")]
Rate = Annotated[Number, typer.Option("--lr", help="The learning rate; the prior's own if none is given.")]
Seed = Annotated[Whole, typer.Option(help="Every random draw comes from it; 0 if none is given.")]
View = Annotated[Text, typer.Option(help="front, side, back, … as far as the prior has words for them.")]
Background = Annotated[Text, typer.Option(help="One of the prior's backgrounds, if it has names for them.")]
Parameters = Annotated[Text, typer.Option(help=f"What is optimised: {' or '.join(PARAMETERS)}.")]
Prior = Annotated[Text, typer.Option(help="embedded, an alias, a repository's id, or a local folder.")]
Device = Annotated[Text, typer.Option(help="auto, cuda, mps or cpu.")]
Dtype = Annotated[Text, typer.Option(help="auto, float32, bfloat16 or float16.")]
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--constant", metavar="NAME=VALUE", help="A constant of the rule, as in guidance_scale=30; repeatable."
    ),
]
Enlarge = Annotated[Whole, typer.Option(help="Write each side this many times as long, smoothly.")]
Resume = Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with the stopped run in DIR.")]
Json = Annotated[bool, typer.Option("--json", help="Print what was made as a line of JSON at the end.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

_SAID = {"out": "-o", "prompts": "the prompt", "picture": "the picture", "constants": "--constant"}


@app.command("text")
def from_text(
    prompt: Annotated[Text, typer.Argument(help="What it shows, in a sentence.", metavar="PROMPT")] = None,
    out: Out = None,
    rule: Rule = None,
    steps: Steps = None,
    lr: Rate = None,
    seed: Seed = None,
    count: Annotated[Whole, typer.Option(help="Pictures in a row, all at once.")] = None,
    view: View = None,
    background: Background = None,
    parameters: Parameters = None,
    prior: Prior = None,
    device: Device = None,
    dtype: Dtype = None,
    constants: Constants = None,
    enlarge: Enlarge = None,
    resume: Resume = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A picture of a sentence, from noise (section 4.1 of the paper)."""
    with told_errors(Console(stderr=True), debug):
        _run("text", locals())


@app.command("paint")
def from_painting(
    picture: Annotated[Path | None, typer.Argument(help="PNG, JPEG, WEBP, …; any size.", metavar="PICTURE")] = None,
    prompt: Annotated[Text, typer.Argument(help="What it shows, in a sentence.", metavar="PROMPT")] = None,
    out: Out = None,
    domain: Annotated[Text, typer.Option(help="What it is now; painting if nothing is said.")] = None,
    rule: Rule = None,
    steps: Steps = None,
    lr: Rate = None,
    seed: Seed = None,
    fit: Annotated[Text, typer.Option(help=f"How it becomes square: {' or '.join(FITS)}.")] = None,
    guide: Annotated[
        Number, typer.Option(help="How firmly a prior that is shown a guide is held to the picture: 0 to 1.")
    ] = None,
    view: View = None,
    background: Background = None,
    parameters: Parameters = None,
    prior: Prior = None,
    device: Device = None,
    dtype: Dtype = None,
    constants: Constants = None,
    enlarge: Enlarge = None,
    resume: Resume = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A painting made real (section 4.3): no first stage, and the source says what it is."""
    with told_errors(Console(stderr=True), debug):
        _run("paint", locals())


@app.command("illusion")
def illusion(
    prompts: Annotated[
        list[str] | None, typer.Argument(help="Four: for 0, 90, 180 and 270 degrees.", metavar="A B C D")
    ] = None,
    out: Out = None,
    brightness: Annotated[Number, typer.Option(help="Of the light behind the films; white paper is 1.")] = None,
    rule: Rule = None,
    steps: Steps = None,
    lr: Rate = None,
    seed: Seed = None,
    view: View = None,
    background: Background = None,
    prior: Prior = None,
    device: Device = None,
    dtype: Dtype = None,
    constants: Constants = None,
    enlarge: Enlarge = None,
    resume: Resume = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Two films that show four pictures, one at each quarter-turn of the second (appendix B.1)."""
    with told_errors(Console(stderr=True), debug):
        _run("illusion", locals())


@app.command("rules")
def rules(debug: Debug = False) -> None:
    """List the rules: what each takes for the source, when to use it, its constants."""
    console = Console()
    with told_errors(Console(stderr=True), debug):
        # Imported here: torch takes a second, and `realify --help` should not.
        from distill.rules.registry import RULES as ALL_RULES
        from distill.rules.registry import constants_of

        table = Table("rule", "the source", "use", "constants", box=None, pad_edge=False)
        for name, entry in ALL_RULES.items():
            table.add_row(name, entry.source, entry.use, ", ".join(constants_of(name)))
        if not console.is_terminal:
            console.width = 400  # a pipe has no width: keep each rule on one line
        console.print(table)


def _run(task: Task, given: dict[str, Any]) -> None:
    """Makes the job, or takes up that of a stopped run, and runs it. `given` are a command's arguments by name."""
    console = Console(stderr=True)
    resume: Path | None = given["resume"]
    if resume is not None:
        folder = resume.resolve()
        job = load_job(folder)
        _check_resume(job, folder, task, _asked(given))
    else:
        job = _new_job(task, _asked(given))
        folder = job.folder
        check_free(folder, NAME, "-o")
    made = _run_job(job, folder, resume is not None, console)
    for file in made.files:
        _tell(console, f"wrote {file}")
    if made.moved is not None:
        _tell(
            console,
            f"It moved by {made.moved:.3f} (root mean square, of 1); its brightness follows the picture's to "
            f"{made.kept:.2f} (correlation: 1 as before, 0 nothing is left).",
        )
    stopped = made.done < made.steps
    if stopped:
        _tell(console, f"Stopped after {made.done} of {made.steps} steps; go on with")
        _tell(console, shlex.join(["realify", "image", task, "--resume", made.folder]))
    if given["as_json"]:
        print(json.dumps(asdict(made), ensure_ascii=False), flush=True)
    if stopped:
        raise typer.Exit(130)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """The job's fields that were given on the command line."""
    names = {field.name for field in fields(ImageJob)}
    asked = {name: value for name, value in given.items() if name in names and value is not None}
    if given.get("prompt") is not None:
        asked["prompts"] = (given["prompt"],)
    if given["constants"]:
        asked["constants"] = key_values("--constant", given["constants"])
    for name in ("out", "picture"):
        if name in asked:
            asked[name] = asked[name].resolve()
    return asked | {"prompts": tuple(asked["prompts"])} if asked.get("prompts") else asked


def _new_job(task: Task, asked: dict[str, Any]) -> ImageJob:
    wanted = {"PICTURE": "picture", "PROMPT": "prompts", "-o": "out"}
    if task != "paint":
        del wanted["PICTURE"]
    missing = [name for name, field in wanted.items() if not asked.get(field)]
    if missing:
        raise ImageError(f"{' and '.join(missing)} missing.", "`--help` shows what to give.")
    if task == "illusion" and len(asked["prompts"]) != 4:
        raise ImageError(f"There are {len(asked['prompts'])} prompts.", "An illusion takes four, one for each turn.")
    if task == "paint" and not asked["picture"].is_file():
        raise ImageError(f"There is no file {asked['picture']}.", "Give the path of a picture.")
    return ImageJob(task=task, **asked)


def _check_resume(job: ImageJob, folder: Path, task: Task, asked: dict[str, Any]) -> None:
    """Whatever is given beside --resume has to be what the run began with. Raises ImageError."""
    if job.task != task:
        raise ImageError(
            f"The run in {folder} is of another command.", f"realify image {job.task} --resume goes on with it."
        )
    differ = [_SAID.get(name, f"--{name}") for name, value in asked.items() if value != getattr(job, name)]
    if differ:
        raise ImageError(
            f"--resume goes on with the run as it began; given otherwise: {', '.join(differ)}.",
            "Leave them out, or start a new run.",
        )


def _run_job(job: ImageJob, folder: Path, resume: bool, console: Console) -> Made:
    """What was made, as far as it came. Exits where it was stopped before there was a picture."""
    with Interrupt() as interrupt:
        # Imported here: torch takes a second, and `realify --help` should not.
        from distill.rules.registry import RULES as ALL_RULES
        from realify.images.run import ImageRun, StoppedEarly

        words = {"load": "loading the prior", **{name: f"distilling by {name}" for name in ALL_RULES}}
        with ProgressView(console, words) as view:
            try:
                return ImageRun(job, folder, resume, view.on_event, interrupt.requested).run()
            except StoppedEarly as stopped:
                return stopped.made
            except Stopped:
                _tell(console, "Stopped before the first step; nothing was written.")
                raise typer.Exit(130) from None


def _tell(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
