"""A job's state in one safetensors file: the tensors in its body, the rest as JSON in its header.

The state is a tree of dicts, lists, tuples, tensors and plain values, so `module.state_dict()`,
`optimizer.state_dict()`, `generator.get_state()` and `rng.bit_generator.state` go in as they are and come out
equal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from realify.job.atomic import write_atomic
from realify.job.run_folder import CHECKPOINT

FORMAT, VERSION = "realify-checkpoint", "2"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be used: `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message = message
        self.fix = fix


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replaces the folder's checkpoint by `state`, atomically; tensors are copied to the CPU."""
    tensors: dict[str, torch.Tensor] = {}
    tree = _pack(state, tensors)
    metadata = {"format": FORMAT, "version": VERSION, "state": json.dumps(tree)}
    write_atomic(folder / CHECKPOINT, save(tensors, metadata))


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, tensors on the CPU, or None where there is none. Raises CheckpointError."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    fix = f"Delete {path} and start the run again."
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}.", fix) from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of a run.", fix)
    if metadata.get("version") != VERSION:
        got = metadata.get("version")
        raise CheckpointError(f"{path} has version {got}; this program reads version {VERSION}.", fix)
    return _unpack(json.loads(metadata["state"]), tensors)


def discard_checkpoint(folder: Path) -> None:
    """Removes the folder's checkpoint if there is one."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """`value` as JSON; tensors go to `tensors` and leave their name; what JSON lacks becomes {"kind": …}."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {"kind": "tensor", "name": name}
    if isinstance(value, dict):  # as pairs, since JSON has no keys but text
        return {"kind": "dict", "items": [[key, _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"kind": "tuple", "items": [_pack(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_pack(item, tensors) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The inverse of `_pack`."""
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if value["kind"] == "tensor":
        return tensors[value["name"]]
    if value["kind"] == "dict":
        return {key: _unpack(item, tensors) for key, item in value["items"]}
    return tuple(_unpack(item, tensors) for item in value["items"])
