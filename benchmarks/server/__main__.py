"""What the server claims, measured on a real one: docs/server-figures.md.

`make bench-server`, or

python -m benchmarks.server [--quick] [--only submit,streams]

How long it will take is said first. Everything goes over loopback to servers that are started here. What a part found
is kept in benchmarks/cache/server/: the same command goes on where it was interrupted, --only and --again measure anew.
"""

from __future__ import annotations

import argparse
import datetime
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.server import cancels, fake_kills, faults, fuzz, hostile, matrix, real_kills, streams, submit
from benchmarks.server.page import page
from benchmarks.server.part import FULL, QUICK, Part, Result, Size, say

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "benchmarks" / "cache" / "server"
PAGE = ROOT / "docs" / "server-figures.md"
PARTS: Mapping[str, Part] = {
    "submit": submit.PART,
    "streams": streams.PART,
    "kills": fake_kills.PART,
    "real-kills": real_kills.PART,
    "cancel": cancels.PART,
    "faults": faults.PART,
    "hostile": hostile.PART,
    "matrix": matrix.PART,
    "fuzz": fuzz.PART,
}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that the servers are ended, too
    size = QUICK if options.quick else FULL
    folder = options.cache / size.name
    wanted = options.only.split(",") if options.only else list(PARTS)
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        raise SystemExit(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    state = _state()
    anew = options.only or options.again
    missing = [name for name in wanted if anew or (_read(folder, name) or {}).get("state") != state]
    missing = [name for name in missing if name != "real-kills" or size.real_kills]
    say(f"{', '.join(missing) or 'nothing'}: about {_minutes(missing, size)} on two quiet cores")
    for name in missing:
        _measure(name, size, folder, state)
        _write(options, folder)
    _write(options, folder)


def _measure(name: str, size: Size, folder: Path, state: str) -> None:
    """Measures a part in a folder of its own and keeps what it found."""
    say(f"{name}: about {_minutes([name], size)}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="realify_bench_") as scratch:
        found = PARTS[name].measure(size, Path(scratch))
    kept = {
        "state": state,
        "day": datetime.date.today().isoformat(),
        "seconds": time.monotonic() - began,
        "found": found,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    say(f"{name}: {kept['seconds']:.0f} s")


def _read(folder: Path, name: str) -> Result | None:
    file = folder / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def _write(options: argparse.Namespace, folder: Path) -> None:
    """The page of all that was measured so far; a trial's goes into the cache."""
    results = {name: result for name in PARTS if (result := _read(folder, name))}
    file = folder / PAGE.name if options.quick else options.page
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page(PARTS, results, options.quick), encoding="utf-8")
    say(f"written: {file}")


def _minutes(names: Sequence[str], size: Size) -> str:
    seconds = sum(PARTS[name].seconds(size) for name in names)
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} s"


def _state() -> str:
    """The commit, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few of each: only to see that it runs")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}, with commas between; measured anew")
    parser.add_argument("--again", action="store_true", help="measure also what is kept of this commit")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where results are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the page goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
