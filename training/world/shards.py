"""Shards in WebDataset's format: tar files whose members belong together up to the first dot of their names.

    700003-0.webp 700003-0.json   one view: the picture (RGBA where transparent) and what is known of it
    700003-0.light.webp .base.webp .surface.webp   its light and its surface (training/world/passes.py)
    700003.sketch.glb 700003.mesh.glb 700003.slots.npy   one object: its sketch, its true surface, and the number of
        each vertex's material there, which the view's palette gives a colour

Numbers are written with nine digits. A shard appears under its name only when it is whole.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

PART = ".part"  # ends the name of a shard that is being written
WEBP_QUALITY = 92


class ShardWriter:
    """Collects the members of one shard; leaving the `with` block without an error puts it in its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}-{os.getpid()}-", suffix=PART)
        self._part = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()
        self._file.close()
        if error is None:
            os.chmod(self._part, 0o644)  # mkstemp's files are their maker's alone
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)

    def add_view(
        self, number: int, view: int, picture: Image.Image, card: Mapping[str, Any], **others: Image.Image
    ) -> None:
        """A picture, what is known of it, and what else there is of the same view (light, base, surface)."""
        key = f"{number:09d}-{view}"
        self._add(f"{key}.webp", webp(picture))
        self._add(f"{key}.json", json.dumps(card).encode())
        for name, image in others.items():
            self._add(f"{key}.{name}.webp", webp(image))

    def add_object(self, number: int, sketch: bytes | None, mesh: bytes, slots: np.ndarray) -> None:
        """`slots` [V]: each vertex's material."""
        if sketch is not None:
            self._add(f"{number:09d}.sketch.glb", sketch)
        self._add(f"{number:09d}.mesh.glb", mesh)
        buffer = io.BytesIO()
        np.save(buffer, slots.astype(np.uint8))
        self._add(f"{number:09d}.slots.npy", buffer.getvalue())

    def _add(self, name: str, data: bytes) -> None:
        """Time and owner stay at their zeros: the same objects give the same file."""
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))


def webp(image: Image.Image) -> bytes:
    """Lossy colours, lossless alpha; what stands under an alpha of 0 is left to the encoder."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, alpha_quality=100)
    return buffer.getvalue()


def read_shard(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(key, extension → bytes) of every sample, in the shard's order."""
    key, sample = "", {}
    with tarfile.open(path) as shard:
        for member in shard:
            name, _, extension = member.name.partition(".")
            if name != key and sample:
                yield key, sample
                sample = {}
            file = shard.extractfile(member)
            assert file is not None, f"{path}: {member.name} is no file"
            key, sample[extension] = name, file.read()
    if sample:
        yield key, sample
