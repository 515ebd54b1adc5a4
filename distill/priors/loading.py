"""Reading a model's folder in diffusers' layout: safetensors, tokenizers, the card; errors say what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from distill.card import PriorCard, read_card
from distill.hub.files import best_variant, variants_of

for quiet in (diffusers_logging, transformers_logging):
    quiet.disable_progress_bar()

# Either set holds a tokenizer's whole vocabulary; of half of one transformers makes an empty vocabulary.
COMPLETE = ({"tokenizer.json"}, {"vocab.json", "merges.txt"})


class PriorError(ValueError):
    """A folder that holds no usable prior, with the reason and the remedy."""


def load_model(model: Any, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """A frozen model of the class `model` from safetensors, whichever variant the folder holds.

    Raises PriorError where the folder is missing or holds no safetensors.
    """
    require_weights(folder)
    variant = best_variant(variants_of(path.name for path in folder.iterdir()).values())
    settings: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "variant": variant or None}
    settings["torch_dtype" if issubclass(model, ModelMixin) else "dtype"] = dtype
    return model.from_pretrained(str(folder), **settings).eval().requires_grad_(False)


def load_tokenizer(tokenizer: Any, folder: Path) -> Any:
    """A tokenizer of the class `tokenizer`. Raises PriorError where files of its vocabulary are missing."""
    there = {path.name for path in folder.glob("*")}
    if not any(files <= there for files in COMPLETE):
        wanted = ", nor ".join(" and ".join(sorted(files)) for files in COMPLETE)
        raise PriorError(f"{folder}: no {wanted}: fetch the tokenizer again, every word would be unknown")
    return tokenizer.from_pretrained(str(folder), local_files_only=True)


def require_parts(folder: Path, parts: Sequence[str]) -> None:
    """PriorError that names the sub-folders which are not there."""
    missing = [part for part in parts if not (folder / part).is_dir()]
    if missing:
        raise PriorError(f"{folder}: no {', '.join(missing)} folder, so not a model in diffusers' layout")


def require_weights(folder: Path) -> None:
    """PriorError unless the folder holds safetensors."""
    if not any(folder.glob("*.safetensors")):
        raise PriorError(f"{folder}: no .safetensors weights (pickled .bin files are not read)")


def read_config(path: Path) -> dict[str, Any]:
    """A JSON file of the folder, {} where there is none. Raises PriorError for one that cannot be read."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise PriorError(f"{path} is not JSON ({wrong}): fetch the model again") from wrong


def choose_card(folder: Path, family: PriorCard) -> PriorCard:
    """The card in `prior.json`, or `family`. PriorError where the card wants more tokens than the encoders hold."""
    file = folder / "prior.json"
    if not file.is_file():
        return family
    card = read_card(file)
    if card.max_tokens > family.max_tokens:
        raise PriorError(f"{file}: max_tokens {card.max_tokens}, but the text encoder holds {family.max_tokens}")
    return card
