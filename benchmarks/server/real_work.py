"""A job for the real pipeline that takes seconds on a processor: every stage is there, the result is of no use."""

from __future__ import annotations

PROMPT = "a photo of a red apple"
PRESET = "draft"
SMALL = {
    "fit.grid": 32,
    "fit.resolution": 96,
    "fit.steps": 40,
    "render.views": 2,
    "stage1.steps": 60,
    "stage2.steps": 24,
    "output.faces": 2000,
    "checkpoint.every_seconds": 1,
    "checkpoint.preview_every": 20,
}
