"""`realify batch`: folders and manifests, on a running server and on one of its own, stopped and gone on with."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import typer
from typer.testing import CliRunner, Result

from server.artefacts import file_name
from server.client.batch.items import Item, unique_names
from server.client.batch.report import write_report
from server.client.client import Address, Client
from server.commands.batch import batch
from tests.server.fake_pipeline import glb_extras
from tests.server.painted import obj, painted_glb, put
from tests.server.running import CTRL_C, PATIENCE, PIPELINE, ROOT, Server, wait_for

FAST = "steps=6 pause=0"
SLOW = "steps=6 pause=.05"  # long enough to show among the seconds


@pytest.fixture(autouse=True)
def no_server_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REALIFY_DATA", str(tmp_path / "no server here"))
    for name in ("REALIFY_SERVER", "REALIFY_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def run(*words: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(batch)
    return CliRunner().invoke(app, list(map(str, words)))


def on(server: Server, *words: object) -> Result:
    return run(*words, "--data", server.data)


def report(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "report.csv", encoding="utf-8-sig", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def prompt_of(glb: Path) -> str:
    return glb_extras(glb.read_bytes())["prompt"]


def jobs_of(server: Server) -> int:
    with Client(Address(server.url, server.token)) as client:
        return sum(client.queue().counts.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sketches: one with its prompt, one in a painting program's folders, one without a word."""
    put(tmp_path / "sketches" / "cup.obj", obj())
    put(tmp_path / "sketches" / "cup.txt", f"a tin cup {SLOW}".encode())
    put(tmp_path / "sketches" / "Fish" / "glb" / "Fish.glb", painted_glb("fish"))
    put(tmp_path / "sketches" / "Fish" / "obj" / "Fish.obj", obj())
    put(tmp_path / "sketches" / "broken.ply", b"ply\nnonsense")
    return tmp_path / "sketches"


def test_a_folder_on_a_running_server_and_once_more(server: Server, folder: Path) -> None:
    told = on(server, folder, "-p", f"anything {FAST}", "--preset", "draft", "--seed", 5)
    assert told.exit_code == 1, told.output
    out = folder.with_name("sketches.realified")
    rows = report(out)
    assert {name: row["state"] for name, row in rows.items()} == {"cup": "done", "Fish": "done", "broken": "refused"}
    assert rows["broken"]["error"] and float(rows["cup"]["seconds"]) > 0
    assert prompt_of(out / "cup.glb") == f"a tin cup {SLOW}" and prompt_of(out / "Fish.glb") == f"anything {FAST}"
    with Client(Address(server.url, server.token)) as client:
        job = client.job(rows["cup"]["job"])
    assert (job.preset, job.seed, job.name) == ("draft", 5, "cup") and job.batch
    assert sorted(path.name for path in out.iterdir()) == [
        "Fish.glb", "Fish.png", "batch.json", "cup.glb", "cup.png", "report.csv", "report.html",
    ]  # fmt: skip
    assert "cup: done" in told.stderr and "2 done, 1 refused" in told.stderr
    page = (out / "report.html").read_text(encoding="utf-8")
    assert 'src="cup.png"' in page and "broken" in page

    before = jobs_of(server)
    (folder / "broken.ply").unlink()
    put(folder / "mended.obj", obj())
    (out / "Fish.glb").unlink()
    put(folder / "cup.txt", f"a gold cup {FAST}".encode())
    told = on(server, folder, "-p", f"anything {FAST}", "--preset", "draft", "--seed", 5)
    assert told.exit_code == 0, told.output
    assert jobs_of(server) == before + 2  # what was mended and what has another prompt; the fish is only fetched
    assert prompt_of(out / "cup.glb") == f"a gold cup {FAST}" and (out / "Fish.glb").exists()


def test_a_manifest_with_a_server_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALIFY_PIPELINE", PIPELINE)
    monkeypatch.setenv("REALIFY_RESERVE", "0")
    monkeypatch.setenv("REALIFY_WARM_PRIOR", "")
    monkeypatch.chdir(ROOT)
    put(tmp_path / "a" / "cup.obj", obj())
    put(tmp_path / "b" / "cup.obj", obj(2.0))
    lines = [
        "sketch,prompt,preset,stage1.steps,priority",
        f"a/cup.obj,one {FAST} fail-at=3 attempts=1,draft,7,",
        f"b/cup.obj,two {FAST},,,5",
    ]
    put(tmp_path / "list.csv", "\n".join(lines).encode())
    told = run(tmp_path / "list.csv", "-o", tmp_path / "out")
    assert told.exit_code == 1, told.output
    assert "starts its own" in told.stderr
    rows = report(tmp_path / "out")
    assert (rows["cup"]["state"], rows["cup-2"]["state"]) == ("failed", "done")
    assert "asked for a failure" in rows["cup"]["error"]
    told = run(tmp_path / "list.csv", "-o", tmp_path / "out", "--retry")
    assert told.exit_code == 0, told.output
    assert prompt_of(tmp_path / "out" / "cup.glb").startswith("one ")
    assert report(tmp_path / "out")["cup"]["job"] == rows["cup"]["job"]
    assert not [each for each in psutil.process_iter() if str(tmp_path / "out") in " ".join(_line(each))]


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_in_the_middle_it_goes_on_from_the_checkpoint(tmp_path: Path, number: int) -> None:
    sketches, out = tmp_path / "in", tmp_path / "out"
    put(sketches / "cup.obj", obj())
    put(sketches / "cup.txt", b"steps=100 pause=0.02 checkpoint-every=4")
    environment = {**os.environ, "REALIFY_PIPELINE": PIPELINE, "REALIFY_RESERVE": "0", "REALIFY_WARM_PRIOR": ""}
    code = f"{CTRL_C}; import typer; from server.commands.batch import batch; typer.run(batch)"
    line = [sys.executable, "-c", code, str(sketches), "-o", str(out)]

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(line, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE)

    first = begin()
    jobs = out / ".realify" / "jobs"
    wait_for(lambda: list(jobs.glob("*/attempts/1/checkpoint*")), "checkpoint of the first run")
    first.send_signal(number)
    _, said = first.communicate(timeout=PATIENCE)
    if number == signal.SIGINT:
        assert first.returncode == 130 and "goes on where it stopped" in said
    wait_for(lambda: not (out / ".realify" / "server.json").exists(), "end of its own server")
    assert not (out / "cup.glb").exists()

    second = begin()
    _, said = second.communicate(timeout=2 * PATIENCE)
    assert second.returncode == 0, said
    (job,) = jobs.iterdir()  # the same one, in a second attempt
    assert job.name == report(out)["cup"]["job"] and json.loads((out / "batch.json").read_text())["jobs"]
    assert prompt_of(out / "cup.glb").startswith("steps=100")
    assert [each.name for each in (job / "attempts").iterdir()] == ["2"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda base: base / "nowhere", "There is no"),
        (lambda base: base, "holds no sketches"),
        (lambda base: _written(base / "list.txt", "x"), "neither a folder nor a manifest"),
        (lambda base: _written(base / "list.csv", "sketch\nmissing.glb\n"), "line 2: There is no file missing.glb"),
        (lambda base: _written(base / "list.csv", "sketch,stage1.step\na.glb,1\n"), "Did you mean stage1.steps"),
    ],
)
def test_mistakes(tmp_path: Path, make, said: str) -> None:
    told = run(make(tmp_path))
    assert told.exit_code == 2 and said in told.stderr, told.output


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_names_of_files() -> None:
    assert [file_name(name) for name in ("a/b\\c:d", "..", "CON", "nul.glb", " x. ", "ü" * 200)] == [
        "a_b_c_d", "realify", "_CON", "_nul.glb", "x", "ü" * 100,
    ]  # fmt: skip
    assert unique_names(["a", "A", "a-2", "b"]) == ["a", "A-2", "a-2-2", "b"]


def test_the_report_shows_what_came_as_text(tmp_path: Path) -> None:
    item = Item("=cmd", Path("<b>.glb"), "<script>alert(1)</script>", "draft", state="failed", error='"&')
    page = write_report([item], tmp_path, "<i>").read_text(encoding="utf-8")
    assert "<script" not in page and "<i>" not in page and "&lt;script&gt;" in page
    assert report(tmp_path)["'=cmd"]["prompt"] == "<script>alert(1)</script>"
