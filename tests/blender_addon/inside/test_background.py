"""Blender's own process: what it answers, and each way in which it can fail to."""

from __future__ import annotations

import os
import signal
import time
from importlib import import_module
from pathlib import Path
from threading import Event, Timer
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SCRIPT = """
import os, signal, subprocess, sys, time
import bpy
from ..trouble import Trouble
from .request import serve

def function(request):
    if request["do"] == "tell":
        raise Trouble("a_code", "What.", "How.")
    if request["do"] == "crash":
        print("before it")
        raise ValueError("the last words")
    if request["do"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if request["do"] == "full":
        raise OSError(28, "No space left on device")
    if request["do"] == "memory":
        raise MemoryError
    if request["do"] == "wait":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open(request["pids"], "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    return {"version": list(bpy.app.version), "said": request["say"]}

if __name__ == "__main__":
    serve(function)
"""


@pytest.fixture
def blender(addon: ModuleType) -> ModuleType:
    return import_module(f"{addon.__name__}.background.blender")


@pytest.fixture
def ask(blender: ModuleType, tmp_path: Path) -> Any:
    """Runs the script above, which lies beside the extension's own."""
    script = Path(blender.__file__).with_name("for_a_test.py")
    script.write_text(SCRIPT, encoding="utf-8")
    folder = tmp_path / "Ordner mit ü 你"
    folder.mkdir()

    def run(do: str, timeout: float = 60, stop: Event | None = None, **more: Any) -> dict[str, Any]:
        asked = {"do": do, "say": "größe 大", **more}
        return blender.run(blender.this_program(), script, asked, folder, timeout, stop or Event())

    yield run
    script.unlink()


@pytest.fixture
def trouble(addon: ModuleType) -> Any:
    return import_module(f"{addon.__name__}.trouble").Trouble


def test_it_answers_from_a_blender_of_the_same_version(ask: Any) -> None:
    import bpy

    assert ask("answer") == {"version": list(bpy.app.version), "said": "größe 大"}


def test_its_trouble_comes_back_as_such(ask: Any, trouble: Any) -> None:
    with pytest.raises(trouble) as told:
        ask("tell")
    assert told.value.as_dict() == {"code": "a_code", "message": "What.", "fix": "How."}


@pytest.mark.parametrize(("do", "code"), [("full", "disk_full"), ("memory", "memory")])
def test_want_of_room_is_told_as_that(ask: Any, trouble: Any, do: str, code: str) -> None:
    with pytest.raises(trouble) as told:
        ask(do)
    assert told.value.code == code


def test_a_crash_is_told_with_its_last_words(ask: Any, trouble: Any) -> None:
    ask("answer")  # an answer that is there from before is not taken for one
    with pytest.raises(trouble, match="ValueError: the last words") as told:
        ask("crash")
    assert told.value.code == "blender_failed"
    assert "for_a_test.log" in told.value.fix


def test_a_death_is_told(ask: Any, trouble: Any) -> None:
    with pytest.raises(trouble, match="ended with code -9"):
        ask("die")


def test_a_stop_ends_it_and_its_children_at_once(ask: Any, trouble: Any, tmp_path: Path) -> None:
    stop, pids = Event(), tmp_path / "pids"
    Timer(0.2, _when, (pids, stop)).start()
    with pytest.raises(trouble) as told:
        ask("wait", stop=stop, pids=str(pids))
    assert told.value.code == "cancelled"
    _assert_gone(pids)


def test_it_may_not_take_for_ever(
    blender: ModuleType, ask: Any, trouble: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock leaps a minute once the process is at work, however long that took to begin."""
    pids, real = tmp_path / "pids", time.monotonic
    leaping = SimpleNamespace(monotonic=lambda: real() + (60 if _has_begun(pids) else 0))
    monkeypatch.setattr(blender, "time", leaping)
    with pytest.raises(trouble, match="more than 60 s") as told:
        ask("wait", timeout=60, pids=str(pids))
    assert told.value.code == "too_slow"
    _assert_gone(pids)


def test_it_ends_with_the_blender_that_started_it(blender: ModuleType, ask: Any, tmp_path: Path) -> None:
    parent = os.fork()
    if parent == 0:  # a Blender that dies while it waits
        Timer(0.2, _die, (tmp_path / "pids",)).start()
        ask("wait", pids=str(tmp_path / "pids"))
        os._exit(1)
    os.waitpid(parent, 0)
    pid = int((tmp_path / "pids").read_text().split()[0])
    try:
        _wait_for(lambda: not _is_running(pid))
    finally:
        os.kill(int((tmp_path / "pids").read_text().split()[1]), signal.SIGKILL)


def test_a_program_that_is_gone_is_told(blender: ModuleType, trouble: Any, tmp_path: Path) -> None:
    gone = blender.Program((str(tmp_path / "blender"), "--background"))
    with pytest.raises(trouble) as told:
        blender.run(gone, Path(blender.__file__), {}, tmp_path, 10, Event())
    assert told.value.code == "no_blender"


def test_a_folder_that_is_gone_is_told(blender: ModuleType, trouble: Any, tmp_path: Path) -> None:
    with pytest.raises(trouble) as told:
        blender.run(blender.this_program(), Path(blender.__file__), {}, tmp_path / "gone", 10, Event())
    assert told.value.code == "blender_failed"


def test_nothing_is_left_but_request_answer_and_log(ask: Any, tmp_path: Path) -> None:
    ask("answer")
    names = sorted(path.name for path in (tmp_path / "Ordner mit ü 你").iterdir())
    assert names == ["for_a_test.answer.json", "for_a_test.log", "for_a_test.request.json"]


def _has_begun(pids: Path) -> bool:
    return pids.exists() and " " in pids.read_text()


def _when(pids: Path, stop: Event) -> None:
    _wait_for(lambda: _has_begun(pids))
    stop.set()


def _die(pids: Path) -> None:
    _wait_for(lambda: _has_begun(pids))
    os.kill(os.getpid(), signal.SIGKILL)


def _assert_gone(pids: Path) -> None:
    for pid in map(int, pids.read_text().split()):
        _wait_for(lambda pid=pid: not _is_running(pid))


def _is_running(pid: int) -> bool:
    """Not gone, and not waiting to be collected by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for(look: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)
