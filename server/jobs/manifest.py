"""A manifest: one job a line, as CSV (with a line of column names) or as JSON lines.

Columns are `sketch`, `prompt`, `preset`, `seed`, `name`, `priority`, as a model takes them, and any setting's
key. The model is NewJob, whose `sketch` is an upload's sha256, or one like it: on the command line it is a path.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from realify.setting import SettingsError
from realify.settings import STANDARD, apply, describe
from realify.settings import preset as preset_named
from server.models import NewJob
from server.problem import told_faults

Kind = Literal["csv", "jsonl"]
FIELDS = tuple(name for name in NewJob.model_fields if name != "settings")
ROWS = {row.key: row for row in describe(STANDARD)}
M = TypeVar("M", bound=NewJob)


class ManifestError(ValueError):
    """What is wrong with a manifest; `lines` has a sentence for each line, all of them at once."""

    def __init__(self, message: str, fix: str, lines: list[str] | None = None) -> None:
        self.lines = lines or []
        super().__init__("\n".join([f"{message} {fix}", *self.lines]))
        self.message, self.fix = "\n".join([message, *self.lines]), fix


def parse_manifest(
    text: str, kind: Kind, model: type[M], *, preset: str = "standard", most: int = 10_000
) -> dict[int, M]:
    """The jobs of a manifest by the line that each stands in, from 1, at most `most`, with settings checked and typed;
    `preset` is that of lines that name none.

    Raises ManifestError; then no line of it is to be used.
    """
    text = text.removeprefix("\ufeff")  # as spreadsheets put in front of UTF-8
    read = _csv_lines if kind == "csv" else _json_lines
    jobs: dict[int, M] = {}
    wrong: list[str] = []
    for number, got in read(text):
        if isinstance(got, str):
            wrong.append(f"line {number}: {got}")
            continue
        try:
            jobs[number] = _job({"preset": preset, **got}, model)
        except SettingsError as error:
            wrong.append(f"line {number}: {error}".rstrip())
        except ValidationError as error:
            faults = [{**fault, "loc": ("column", *fault["loc"])} for fault in error.errors()]
            wrong.append(f"line {number}: {told_faults(faults)}")
    if wrong:
        count = f"{len(wrong)} line is" if len(wrong) == 1 else f"{len(wrong)} lines are"
        message = f"{count} wrong; nothing of the manifest was taken."
        raise ManifestError(message, "Mend them and hand it in again.", wrong)
    if not jobs:
        raise ManifestError("The manifest has no jobs.", "Give one line for each, below the names of the columns.")
    if len(jobs) > most:
        raise ManifestError(f"The manifest has {len(jobs)} jobs, at most {most} are taken.", "Split it.")
    return jobs


def _csv_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(line number, {column: cell}) or (line number, what is wrong). Empty cells are left out."""
    head = text.lstrip("\r\n").partition("\n")[0]
    mark = max(",;\t", key=head.count)  # spreadsheets write semicolons where the comma is the decimal sign
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    columns: list[str] | None = None
    begin = 1
    try:
        for cells in reader:
            number, begin = begin, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, number)
            elif len(cells) > len(columns):
                many = f"It has {len(cells)} cells for {len(columns)} columns."
                yield number, f"{many} Quote a cell that holds a {mark!r}."
            else:
                yield number, {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()}
    except csv.Error as error:
        raise ManifestError(f"Line {begin} of the CSV cannot be read: {error}.", "Look at its quotes.") from error


def _columns(cells: list[str], number: int) -> list[str]:
    """The column names, or ManifestError where one is unknown, twice there, or `sketch` is missing."""
    columns = [cell.strip() for cell in cells]
    wrong = [f"line {number}: {_unknown(name)}" for name in columns if not _known(name)]
    wrong += [f"line {number}: The column {name!r} is there twice." for name in set(columns) if columns.count(name) > 1]
    if "sketch" not in columns:
        wrong.append(f"line {number}: There is no column 'sketch'.")
    if wrong:
        raise ManifestError("The first line does not name the columns.", f"Known are {_known_words()}.", sorted(wrong))
    return columns


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            got = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            yield number, f"It is no JSON: {error}. Write one object a line."
            continue
        if not isinstance(got, dict):
            yield number, f"It is {type(got).__name__}, wanted an object. Write {{\"sketch\": …, \"prompt\": …}}."
            continue
        more = got.pop("settings", {})
        if not isinstance(more, dict):
            yield number, f"settings is {more!r}. It takes an object of dotted keys."
        elif twice := sorted(more.keys() & got.keys()):
            yield number, f"{twice[0]} is given twice. Give it once."
        else:
            yield number, {key: value for key, value in {**got, **more}.items() if value is not None or key in ROWS}


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _job(got: Mapping[str, Any], model: type[M]) -> M:
    """Raises SettingsError for an unknown column or a setting that cannot be, ValidationError for the rest."""
    for key in got:
        if not _known(key):
            raise SettingsError(_unknown(key), "")
    settings = {key: ROWS[key].parse(value) for key, value in got.items() if key in ROWS}
    seed = settings.pop("seed", None)
    fields = {key: value.strip() if isinstance(value, str) else value for key, value in got.items() if key in FIELDS}
    job = model.model_validate({**fields, "seed": seed, "settings": settings})
    apply(preset_named(job.preset), settings)  # for what only shows in the whole tree
    return job


def _known(key: str) -> bool:
    return key in FIELDS or key in ROWS


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, [*FIELDS, *ROWS], n=1, cutoff=0.5)
    return f"There is no column {key!r}." + (f" Did you mean {near[0]}?" if near else "")


def _known_words() -> str:
    return ", ".join(FIELDS) + " and every key of `realify settings`"
