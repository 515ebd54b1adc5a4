"""Which of a repository's files a prior needs: safetensors, settings and tokenizers, and one precision of each part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

NETWORKS = ("unet", "transformer")
PARTS = (
    *NETWORKS,
    "vae",
    "head",
    "scheduler",
    *(f"{part}{number}" for part in ("text_encoder", "tokenizer") for number in ("", "_2", "_3")),
)
ROOT = ("model_index.json", "config.json", "prior.json")
SETTINGS = (".json", ".txt", ".model", ".jinja")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".msgpack")
# "model.fp16-00001-of-00002.safetensors" is of the variant fp16, and so, in older repositories, is
# "diffusion_pytorch_model-00001-of-00002.fp16.safetensors".
_WEIGHTS = re.compile(
    r"(?:model|diffusion_pytorch_model)(?:\.(?P<before>\w+))?(?:-\d+-of-\d+)?(?:\.(?P<after>\w+))?\.safetensors"
)
_INDEX = re.compile(r"(?:model|diffusion_pytorch_model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json")


class NoSafetensors(ValueError):
    """A repository whose weights are pickles, or that holds none at all."""


def needed_files(names: Iterable[str], half: bool) -> list[str]:
    """Those of a repository's files that a prior or a ControlNet is read from.

    With `half` the fp16 variant of each part that has one; else, and where there is none, the plain one.
    Raises NoSafetensors where a part has weights, but none that are read without running code.
    """
    paths = [PurePosixPath(name) for name in names]
    root = [path.name for path in paths if len(path.parts) == 1]
    parts = {part: [path.name for path in paths if path.parts[:-1] == (part,)] for part in PARTS}
    chosen = [name for name in root if name in ROOT]
    if not any(parts[network] for network in NETWORKS):  # a ControlNet is one network, at the root
        weights = _weights("the repository", root, half)
        if not weights:
            raise NoSafetensors("neither a unet nor a transformer folder, and no weights beside them")
        return sorted(chosen + weights)
    for part, inside in parts.items():
        settings = [name for name in inside if name.endswith(SETTINGS) and ".index." not in name]
        chosen += [f"{part}/{name}" for name in settings + _weights(part, inside, half)]
    return sorted(chosen)


def variants_of(names: Iterable[str]) -> dict[str, str]:
    """The files of weights among `names`, each with its variant: "" (plain), "fp16", "bf16", …"""
    return {name: match["before"] or match["after"] or "" for name in names if (match := _WEIGHTS.fullmatch(name))}


def best_variant(there: Collection[str], half: bool = False) -> str | None:
    """The variant to read: the plain one, or with `half` fp16, where it is there."""
    order = ("fp16", "", "bf16") if half else ("", "fp16", "bf16")
    return next((variant for variant in order if variant in there), None)


def _weights(part: str, names: Collection[str], half: bool) -> list[str]:
    """The weights of one variant, with the list that says which tensor lies in which shard."""
    variants = variants_of(names)
    if not variants and any(name.endswith(PICKLES) for name in names):
        raise NoSafetensors(f"{part} holds pickled weights alone, which are not read")
    chosen = best_variant(variants.values(), half)
    lists = {name: match["variant"] or "" for name in names if (match := _INDEX.fullmatch(name))}
    return [name for name, variant in (variants | lists).items() if variant == chosen]
