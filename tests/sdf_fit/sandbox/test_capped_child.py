"""The capped child gives back what a good function returns, and one named error for everything else."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sdf_fit.sandbox.capped_child import ChildError, run_capped

ROOT = Path(__file__).parents[3]


def call(
    function: str,
    *,
    memory: int = 2**30,
    seconds: float = 20.0,
    readable: Path | None = None,
    writable: Path | None = None,
    **values: Any,
) -> Any:
    target = f"tests.sdf_fit.sandbox.child_functions:{function}"
    return run_capped(
        target, values, memory_bytes=memory, seconds=seconds, readable=readable, writable=writable
    )


def test_values_travel_both_ways() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = call("double", array=array, factor=2.0, name="a sketch · ü", flag=True)
    np.testing.assert_array_equal(result["array"], array * 2)
    assert result["array"].dtype == np.float32
    assert (result["name"], result["flag"], result["types"]) == ("a sketch · ü", True, "float str")


def test_nothing_is_pickled() -> None:
    with pytest.raises(TypeError, match="wanted an array"):
        call("double", array=[object()])
    with pytest.raises(ChildError, match="TypeError"):
        call("return_object")


def test_an_exception_arrives_with_type_and_arguments() -> None:
    with pytest.raises(ChildError, match="ValueError") as caught:
        call("raise_value_error", text="bad header")
    assert caught.value.kind == "raised"
    assert caught.value.error_type == "ValueError"
    assert caught.value.error_args == ("bad header", "second")


@pytest.mark.parametrize(("function", "words"), [("crash", "signal 11"), ("leave", "code 3: last words")])
def test_a_death_is_named(function: str, words: str) -> None:
    with pytest.raises(ChildError, match=words) as caught:
        call(function)
    assert caught.value.kind == "died"


def test_a_hang_ends_at_the_limit() -> None:
    start = time.monotonic()
    with pytest.raises(ChildError, match="longer than 1 s") as caught:
        call("sleep", seconds=1.0, nap=60.0)
    assert caught.value.kind == "slow"
    assert time.monotonic() - start < 5


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere its limit of processor time ends it")
def test_it_goes_with_its_parent() -> None:
    """Killed once the child has set its limits, which it does after it has asked the kernel for this."""
    script = """
import os, threading, time, psutil
from tests.sdf_fit.sandbox.test_capped_child import call
threading.Thread(target=call, args=["sleep"], kwargs={"seconds": 300.0, "nap": 250.0}, daemon=True).start()
while not (children := psutil.Process().children()) or children[0].rlimit(psutil.RLIMIT_AS)[0] != 2**30:
    time.sleep(0.05)
print(children[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, timeout=60, check=False)
    pid, end = int(parent.stdout), time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.05)


def test_a_flood_of_memory_is_stopped() -> None:
    assert call("hoard", mebibytes=50)["sum"] == 50 * 2**17
    with pytest.raises(ChildError, match="1024 MiB") as caught:
        call("hoard", mebibytes=3000)
    assert caught.value.kind == "memory"


def test_no_network_no_process_no_file_outside(tmp_path: Path) -> None:
    folder = tmp_path / "sketches"
    folder.mkdir()
    outside, inside = tmp_path / "secret.txt", folder / "own.txt"
    outside.write_text("secret")
    inside.write_text("own")
    result = call("try_forbidden", readable=folder, outside=str(outside), inside=str(inside))
    assert result == {"opened": "", "inside": "own"}
    assert inside.exists() and not (folder / "new.txt").exists()


def test_it_writes_into_its_writable_folder_alone(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "secret.txt"
    folder.mkdir()
    outside.write_text("secret")
    (folder / "own.txt").write_text("own")
    result = call("try_forbidden", writable=folder, outside=str(outside), inside=str(folder / "own.txt"))
    assert result == {"opened": "write", "inside": "own"}


def test_a_link_out_of_the_folder_is_followed_and_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sketches"
    folder.mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "link.txt").symlink_to(secret)
    (folder / "own.txt").write_text("own")
    result = call(
        "try_forbidden", readable=folder, outside=str(folder / "link.txt"), inside=str(folder / "own.txt")
    )
    assert result["opened"] == ""
