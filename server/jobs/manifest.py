"""A manifest: one job a line, as CSV (with a line of column names) or as JSON lines.

Columns are `sketch`, `prompt`, `preset`, `seed`, `name`, `priority`, and any setting by its dotted key. For the
command line `sketch` is a path, over HTTP an upload's sha256; neither is looked at here.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from realify.setting import JsonValue, SettingsError
from realify.settings import STANDARD, apply, describe
from realify.settings import preset as preset_named

Kind = Literal["csv", "jsonl"]
FIELDS = ("sketch", "prompt", "preset", "seed", "name", "priority")
ROWS = {row.key: row for row in describe(STANDARD)}
NAME_LETTERS = 200
PRIORITIES = range(-100, 101)
NO_LETTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # control codes, halves of letters


@dataclass(frozen=True)
class Line:
    """One job. `number` is where it stands in the manifest, from 1; `settings` are checked and typed.

    `prompt` is empty and `seed`, `name` None where the line does not say.
    """

    number: int
    sketch: str
    prompt: str = ""
    preset: str = "standard"
    seed: int | None = None
    name: str | None = None
    priority: int = 0
    settings: dict[str, JsonValue] = field(default_factory=dict)


class ManifestError(ValueError):
    """What is wrong with a manifest; `lines` has a sentence for each line, all of them at once."""

    def __init__(self, message: str, fix: str, lines: list[str] | None = None) -> None:
        self.lines = lines or []
        super().__init__("\n".join([f"{message} {fix}", *self.lines]))
        self.message, self.fix = "\n".join([message, *self.lines]), fix


def parse_manifest(
    text: str, kind: Kind, *, prompts_needed: bool = True, preset: str = "standard", most: int = 10_000
) -> list[Line]:
    """The jobs of a manifest, at most `most`; `preset` is that of lines that name none.

    Raises ManifestError; then no line of it is to be used.
    """
    text = text.removeprefix("\ufeff")  # as spreadsheets put in front of UTF-8
    read = _csv_lines if kind == "csv" else _json_lines
    lines, wrong = [], []
    for number, got in read(text):
        if isinstance(got, str):
            wrong.append(f"line {number}: {got}")
            continue
        try:
            lines.append(_line(number, {"preset": preset, **got}, prompts_needed))
        except SettingsError as error:
            wrong.append(f"line {number}: {error}".rstrip())
    if wrong:
        count = f"{len(wrong)} line is" if len(wrong) == 1 else f"{len(wrong)} lines are"
        message = f"{count} wrong; nothing of the manifest was taken."
        raise ManifestError(message, "Mend them and hand it in again.", wrong)
    if not lines:
        raise ManifestError("The manifest has no jobs.", "Give one line for each, below the names of the columns.")
    if len(lines) > most:
        raise ManifestError(f"The manifest has {len(lines)} jobs, at most {most} are taken.", "Split it.")
    return lines


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


def _line(number: int, got: Mapping[str, Any], prompts_needed: bool) -> Line:
    """Raises SettingsError with what came, what was wanted and how to mend it."""
    for key in got:
        if not _known(key):
            raise SettingsError(_unknown(key), "")
    texts = {key: _text(key, got[key]) for key in ("sketch", "prompt", "preset", "name") if key in got}
    if not texts.get("sketch"):
        raise SettingsError("It names no sketch.", "Fill in the column 'sketch'.")
    if prompts_needed and not texts.get("prompt"):
        raise SettingsError("It has no prompt.", "Say in a sentence what it is.")
    if len(texts.get("name", "")) > NAME_LETTERS:
        raise SettingsError(f"name has {len(texts['name'])} letters.", f"At most {NAME_LETTERS} are taken.")
    given = {key: ROWS[key].parse(value) for key, value in got.items() if key in ROWS}
    apply(preset_named(texts["preset"]), given)  # for what only shows in the whole tree
    seed = given.pop("seed", None)
    return Line(
        number=number,
        sketch=texts["sketch"],
        prompt=texts.get("prompt", ""),
        preset=texts["preset"],
        seed=int(seed) if seed is not None else None,
        name=texts.get("name") or None,
        priority=_priority(got.get("priority", 0)),
        settings=given,
    )


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{key} is {value!r}.", "It takes text.")
    if NO_LETTERS.search(value):
        raise SettingsError(f"{key} is {value!r}.", "It takes letters, not control codes.")
    return value.strip()


def _priority(value: Any) -> int:
    wanted = f"It takes a whole number from {PRIORITIES[0]} to {PRIORITIES[-1]}."
    try:
        parsed = int(str(value))
    except ValueError as error:
        raise SettingsError(f"priority is {value!r}.", wanted) from error
    if parsed not in PRIORITIES:
        raise SettingsError(f"priority is {parsed}.", wanted)
    return parsed


def _known(key: str) -> bool:
    return key in FIELDS or key in ROWS


def _unknown(key: str) -> str:
    near = difflib.get_close_matches(key, [*FIELDS, *ROWS], n=1, cutoff=0.5)
    return f"There is no column {key!r}." + (f" Did you mean {near[0]}?" if near else "")


def _known_words() -> str:
    return ", ".join(FIELDS) + " and every key of `realify settings`"
