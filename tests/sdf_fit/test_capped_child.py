"""The capped child gives back what a good function returns, and one named error for everything else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdf_fit.capped_child import ChildError, run_capped


def call(
    function: str, *, memory: int = 2**30, seconds: float = 20.0, readable: Path | None = None, **values: Any
) -> Any:
    target = f"tests.sdf_fit.child_functions:{function}"
    return run_capped(target, values, memory_bytes=memory, seconds=seconds, readable=readable)


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
