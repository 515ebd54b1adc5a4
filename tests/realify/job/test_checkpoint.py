"""Checkpoints come back equal, survive being killed at any moment, and say what is wrong with a file."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from realify.job.checkpoint import CheckpointError, discard_checkpoint, load_checkpoint, save_checkpoint
from realify.job.run_folder import CHECKPOINT


def _trained(
    steps: int, start: dict | None = None
) -> tuple[torch.nn.Linear, torch.optim.Adam, torch.Generator]:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(1)
    if start:
        model.load_state_dict(start["model"])
        optimizer.load_state_dict(start["optimizer"])
        generator.set_state(start["generator"])
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3, generator=generator)).square().sum().backward()
        optimizer.step()
    return model, optimizer, generator


def test_training_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    model, optimizer, generator = _trained(5)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
    }
    save_checkpoint(tmp_path, state)
    resumed, *_ = _trained(5, load_checkpoint(tmp_path))
    whole, *_ = _trained(10)
    assert torch.equal(resumed.weight, whole.weight)


def test_every_kind_of_value_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shared = torch.arange(6.0).reshape(2, 3)
    state: dict[Any, Any] = {
        "stage": "stage2",
        "step": 120,
        "loss": 0.1,
        "nothing": None,
        "rng": rng.bit_generator.state,  # 128-bit integers
        "betas": (0.9, [True, "x"]),
        7: {"transposed": shared.T, "view": shared[0], "half": shared.half()},
    }
    save_checkpoint(tmp_path, state)
    loaded = load_checkpoint(tmp_path)
    assert loaded is not None
    seven: Any = 7
    tensors = loaded.pop(seven)
    original = state.pop(7)
    assert all(torch.equal(tensors[name], original[name]) for name in original)
    assert tensors["half"].dtype == torch.float16
    assert loaded == state
    rng.bit_generator.state = loaded["rng"]


def test_no_checkpoint_is_none_and_discarding_is_quiet(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, {"step": 1})
    discard_checkpoint(tmp_path)
    discard_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path) is None


def test_foreign_corrupt_and_future_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    torch.save({"x": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="no checkpoint of a run"):
        load_checkpoint(tmp_path)
    torch.save({"format": "realify-checkpoint", "version": 99, "state": {}}, path)
    with pytest.raises(CheckpointError, match="version 99"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, {"x": torch.zeros(1000)})
    for broken in (path.read_bytes()[:-100], b"", b"no archive", pickle.dumps(tmp_path)):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_checkpoint(tmp_path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"format": "realify-checkpoint", "version": 3, "state": Harmful()}, tmp_path / CHECKPOINT)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_unpackable_state_is_refused_and_the_old_one_kept(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"step": 1})
    with pytest.raises(TypeError, match="Path"):
        save_checkpoint(tmp_path, {"step": 2, "where": tmp_path})
    assert load_checkpoint(tmp_path) == {"step": 1}


_SAVE_FOREVER = """
import itertools, sys, torch
from pathlib import Path
from realify.job.checkpoint import save_checkpoint
for step in itertools.count(1):
    save_checkpoint(Path(sys.argv[1]), {"step": step, "field": torch.full((200_000,), float(step))})
    print(step, flush=True)
"""


def test_killed_while_saving(tmp_path: Path) -> None:
    """Killed at random moments, it is the last checkpoint reported or the one after that loads, whole."""
    moments = random.Random(0)
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _SAVE_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(moments.uniform(0.05, 0.4))
            process.kill()
            reported = int((first + process.stdout.read()).split()[-1])
        loaded = load_checkpoint(tmp_path)
        assert loaded is not None and loaded["step"] in (reported, reported + 1)
        assert (loaded["field"] == loaded["step"]).all()
