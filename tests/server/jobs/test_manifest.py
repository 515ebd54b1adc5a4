"""Manifests: what is read, and that every mistake is named by its line."""

from __future__ import annotations

import json

import pytest

from server.client.batch.items import FileJob
from server.jobs.manifest import Kind, ManifestError, parse_manifest
from server.models import NewJob

SHA = "5a" * 32


def job(sketch: str, prompt: str = "", **more: object) -> FileJob:
    return FileJob.model_validate({"sketch": sketch, "prompt": prompt, **more})


def errors_of(text: str, kind: Kind = "csv", model: type[NewJob] = FileJob, most: int = 100) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, kind, model, most=most)
    return caught.value.lines or [str(caught.value)]


def test_a_csv_line_becomes_a_job_with_typed_settings() -> None:
    text = (
        "sketch,prompt,preset,seed,name,priority,stage1.steps,output.turntable,stage1.t_min\n"
        'a.glb,"a red, round apple",draft,7,apple,5,1e2,yes,none\n'
        "\n"
        "b/c.ply, a mug ,,,,,,,\n"
    )
    settings = {"stage1.steps": 100, "output.turntable": True, "stage1.t_min": None}
    assert parse_manifest(text, "csv", FileJob) == {
        2: job("a.glb", "a red, round apple", preset="draft", seed=7, name="apple", priority=5, settings=settings),
        4: job("b/c.ply", "a mug"),
    }


def test_json_lines_take_the_same_keys_flat_or_under_settings() -> None:
    rows = [
        {"sketch": "a.glb", "prompt": "an apple", "stage1.steps": 10, "seed": 3, "name": None},
        {"sketch": "b.glb", "prompt": "ein Äpfel", "settings": {"stage1.steps": 20}},
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert parse_manifest(text, "jsonl", FileJob) == {
        1: job("a.glb", "an apple", seed=3, settings={"stage1.steps": 10}),
        2: job("b.glb", "ein Äpfel", settings={"stage1.steps": 20}),
    }


@pytest.mark.parametrize("text", [
    "\ufeffsketch,prompt\r\na.glb,an apple\r\n",  # as a spreadsheet saves UTF-8
    "sketch;prompt\na.glb;an apple\n",
    "sketch\tprompt\na.glb\tan apple",
])  # fmt: skip
def test_csv_as_spreadsheets_write_it(text: str) -> None:
    assert parse_manifest(text, "csv", FileJob) == {2: job("a.glb", "an apple")}


def test_a_cell_over_two_lines_keeps_the_numbers_right() -> None:
    text = f'sketch,prompt\n{SHA},"two\nlines"\n{SHA},\n'
    assert errors_of(text, model=NewJob) == ["line 4: prompt (column) is missing."]


def test_every_wrong_line_is_named_at_once() -> None:
    text = (
        "sketch,prompt,preset,seed,priority,stage1.steps,stage1.t_min,stage1.t_max\n"
        "a.glb,fine,,,,,,\n"
        ",no sketch,,,,,,\n"
        "b.glb,x,fastest,,,,,\n"
        "c.glb,x,,minus one,,,,\n"
        "d.glb,x,,,101,,,\n"
        "e.glb,x,,,,many,,\n"
        "f.glb,x,,,,,0.9,0.1\n"
        "g.glb,x,,,,,,,one too many\n"
    )
    wrong = errors_of(text)
    assert [line.partition(":")[0] for line in wrong] == [f"line {number}" for number in range(3, 10)]
    for words, line in zip(
        ["sketch", "'fastest'", "'minus one'", "101", "'many'", "smaller one", "9 cells for 8"], wrong, strict=True
    ):
        assert words in line


def test_an_unknown_column_names_the_nearest() -> None:
    assert errors_of("sketch,promt\na.glb,x\n") == ["line 1: There is no column 'promt'. Did you mean prompt?"]
    assert "stage1.steps" in errors_of('{"sketch": "a", "prompt": "x", "stage1.step": 1}', "jsonl")[0]
    assert errors_of("prompt\nx\n") == ["line 1: There is no column 'sketch'."]
    assert errors_of("sketch,prompt,prompt\na,b,c\n") == ["line 1: The column 'prompt' is there twice."]


@pytest.mark.parametrize("line", [
    "{", "[]", "3", '{"sketch": 3, "prompt": "x"}', '{"sketch": "a", "prompt": "x", "stage1.steps": NaN}',
    '{"sketch": "a", "prompt": "x", "settings": []}', '{"sketch": "a", "prompt": "x", "priority": [1]}',
    '{"sketch": "a", "prompt": "x", "stage1.steps": 1, "settings": {"stage1.steps": 2}}', "[" * 100_000,
    '{"sketch": "a", "prompt": "\\ud800"}', '{"sketch": "a", "prompt": "a\\u0000b"}',
    '{"sketch": "a", "prompt": "x", "seed": -1}', '{"sketch": "a", "prompt": "x", "name": "' + "n" * 201 + '"}',
])  # fmt: skip
def test_broken_json_lines(line: str) -> None:
    good = '{"sketch": "a", "prompt": "x"}'
    wrong = errors_of(f"{good}\n\n{line}\n{good}\n", "jsonl")
    assert len(wrong) == 1
    assert wrong[0].startswith("line 3: ")


def test_broken_quotes_no_jobs_and_too_many_jobs() -> None:
    assert "Line 2 of the CSV" in errors_of('sketch,prompt\na.glb,"open\n')[0]
    assert "no jobs" in errors_of("sketch,prompt\n")[0]
    assert "no jobs" in errors_of("", "jsonl")[0]
    assert "3 jobs, at most 2" in errors_of("sketch,prompt\n" + "a.glb,x\n" * 3, most=2)[0]


def test_over_http_a_sketch_is_a_hash_and_has_a_prompt() -> None:
    assert parse_manifest("sketch\na.glb\n", "csv", FileJob) == {2: job("a.glb")}
    (wrong,) = errors_of("sketch\na.glb\n", model=NewJob)
    assert "sketch (column)" in wrong and "prompt (column) is missing" in wrong
