"""A job's state in one file, as torch.save writes it: a tree of dicts, lists, tuples, tensors and plain values, so
`module.state_dict()`, `optimizer.state_dict()`, `generator.get_state()` and `rng.bit_generator.state` go in as they
are and come out equal. It is read by PyTorch's restricted unpickler, which makes nothing else.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from realify.job.atomic import write_atomic
from realify.job.run_folder import CHECKPOINT

FORMAT, VERSION = "realify-checkpoint", 3


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used: `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message = message
        self.fix = fix


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replaces the folder's checkpoint by `state`, atomically. Raises TypeError for what could not be read again."""
    _check(state)
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, "state": state}, buffer)
    write_atomic(folder / CHECKPOINT, buffer.getvalue())


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, tensors on the CPU, or None where there is none. Raises CheckpointError."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    fix = f"Delete {path} and start the run again."
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} cannot be read: it is cut short, or no checkpoint at all.", fix)
    try:
        kept = torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {str(error).splitlines()[0]}.", fix) from error
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of a run.", fix)
    if kept["version"] != VERSION:
        raise CheckpointError(f"{path} has version {kept['version']}; this program reads version {VERSION}.", fix)
    return kept["state"]


def discard_checkpoint(folder: Path) -> None:
    """Removes the folder's checkpoint if there is one."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    elif not (value is None or isinstance(value, torch.Tensor | bool | int | float | str)):
        raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")
