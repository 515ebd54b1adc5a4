"""kills.py with the rehearsal's pipeline: many kills in little time."""

from __future__ import annotations

from pathlib import Path

from benchmarks.server.hostile_files import sound_files
from benchmarks.server.kills import Work, killing, kills_claims, kills_section
from benchmarks.server.part import Part, Result, Size
from benchmarks.server.running import FAKE

# Most write checkpoints; one in eight never does, so that three kills in a row can make it dead.
STEPS = "a rehearsal: steps=60 pause=.02"
PROMPTS = (*[f"{STEPS} checkpoint-every=6"] * 7, f"{STEPS} checkpoint-every=0")


def measure(size: Size, folder: Path) -> Result:
    work = Work(FAKE, sound_files()["tetrahedron.glb"], PROMPTS, backlog=4, pause=1.5)
    return killing(work, size.fake_kills, folder, seed=9)


PART = Part(
    "Kills, with a rehearsal's pipeline",
    lambda size: 15 + 1.5 * size.fake_kills,
    measure,
    lambda result: kills_claims(result, "a rehearsal's pipeline"),
    kills_section,
)
