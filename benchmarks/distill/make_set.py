"""Packs benchmarks/data/held_out.tar.gz out of shards of the synthetic world:
`python -m benchmarks.distill.make_set data/world/*.tar`

It holds the held-out renders without ground and sky: those are put on the backgrounds that prompts can name. Objects
follow in the order of their numbers, in which kinds take turns, until the file is full.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.distill.subjects import RENDERS
from training.world.numbering import held_out

MEGABYTES = 2.0

Render = tuple[str, bytes, dict[str, Any]]  # name, WebP, card


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=RENDERS)
    options = parser.parse_args(arguments)
    found = sorted(render for shard in options.shards for render in read(shard))
    kept = within(found, MEGABYTES * 2**20)
    options.out.write_bytes(packed(kept))
    objects = {card["object"] for _, _, card in kept}
    print(f"{options.out}: {len(kept)} of {len(found)} renders, {len(objects)} objects, {options.out.stat().st_size} B")


def read(shard: Path) -> Iterator[Render]:
    """The shard's held-out renders on a transparent film, as they are."""
    with tarfile.open(shard) as tar:
        cards = {}
        for name in tar.getnames():
            if name.endswith(".json") and (file := tar.extractfile(name)):
                cards[name.removesuffix(".json")] = json.load(file)
        for name, card in cards.items():
            if held_out(card["object"]) and card["transparent"] and (file := tar.extractfile(f"{name}.webp")):
                yield name, file.read(), card


def within(renders: Sequence[Render], limit: float) -> list[Render]:
    """The first objects, whole, whose pictures and cards take up to `limit` bytes."""
    kept: list[Render] = []
    for render in renders:
        if sum(len(picture) + len(json.dumps(card)) // 4 for _, picture, card in (*kept, render)) > limit:
            last = render[2]["object"]
            return [each for each in kept if each[2]["object"] != last]
        kept.append(render)
    return kept


def packed(renders: Sequence[Render]) -> bytes:
    """A compressed tar file (its headers and cards shrink, pictures do not), the same bytes for the same renders."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, picture, card in renders:
            for suffix, data in (("webp", picture), ("json", json.dumps(card).encode())):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


if __name__ == "__main__":
    main()
