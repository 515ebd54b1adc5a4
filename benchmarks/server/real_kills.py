"""kills.py with the real pipeline, on settings as small as they go."""

from __future__ import annotations

from pathlib import Path

from benchmarks.server.hostile_files import EXAMPLES
from benchmarks.server.kills import Work, killing, kills_claims, kills_section
from benchmarks.server.part import Part, Result, Size
from benchmarks.server.real_work import PRESET, PROMPT, SMALL
from server.config import PIPELINE


def measure(size: Size, folder: Path) -> Result:
    sketch = (EXAMPLES / "apple.glb").read_bytes()
    work = Work(PIPELINE, sketch, (PROMPT,), backlog=2, pause=10.0, at_work=True, preset=PRESET, settings=SMALL)
    return killing(work, size.real_kills, folder, seed=10)


PART = Part(
    "Kills, with the real pipeline",
    lambda size: 17 * size.real_kills,
    measure,
    lambda result: kills_claims(result, "the real pipeline"),
    kills_section,
)
