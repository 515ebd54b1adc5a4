"""A prior by its name: "embedded", a local folder, or a repository id of the model hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from distill.precision import choose_device

if TYPE_CHECKING:
    from distill.priors.base import DiffusersPrior
    from distill.priors.options import PriorOptions

EMBEDDED = Path(__file__).parent / "embedded"
DTYPES = {"auto": None, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
FILES = ["*.json", "*.txt", "unet/*.safetensors", "text_encoder/*.safetensors", "vae/*.safetensors"]


class MissingPrior(FileNotFoundError):
    """A prior that is not on this machine, with the command that gets it."""


def load_prior(
    name: str = "embedded",
    device: str = "auto",
    dtype: str = "auto",
    *,
    revision: str | None = None,
    allow_download: bool = False,
    options: PriorOptions | None = None,
) -> DiffusersPrior:
    """Loads a prior; nothing is downloaded unless allowed.

    Raises MissingPrior with the command that gets the model, PriorError for one that cannot be used,
    ValueError for an unknown device or dtype.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} is none of {', '.join(DTYPES)}")
    where = choose_device(device)
    folder = find_prior(name, revision, allow_download)
    # Imported here because diffusers takes seconds: a wrong name is an error at once.
    from distill.priors.open import open_prior

    return open_prior(folder, name, where, DTYPES[dtype], options)


def find_prior(name: str, revision: str | None = None, allow_download: bool = False) -> Path:
    """The folder of a prior: the package's own, a local one, or the hub's cache."""
    if name == "embedded":
        return EMBEDDED
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    command = f"hf download {name}" + (f" --revision {revision}" if revision else "")
    command += "".join(f' --include "{pattern}"' for pattern in FILES)
    try:
        return Path(
            snapshot_download(
                name, revision=revision, allow_patterns=FILES, local_files_only=not allow_download
            )
        )
    except HFValidationError:
        raise MissingPrior(
            f"prior {name!r}: no such folder, and not a repository id such as owner/name"
        ) from None
    except LocalEntryNotFoundError:
        raise MissingPrior(f"prior {name!r} is not on this machine. Get it with\n    {command}") from None
    except HfHubHTTPError as refused:
        raise MissingPrior(f"prior {name!r} cannot be fetched ({refused}). Try\n    {command}") from None
