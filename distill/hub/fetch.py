"""Fetching a prior from the model hub into its cache: only the needed files, the mirrors in turn, at one commit.

The hub's library does the work: it shows the progress, goes on where a broken connection stopped, and keeps the files
that were whole when a fetch was ended. Run again, a fetch gets what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distill.hub.catalog import Source
from distill.hub.files import NoSafetensors, needed_files
from distill.hub.locate import COMMIT, EMBEDDED, PIN, cached_folder, count_missing, sources_of


class FetchError(RuntimeError):
    """A prior that could not be fetched; `fix` says what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class _Refused(Exception):
    """One source that does not give its files; the next may."""

    def __init__(self, reason: str, gated: bool = False) -> None:
        super().__init__(reason)
        self.gated = gated


@dataclass(frozen=True)
class Wanted:
    """A source at one commit, with the names and sizes in bytes of the files that are needed of it."""

    repository: str
    commit: str
    sizes: dict[str, int]


def fetch_prior(
    name: str,
    revision: str | None = None,
    half: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """The folder of a prior, fetched into the hub's cache unless it is there already.

    `revision` None is the catalog's commit, else the one fetched before, else the newest, which is kept from then
    on; a branch moves on to its newest commit. `half` takes the fp16 weights where there are any. Raises
    MissingPrior for an unknown name and FetchError.
    """
    if name == "embedded":
        return EMBEDDED
    refused: dict[str, _Refused] = {}
    for source in (sources := sources_of(name, revision)):
        if (here := _whole(source, half)) is not None:
            return here
    for source in sources:
        try:
            return _fetch(source, half, tell)
        except _Refused as reason:
            refused[source.repository] = reason
            tell(f"{source.repository}: {reason}")
        except ConnectionError as broken:
            raise _unreachable(name, sources, broken) from broken
    raise _all_refused(name, refused)


def _whole(source: Source, half: bool) -> Path | None:
    """The source's folder if all that is wanted lies in the cache; a branch may have moved, so it is asked about."""
    if source.revision is not None and not COMMIT.fullmatch(source.revision):
        return None
    folder = cached_folder(source)
    return folder if folder is not None and count_missing(source.repository, folder, half) == 0 else None


def _fetch(source: Source, half: bool, tell: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download

    with _told_apart():
        wanted = _look_up(source, half)
        _check_disk(wanted)
        total = sum(wanted.sizes.values()) / 1e9
        tell(f"{wanted.repository} at {wanted.commit[:12]}: {len(wanted.sizes)} files, {total:.2f} GB")
        folder = Path(
            snapshot_download(wanted.repository, revision=wanted.commit, allow_patterns=[*wanted.sizes])
        )
    _name_commit(folder, PIN)
    if source.revision is not None and not COMMIT.fullmatch(source.revision):
        _name_commit(folder, source.revision)
    return folder


def _look_up(source: Source, half: bool) -> Wanted:
    """Asks the hub which commit it is and what it holds."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    # Asked even for a known commit: this request fails at once without a connection, the next one tries for long.
    commit = api.model_info(source.repository, revision=source.revision or _kept_pin(source.repository)).sha
    assert commit is not None  # of one repository it always comes
    tree = api.list_repo_tree(source.repository, revision=commit, recursive=True)
    sizes = {file.path: file.size for file in tree if isinstance(file, RepoFile)}
    try:
        return Wanted(source.repository, commit, {name: sizes[name] for name in needed_files(sizes, half)})
    except NoSafetensors as pickles:
        raise _Refused(str(pickles)) from pickles


@contextmanager
def _told_apart() -> Iterator[None]:
    """A source that refuses is _Refused, a hub out of reach a ConnectionError; a full disk stays what it is."""
    from httpx2 import TransportError
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise _Refused("gated: its licence has to be accepted first", gated=True) from error
    except RepositoryNotFoundError as error:
        raise _Refused("gone, private, or never there") from error
    except RevisionNotFoundError as error:
        raise _Refused("no longer has this commit") from error
    except HfHubHTTPError as error:
        raise _Refused(f"refused with status {error.response.status_code}") from error
    except LocalEntryNotFoundError as error:  # how the hub's library tells of a file it could not ask for
        if isinstance(cause := error.__cause__, HfHubHTTPError):
            raise _Refused(f"refused with status {cause.response.status_code}") from error
        raise ConnectionError(str(cause or error)) from error
    except TransportError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


def _check_disk(wanted: Wanted) -> None:
    """FetchError unless what is missing fits on the disk of the cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = cached_folder(Source(wanted.repository, wanted.commit))
    missing = sum(
        size for name, size in wanted.sizes.items() if folder is None or not (folder / name).is_file()
    )
    cache = Path(HF_HUB_CACHE)
    disk = next(place for place in (cache, *cache.parents) if place.exists())
    free = shutil.disk_usage(disk).free
    if missing > free:
        raise FetchError(
            f"{wanted.repository} needs {missing / 1e9:.1f} GB more, and {cache} has {free / 1e9:.1f} GB free.",
            "Free some space, or set HF_HOME to a folder on another disk.",
        )


def _pin_file(repository: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "refs" / PIN


def _kept_pin(repository: str) -> str | None:
    file = _pin_file(repository)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _name_commit(folder: Path, name: str) -> None:
    """Lets a name in the cache's refs/ point at the folder's commit; written whole or not at all."""
    file = folder.parents[1] / "refs" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(folder.name, encoding="utf-8")
    draft.replace(file)


def _unreachable(name: str, sources: tuple[Source, ...], broken: Exception) -> FetchError:
    from huggingface_hub.constants import ENDPOINT, is_offline_mode

    wanted = ", ".join(source.repository for source in sources)
    why = "HF_HUB_OFFLINE is set" if is_offline_mode() else str(broken)
    return FetchError(
        f"{name}: no connection to {ENDPOINT} ({why}). Wanted: {wanted}.",
        "With a connection, run it again: what has arrived is kept (HF_ENDPOINT names another hub). Without one, "
        f"run\n    realify prior fetch {name}\non another machine, copy the folder that it names to this one (its "
        "files are links: `cp -rL`), and give the copy's path in place of the name.",
    )


def _all_refused(name: str, refused: dict[str, _Refused]) -> FetchError:
    from huggingface_hub.constants import ENDPOINT

    tried = "; ".join(f"{repository}: {reason}" for repository, reason in refused.items())
    gated = next((repository for repository, reason in refused.items() if reason.gated), None)
    if gated:
        fix = f"Accept the licence at {ENDPOINT}/{gated} and run `hf auth login`, then run this again."
    else:
        fix = "Take another prior (`realify prior list`), or give the path of a folder that holds this one."
    return FetchError(f"{name} cannot be fetched. {tried}.", fix)
