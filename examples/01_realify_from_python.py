"""The main job from Python, with any setting changed: what `realify run` does, without the command line.

python examples/01_realify_from_python.py stage1.steps=300 stage2.steps=200 seed=3
"""

from __future__ import annotations

import sys
from pathlib import Path

from realify.job.events import Event
from realify.pipeline import run
from realify.settings import apply, preset

SKETCH = Path(__file__).parent / "sketches/mushroom.glb"


def show(event: Event) -> None:
    """Called after every step of the job."""
    if event.step % 25 == 0 or event.warnings:
        print(event.stage, f"{event.step}/{event.total}", *event.warnings)


def main() -> None:
    changes = dict(change.split("=", 1) for change in sys.argv[1:])
    settings = apply(preset("draft"), changes)
    folder = Path(
        "out/from_python"
    )  # holds checkpoints and previews while the job runs, and its results after
    folder.mkdir(parents=True, exist_ok=True)
    result = run(SKETCH, "a photo of a red mushroom", settings, folder, show, should_stop=lambda: False)
    print(result.glb, result.contact_sheet)


if __name__ == "__main__":
    main()
