"""The command line, mostly in a process of its own: help, errors, exit codes, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from realify.commands.cli import build_app
from realify.job.run_folder import Job, save_job
from realify.settings import Settings, preset

ROOT = Path(__file__).parents[3]
SKETCH = ROOT / "examples/sketches/mushroom.glb"
ABSENT = [("--backend", "nvdiffrast", "draws on CUDA, the device is cpu")]
if find_spec("kaolin") is None:
    ABSENT.append(("--extract", "flexicubes", "set extract to tets"))
if not torch.cuda.is_available():
    ABSENT.append(("--device", "cuda", "There is cpu"))


def realify(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `realify` with these arguments."""
    command = [sys.executable, "-m", "realify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)


def here(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has torch imported already."""
    words = [*map(str, arguments)]
    done = CliRunner().invoke(build_app(), words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)


def test_help_and_version() -> None:
    shown = realify("--help")
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in ("run", "fit", "settings"))
    assert realify("--version").stdout.startswith("realify ")
    for option in ("--prompt", "--preset", "--seed", "--prior", "--set", "--resume", "--turntable"):
        assert option in realify("run", "--help").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["settings"], ["run", "nothing.glb"]])
def test_nothing_heavy_is_imported_before_a_command_needs_it(arguments: list[str]) -> None:
    script = """
import json, sys
from realify.commands.cli import build_app
try:
    build_app()(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT, check=True
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    assert "realify" in modules
    assert not {"torch", "numpy", "numba", "trimesh", "diffusers", "transformers"} & set(modules)


def test_settings_are_listed_with_a_presets_values() -> None:
    lines = realify("settings", "--preset", "draft").stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("stage2.steps ")]
    assert line.split()[1] == str(preset("draft").stage2.steps)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "SKETCH and --prompt and -o missing"),
        (["nothing.glb", "--prompt", "a cup", "-o", "out.glb"], "no file nothing.glb"),
        ([SKETCH, "--prompt", "a cup", "-o", "out.obj"], "end in .glb"),
        ([SKETCH, "--prompt", "a cup", "-o", SKETCH], "overwrite the sketch"),
        ([SKETCH, "--prompt", "a cup", "-o", "x.glb", "--preset", "best"], "draft, standard, high"),
        (
            [SKETCH, "--prompt", "a cup", "-o", "x.glb", "--set", "geometry.lrr=1"],
            "Did you mean geometry.lr?",
        ),
        ([SKETCH, "--prompt", "a cup", "-o", "x.glb", "--set", "seed"], "--set seed=VALUE"),
        ([SKETCH, "--prompt", "a cup", "-o", "x.glb", "--seed", "1", "--set", "seed=2"], "given twice"),
        (
            [SKETCH, "--prompt", "a cup", "-o", "x.glb", "--backend", "opengl"],
            "auto, numba, torch, nvdiffrast",
        ),
        ([SKETCH, "--prompt", "a cup", "-o", "x.glb", "--workdir", ROOT], "holds no run"),
        (["--resume", ROOT], "holds no run"),
    ],
)
def test_a_users_mistake_is_one_clear_line(arguments: list[object], told: str) -> None:
    done = realify("run", *arguments)
    assert done.returncode == 2
    assert told in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(("option", "value", "told"), ABSENT)
def test_what_is_not_on_this_machine_is_told_with_its_remedy(
    option: str, value: str, told: str, tmp_path: Path
) -> None:
    cpu = [] if option == "--device" else ["--device", "cpu"]
    done = here("fit", SKETCH, "-o", tmp_path / "body.glb", *cpu, option, value)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr and "error: " in done.stderr and "Traceback" not in done.stderr


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in realify("run", "nothing.glb", "--prompt", "x", "-o", "x.glb", "--debug").stderr


def test_resume_refuses_what_the_run_did_not_begin_with(tmp_path: Path) -> None:
    sketch = tmp_path / "cup.obj"
    sketch.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    folder = tmp_path / "cup.realify"
    save_job(folder, Job(sketch, "a cup", tmp_path / "cup.glb", Settings()))
    for arguments, told in [
        (["--prompt", "a mug"], "--prompt"),
        (["-o", tmp_path / "other.glb"], "-o"),
        (["--seed", 4], "seed"),
        (["--preset", "draft"], "fit.steps"),
        (["--set", "geometry.lr=0.5"], "geometry.lr"),
    ]:
        done = realify("run", "--resume", folder, *arguments)
        assert done.returncode == 2 and f"given otherwise: {told}" in done.stderr
    sketch.write_text("v 0 0 0\n")
    assert "has changed since the run began" in realify("run", "--resume", folder).stderr
    sketch.unlink()
    assert "is gone" in realify("run", "--resume", folder).stderr
