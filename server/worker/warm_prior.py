"""The prior that a worker keeps from one job to the next: the same answers as a fresh one, without the loading."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil
import torch

from distill.load import find_prior, load_prior
from distill.precision import choose_device
from distill.prior import Adapter, Prior
from distill.priors.options import PriorOptions

log = logging.getLogger("realify")
KEPT_SHARE = 4  # text encoders over this part of the free memory are given back, as a lone run does


class KeptPrior:
    """A prior whose text encoder stays for the next job's prompts. Everything else is the prior's own."""

    def __init__(self, prior: Prior, keeps_text: bool) -> None:
        self._prior, self._keeps_text = prior, keeps_text
        self._text_freed = self._adapted = False
        self._began_as = prior.dtype, list(prior.notes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prior, name)

    def free_text_encoder(self) -> None:
        """Where memory is short; otherwise it is kept."""
        if not self._keeps_text:
            self._prior.free_text_encoder()
            self._text_freed = True

    def adapter(self, rank: int, generator: torch.Generator) -> Adapter:
        """The prior's own; its layers stay in the network, so that the next job gets a fresh one."""
        self._adapted = True
        return self._prior.adapter(rank, generator)

    def as_good_as_new(self) -> bool:
        """Whether a next job would see what a fresh one shows it (and not, say, a fallback to float32)."""
        return not (self._text_freed or self._adapted) and self._began_as == (self._prior.dtype, self._prior.notes)


@dataclass(frozen=True)
class _Key:
    """What a prior was loaded for; `changed` is when its files were, so that a prior trained anew is loaded anew."""

    folder: Path
    device: torch.device
    dtype: str
    options: PriorOptions
    changed: float


class WarmPrior:
    """Loads priors and keeps the last one. `loads` counts those that came from the disk."""

    def __init__(self) -> None:
        self.loads = 0
        self._key: _Key | None = None
        self._kept: KeptPrior | None = None

    def load(
        self,
        name: str,
        device: str,
        dtype: str,
        *,
        revision: str | None = None,
        options: PriorOptions | None = None,
    ) -> Prior:
        """As distill.load.load_prior, whose errors it raises; the one at hand where it is the same."""
        key = _key(name, device, dtype, revision, options or PriorOptions())
        if self._kept and key == self._key and self._kept.as_good_as_new():
            log.info("the prior %s is warm", name)
            return cast(Prior, self._kept)
        self.drop()
        prior = load_prior(name, device, dtype, revision=revision, options=options)
        self.loads += 1
        self._kept, self._key = KeptPrior(prior, _text_bytes(key.folder) * KEPT_SHARE < _free_bytes(key.device)), key
        return cast(Prior, self._kept)

    def drop(self) -> None:
        """Gives the memory back before another prior takes its place."""
        self._kept = self._key = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _key(name: str, device: str, dtype: str, revision: str | None, options: PriorOptions) -> _Key:
    folder = find_prior(name, revision)
    changed = max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)
    return _Key(folder, choose_device(device), dtype, options, changed)


def _text_bytes(folder: Path) -> int:
    """Of the text encoders' weights, as they lie on the disk."""
    return sum(file.stat().st_size for file in folder.glob("text_encoder*/*.safetensors"))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
