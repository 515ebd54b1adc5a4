"""Renders the synthetic world into shards: `python -m training.world --out data/world --seed 7 --objects 2000`.

Either of the project's Pythons can run it; the rendering is done by Blender's, in .venv-blender. After a stop the same
command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from training.world.crew import ROOT, Crew, Job, show
from training.world.kinds import KINDS
from training.world.numbering import object_number
from training.world.shards import PART

BLENDER_PYTHON = ROOT / ".venv-blender" / "bin" / "python"
OBJECTS_OF_A_SHARD = 50  # Blender leaks some 20 MB with each
RECORD = "world.json"  # what all shards of a folder have in common


def main() -> int:
    options = _parse()
    if not options.python.exists():
        raise SystemExit(f"{options.python} is not there: `make setup` makes it")
    kinds = _kinds(options.kinds)
    object_number(options.seed, options.objects - 1)  # raises for too many
    options.out.mkdir(parents=True, exist_ok=True)
    _agree(options.out / RECORD, _common(options, kinds))
    for part in options.out.glob(f"*{PART}"):
        part.unlink()  # of a run that was killed
    jobs = [job for job in _jobs(options, kinds) if not _complete(job)]
    crew = Crew(jobs, options.jobs, _drop_covered)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(crew)
    except KeyboardInterrupt:
        crew.stop()
        show("stopped; the same command goes on with the shards that are missing", last=True)
        return 130
    for failure in crew.tally.failures:
        print(failure, file=sys.stderr)
    return 1 if crew.tally.failures else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.world", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/world"), help="folder of the shards")
    parser.add_argument("--seed", type=int, default=7, help="other seeds give other objects; they may share a folder")
    parser.add_argument("--objects", type=int, default=4000)
    parser.add_argument("--views", type=int, default=4, help="of each object; a fifth has a ground and a sky")
    parser.add_argument("--size", type=int, default=160, help="pixels")
    parser.add_argument("--samples", type=int, default=8, help="of each pixel")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--kinds", help="names, with commas between; all if left out")
    parser.add_argument("--no-meshes", dest="meshes", action="store_false", help="neither sketches nor meshes")
    parser.add_argument("--python", type=Path, default=BLENDER_PYTHON, help="one that has bpy")
    return parser.parse_args()


def _kinds(wanted: str | None) -> list[str]:
    names = sorted(set(wanted.split(","))) if wanted else sorted(KINDS)
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise SystemExit(f"no such kind: {', '.join(unknown)}; there are {', '.join(sorted(KINDS))}")
    return names


def _common(options: argparse.Namespace, kinds: list[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("views", "size", "samples", "meshes")} | {"kinds": kinds}


def _agree(record: Path, common: dict[str, Any]) -> None:
    """Shards of one folder are alike; what they agree on is written down with the first of them."""
    if not record.exists():
        record.write_text(json.dumps(common, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(record.read_text(encoding="utf-8"))
    for name, value in common.items():
        if before.get(name) != value:
            raise SystemExit(
                f"{record} says {name} = {before.get(name)}, this run {value}: give the same, or another --out"
            )


def _jobs(options: argparse.Namespace, kinds: list[str]) -> list[Job]:
    jobs = []
    for first in range(0, options.objects, OBJECTS_OF_A_SHARD):
        end = min(first + OBJECTS_OF_A_SHARD, options.objects)
        path = options.out / f"world-{options.seed}-{first:05d}-{end:05d}.tar"
        command = [str(options.python), "-m", "training.world.worker", "--out", str(path.resolve())]
        command += ["--first", str(first), "--end", str(end), "--kinds", ",".join(kinds)]
        for name in ("seed", "views", "size", "samples"):
            command += [f"--{name}", str(getattr(options, name))]
        if not options.meshes:
            command.append("--no-meshes")
        jobs.append(Job(path, first, end, (end - first) * options.views, tuple(command)))
    return jobs


def _ranges(job: Job) -> dict[Path, tuple[int, int]]:
    """The shards of this seed that are there, with their first object and the one behind their last."""
    start, _, _ = job.path.stem.rsplit("-", 2)
    shards = job.path.parent.glob(f"{start}-*-*.tar")
    return {path: (int(path.stem.split("-")[-2]), int(path.stem.split("-")[-1])) for path in shards}


def _complete(job: Job) -> bool:
    return any(first <= job.first and job.end <= end for first, end in _ranges(job).values())


def _drop_covered(job: Job) -> None:
    """Removes the last, shorter shard of a world that has grown."""
    for path, (first, end) in _ranges(job).items():
        if path != job.path and job.first <= first and end <= job.end:
            path.unlink()


def _run(crew: Crew) -> None:
    crew.start()
    while not crew.wait(2 if sys.stdout.isatty() else 30):
        show(crew.tally.line())
    show(crew.tally.line() if crew.tally.jobs else "nothing to do: every shard is there", last=True)


if __name__ == "__main__":
    sys.exit(main())
