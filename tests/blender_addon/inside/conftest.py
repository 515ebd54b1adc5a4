"""Fixtures for tests that run in Blender's own Python (bpy as a module, in background)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

# Before bpy is imported: this Blender's own folders, and nobody's server.
HOME = Path(tempfile.mkdtemp(prefix="realify_blender_"))
os.environ["BLENDER_USER_RESOURCES"] = str(HOME / "blender")
os.environ["REALIFY_DATA"] = str(HOME / "no server here")
(HOME / "blender").mkdir()

import bpy  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).parents[3]
SKETCHES = ROOT / "examples" / "sketches"
PACKAGE = "bl_ext.user_default.realify"
PATIENCE = 120.0  # seconds: the machine is shared and slow
FAST = ("--pipeline", "tests.server.fake_pipeline:run", "--warm-prior", "")


_ended: list[int] = []


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    _ended.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """bpy 4.2 as a module crashes when it ends after an export to glTF, without any of ours: `import bpy;
    bpy.ops.export_scene.gltf(filepath=…)` is enough. So its tests end before it does."""
    shutil.rmtree(HOME, ignore_errors=True)
    if bpy.app.version < (4, 3) and _ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended[0])


@dataclass
class Server:
    """A real server process: `python -m server` of the environment that has it."""

    process: subprocess.Popen[str]
    url: str
    data: Path
    token: str

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


def start_server(data: Path, *options: str, port: int = 0) -> Server:
    """Starts one, and returns once it answers."""
    data.mkdir(parents=True, exist_ok=True)
    python = os.environ.get("REALIFY_SERVER_PYTHON", str(ROOT / ".venv" / "bin" / "python"))
    command = [python, "-m", "server", "--data", str(data), "--port", str(port), "--json", "--reserve", "0"]
    with open(data.parent / f"{data.name}.log", "ab") as log:
        process = subprocess.Popen(
            [*command, *(options or FAST)], stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (data.parent / f"{data.name}.log").read_text()
    told = json.loads(line)
    return Server(process, told["url"], data, Path(told["token_file"]).read_text().strip())


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the test."""
    running: list[Server] = []

    def start(*options: str, data: Path = tmp_path / "data", port: int = 0) -> Server:
        running.append(start_server(data, *options, port=port))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the tests of a file, with the fast pipeline of tests/server/fake_pipeline.py."""
    running = start_server(tmp_path_factory.mktemp("server") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension as it is shipped, built by Blender's own command."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "deploy" / "build_extension.py"), str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.zip"))


@pytest.fixture(scope="session")
def installed(zipped: Path) -> ModuleType:
    """The extension out of its zip, installed and enabled by Blender."""
    bpy.ops.extensions.package_install_files(filepath=str(zipped), repo="user_default", enable_on_install=True)
    assert PACKAGE in bpy.context.preferences.addons
    return import_module(PACKAGE)


@pytest.fixture
def addon(installed: ModuleType) -> ModuleType:
    """The extension in an empty file, without a server."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    for name in chosen.bl_rna.properties.keys():  # noqa: SIM118 - no dict
        if name not in ("rna_type", "bl_idname"):
            chosen.property_unset(name)
    runtime, file_handlers = (import_module(f"{PACKAGE}.{name}") for name in ("runtime", "file_handlers"))
    runtime.stop()
    runtime.start(on_change=file_handlers.write_down)
    return installed


@pytest.fixture
def runtime(addon: ModuleType) -> ModuleType:
    """The session of the extension."""
    return import_module(f"{PACKAGE}.runtime")


@pytest.fixture
def use(runtime: ModuleType) -> Callable[[Server], None]:
    """Points the preferences at a server, and waits until the connection stands."""

    def point(server: Server) -> None:
        chosen = runtime.preferences()
        chosen.url, chosen.token = server.url, server.token
        runtime.connect()
        wait_for(runtime, lambda: runtime.state.status.state == "ready", "connection")

    return point


def wait_for(runtime: Any, look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What `look` gives once it is true; the session is kept going meanwhile, as its timer would."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        runtime.tick()
        if got := look():
            return got
        time.sleep(0.02)
    jobs = [(job.name, job.phase, job.trouble) for job in runtime.state.jobs.values()]
    raise AssertionError(f"after {seconds:.0f} s still no {what}: {runtime.state.status}, {jobs}")


@pytest.fixture
def wait(runtime: ModuleType) -> Callable[..., Any]:
    """`wait_for` of this session."""
    return lambda look, what, seconds=PATIENCE: wait_for(runtime, look, what, seconds)
