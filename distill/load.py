"""A prior by its name: an alias of distill/hub/catalog.py, a local folder, or a repository id of the model hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from distill.hub.locate import EMBEDDED, MissingPrior, find_prior
from distill.precision import choose_device

if TYPE_CHECKING:
    from distill.priors.base import DiffusersPrior
    from distill.priors.options import PriorOptions

__all__ = ["DTYPES", "EMBEDDED", "MissingPrior", "find_prior", "load_prior"]

DTYPES = {"auto": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_prior(
    name: str = "embedded",
    device: str = "auto",
    dtype: str = "auto",
    *,
    revision: str | None = None,
    options: PriorOptions | None = None,
) -> DiffusersPrior:
    """Loads a prior that is on this machine; distill/hub/fetch.py gets it there.

    Raises MissingPrior with the command that gets the model, PriorError for one that cannot be used,
    ValueError for an unknown device or dtype.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    where = choose_device(device)
    folder = find_prior(name, revision)
    # Imported here because diffusers takes seconds: a wrong name is an error at once.
    from distill.priors.open import open_prior

    return open_prior(folder, name, where, DTYPES[dtype], options)
