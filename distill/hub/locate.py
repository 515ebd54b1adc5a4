"""Where a prior lies on this machine: in the package, in a folder, or in the model hub's cache. Nothing is fetched.

The hub's cache holds each repository under its commits, and names of commits in `refs/`. A fetched prior leaves one
of its own there, refs/realify: later loads find the same commit whatever else moves the others, the pin travels with
a copied cache, and the hub's own clearing up keeps what a name points at.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from distill.hub.catalog import CATALOG, Entry, Source, nearest_first
from distill.hub.files import NoSafetensors, needed_files

EMBEDDED = Path(__file__).parents[1] / "embedded"
PIN = "realify"
COMMIT = re.compile(r"[0-9a-f]{40}")
# What of any family's repository is needed, for `hf download`, which cannot choose one variant of the weights.
FILES = [
    "*.json",
    "*.txt",
    "*.model",
    "unet/*.safetensors",
    "transformer/*.safetensors",
    "text_encoder*/*.safetensors",
    "vae/*.safetensors",
    "head/*.safetensors",
    "diffusion_pytorch_model*.safetensors",
]


class MissingPrior(FileNotFoundError):
    """A prior that is not on this machine, with the command that gets it; or a name that means none."""


def find_prior(name: str, revision: str | None = None) -> Path:
    """The folder of a prior: the package's own, a local one, or one in the hub's cache.

    An alias always means the catalog's prior; a folder of the same name is meant by ./NAME. `revision` None is the
    catalog's commit, else the one that was fetched, else the newest in the cache. Raises MissingPrior.
    """
    if name == "embedded":
        return EMBEDDED
    if name not in CATALOG and Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    partly = ""
    for source in sources_of(name, revision):
        folder = cached_folder(source)
        missing = 0 if folder is None else count_missing(source.repository, folder)
        if folder is not None and not missing:
            return folder
        if missing:
            partly = f": {missing} of its files are missing"
    raise MissingPrior(_how_to_get(name, revision, partly))


def sources_of(name: str, revision: str | None = None) -> tuple[Source, ...]:
    """The repositories that a name stands for, at `revision` if one is asked for.

    Raises MissingPrior for a name that is neither an alias nor a repository's id.
    """
    if name in CATALOG:
        sources = CATALOG[name].sources
        return tuple(Source(each.repository, revision) for each in sources) if revision else sources
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return (Source(name, revision),)
    if os.sep in name or name.startswith((".", "~")):
        raise MissingPrior(f"prior {name!r}: no such folder, and not a repository id such as owner/name")
    raise MissingPrior(
        f"prior {name!r} is not known: neither an alias, nor a folder, nor a repository id such as owner/name. "
        f"Aliases, the nearest first: {', '.join(nearest_first(name))}"
    )


def cached_folder(source: Source) -> Path | None:
    """The folder of a source in the hub's cache, complete or not; None if the cache has nothing of that commit."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    for revision in (source.revision,) if source.revision else (PIN, None):
        try:  # no pattern, no file: only where the commit lies is asked for
            return Path(
                snapshot_download(source.repository, revision=revision, local_files_only=True, allow_patterns=[])
            )
        except LocalEntryNotFoundError:
            continue
        except HFValidationError as wrong:
            raise MissingPrior(f"prior {source.repository!r} is no repository id: {wrong}") from None
    return None


def count_missing(repository: str, folder: Path, half: bool | None = None) -> int:
    """How many files of a cached prior are not here; 0 where the cache keeps no list to hold them against.

    `half` None is content with either precision.
    """
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        names = [file.path for file in get_cached_repo_tree(repository, revision=folder.name)]
        wanted = [needed_files(names, each) for each in ((True, False) if half is None else (half,))]
    except (CachedRepoTreeNotFoundError, NoSafetensors):
        return 0
    return min(sum(not (folder / name).is_file() for name in each) for each in wanted)


def _how_to_get(name: str, revision: str | None, partly: str) -> str:
    entry = CATALOG.get(name)
    size = f" ({_size(entry)})" if entry else ""
    at = f" --revision {revision}" if revision else ""
    where = "only partly on this machine" + partly if partly else "not on this machine"
    told = f"prior {name!r} is {where}. Get it{size} with\n    realify prior fetch {name}{at}"
    if entry is None:
        included = "".join(f' --include "{pattern}"' for pattern in FILES)
        told += f"\nor\n    hf download {name}{at}{included}"
    elif Path(name).is_dir():
        told += f"\nThe folder of that name here is meant by ./{name}"
    return told


def _size(entry: Entry) -> str:
    if entry.half_gb == entry.full_gb:
        return f"{entry.full_gb:g} GB"
    return f"{entry.half_gb:g} GB in half precision, {entry.full_gb:g} in full"
