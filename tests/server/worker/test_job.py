"""The real pipeline as a worker runs it: a job with a warm prior is the same as one that loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from distill.prior import PromptEmbeds
from realify.job.run_folder import CHECKPOINT
from realify.settings import apply, preset, to_dict
from server.worker.job import run, warm_up
from server.worker.protocol import Order
from server.worker.warm_prior import KeptPrior
from tests.realify.stages.stage_bodies import red_prior

SKETCH = Path(__file__).parents[3] / "examples/sketches/mug.glb"
PROMPT = "a photo of a red mug"
TINY = apply(
    preset("draft"),
    {
        "device": "cpu",
        "fit.grid": 24,
        "fit.resolution": 48,
        "fit.steps": 4,
        "render.views": 1,
        "stage1.steps": 3,
        "stage2.steps": 2,
        "output.texture_size": 1024,
        "output.faces": 1000,
        "checkpoint.preview_every": 2,
    },
)


def test_the_second_job_loads_nothing_and_gives_the_same_mesh(tmp_path: Path) -> None:
    warm = warm_up("", "cpu")
    assert warm.device == "cpu" and warm.problem is None and warm.prior.loads == 0
    results: list[bytes] = []
    for attempt in (1, 2):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        (folder / CHECKPOINT).write_bytes(b"a checkpoint of a version that no one can read")
        told: list[dict[str, Any]] = []
        run(Order("j1", attempt, SKETCH, "Anna's mug", PROMPT, to_dict(TINY), folder), told.append, lambda: False, warm)
        results.append((folder / "result.glb").read_bytes())
        files = {file.name for file in folder.iterdir()}
        assert files == {"result.glb", "sheet.png", "preview.png", "previews", CHECKPOINT}
        assert [message["type"] for message in told].count("checkpoint") >= 2
        assert told[-1]["stage"] == "export" and told[-1]["step"] == 2
        assert warm.prior.loads == 1
    assert results[0] == results[1] and b"Anna's mug" in results[0]


def test_a_prior_that_is_missing_is_told_and_the_worker_serves_others() -> None:
    warm = warm_up("/no/such/folder", "cpu")
    assert warm.problem and warm.problem["code"] == "missing_prior" and "/no/such/folder" in warm.problem["message"]


def test_a_prior_is_kept_only_while_it_is_as_good_as_new() -> None:
    def kept(keeps_text: bool = True) -> KeptPrior:
        return KeptPrior(red_prior(), keeps_text)

    used = kept()
    used.free_text_encoder()
    assert isinstance(used.embed(["a red mug"]), PromptEmbeds) and used.as_good_as_new()
    freed = kept(keeps_text=False)
    freed.free_text_encoder()
    assert not freed.as_good_as_new()
    adapted = kept()
    adapted.adapter(4, torch.Generator())
    assert not adapted.as_good_as_new()
    fallen = kept()
    fallen.notes.append("it overflows: it goes on in float32")
    assert not fallen.as_good_as_new()
