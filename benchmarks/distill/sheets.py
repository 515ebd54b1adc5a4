"""Contact sheets: the same captions above the columns, a method in each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.distill.gather import Made
from benchmarks.distill.methods import FULL, TITLES
from benchmarks.distill.result import pictures_of
from benchmarks.distill.subjects import Array, Subject
from benchmarks.prior.sheets import write_sheet

COLUMNS = 6


def sheets(
    table1: Mapping[str, Made], table3: Mapping[str, Made], ablations: Mapping[str, Made]
) -> dict[str, dict[str, Array]]:
    """Rows of pictures [captions, S, S, 3] of the first seed, by the file's name."""
    first = {name: made.images[0] for name, made in {**table1, **table3, **ablations}.items()}
    paths = [name for rule in FULL if FULL[rule] in table3 for name in (rule, FULL[rule])]
    bridges = [name for name in ("sds", "bridge") if name in table1]
    wanted = {"distill": list(table1), "distill-path": paths, "distill-ablations": [*bridges, *ablations]}
    full = {"distill": table1, "distill-path": table3, "distill-ablations": ablations}
    return {
        file: {TITLES.get(name, name): first[name] for name in names} for file, names in wanted.items() if full[file]
    }


def write_sheets(folder: Path, found: Mapping[str, Mapping[str, Array]], subjects: Sequence[Subject]) -> list[Path]:
    """PNGs; the last row are the captions' own renders."""
    written = []
    for name, rows in found.items():
        columns = min([COLUMNS, len(subjects), *(len(images) for images in rows.values())])
        shown = {title: images[:columns] / 255 for title, images in rows.items()}
        shown["a render"] = pictures_of(subjects[:columns])[0] / 255
        written.append(folder / f"{name}.png")
        write_sheet(shown, [each.caption for each in subjects[:columns]], written[-1])
    return written
