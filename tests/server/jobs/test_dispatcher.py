"""Jobs through the store, the dispatcher and real worker processes; what goes wrong is done to them for real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from realify.job.run_folder import CHECKPOINT
from server.problem import Problem
from server.store import attempts, events, jobs
from tests.server.fake_pipeline import digest_of, glb_extras
from tests.server.workshop import SKETCH, Workshop, until, workshop


def digest(shop: Workshop, job_id: str) -> str:
    """The number in the published GLB that says whether every step was done once."""
    row = shop.row(job_id)
    assert row.result_attempt is not None
    return glb_extras((shop.folders.attempt(job_id, row.result_attempt) / "result.glb").read_bytes())["digest"]


def attempt_folders(shop: Workshop, job_id: str) -> list[str]:
    """The names of the attempts' folders."""
    return sorted(folder.name for folder in (shop.folders.job(job_id) / "attempts").iterdir())


def test_a_job_is_done_and_its_folder_holds_the_artefacts_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add("warn=careful steps=40", {"output.turntable": True})
            row = await shop.reaches(job, "done", "failed")
            assert row.state == "done" and row.attempt == row.result_attempt == 1 and row.error is None
            assert row.warnings == ["careful"] and row.preview == "previews/stage2-000001.png"
            folder = shop.folders.attempt(job, 1)
            whole = {"result.glb", "sheet.png", "preview.png", "turntable.webp", "log.txt", "settings.json"}
            await until(lambda: {file.name for file in folder.iterdir()} == whole, "only the artefacts are left")
            assert json.loads((folder / "settings.json").read_text()) == {"output.turntable": True}
            told = shop.store.read(events.after, 0, job)
            stages = [event.stage for event in told if event.kind == "progress"]
            assert list(dict.fromkeys(stages)) == ["read", "fit", "stage1", "stage2", "sample", "bake", "export"]
            assert [event.state for event in told if event.kind == "state"] == ["queued", "running", "done"]

    asyncio.run(main())


def test_a_worker_killed_in_the_middle_costs_nothing_but_the_steps_since_its_checkpoint(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            prompt = "steps=60 pause=.02 checkpoint-every=4"
            job = await shop.add(prompt)
            await shop.runs_at(job, "stage1")
            os.kill(shop.worker_pid(), signal.SIGKILL)
            row = await shop.reaches(job, "done", "dead", "failed")
            assert row.state == "done" and row.attempt == 2 and row.strikes == 0
            assert any("SIGKILL" in warning for warning in row.warnings)
            assert digest(shop, job) == digest_of(SKETCH, prompt)
            await until(lambda: attempt_folders(shop, job) == ["2"], "the first attempt's folder is gone")
            first_again = [e.stage for e in shop.store.read(events.after, 0, job) if e.kind == "progress"]
            assert first_again.count("read") == 1, "the job began from the start again"
            assert shop.executor.states()[0].restarts == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ("crash-at=3", "worker_died", "SIGKILL"),
        ("oom-at=3", "out_of_memory", "ran out of memory"),
        ("cuda-at=3", "device_error", "illegal memory access"),
    ],
)
def test_three_starts_without_a_new_checkpoint_are_enough_and_the_next_job_passes(
    fault: str, code: str, told: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job, after = await shop.add(f"{fault} checkpoint-every=5"), await shop.add("steps=5")
            row = await shop.reaches(job, "dead", "failed", "done")
            assert row.state == "dead" and row.attempt == 3
            assert row.error and row.error["code"] == code and told in row.error["message"]
            assert (await shop.reaches(after, "done", "failed", "dead")).state == "done"
            if code == "device_error":
                assert (await shop.store.write(jobs.retry, job)).strikes == 0
                assert (await shop.reaches(job, "dead")).attempt == 6

    asyncio.run(main())


def test_a_loss_after_each_new_checkpoint_is_no_reason_to_give_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add("steps=30 checkpoint-every=1 crash-at=9 attempts=2")
            assert (await shop.reaches(job, "done", "dead")).attempt == 3

    asyncio.run(main())


@pytest.mark.parametrize("fault", ["fail-at=8", "fault-at=8"])
def test_the_jobs_own_fault_fails_it_at_once_and_a_retry_goes_on(fault: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add(f"{fault} attempts=1 checkpoint-every=5")
            row = await shop.reaches(job, "failed", "done", "dead")
            assert row.state == "failed" and row.error and row.attempt == 1
            assert row.error["code"] == {"fail-at=8": "rehearsed", "fault-at=8": "internal"}[fault]
            log = (shop.folders.attempt(job, 1) / "log.txt").read_text()
            assert row.error["message"] in log and ("Traceback" in log) == (fault == "fault-at=8")
            await shop.store.write(jobs.retry, job)
            assert (await shop.reaches(job, "done", "failed", "dead")).state == "done"
            assert [e.stage for e in shop.store.read(events.after, 0, job) if e.kind == "progress"].count("read") == 1
            assert row.error["message"] in (shop.folders.attempt(job, 2) / "log.txt").read_text()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("prompt", "stage", "same_worker"),
    [("steps=5000", "read", True), ("hang-at=12", "stage1", True), ("deaf-at=12", "stage1", False)],
)
def test_cancel_ends_a_job_that_works_hangs_or_does_not_answer(
    prompt: str, stage: str, same_worker: bool, tmp_path: Path
) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add(prompt)
            await shop.runs_at(job, stage)
            pid = shop.worker_pid()
            assert (await shop.dispatcher.cancel(job)).state == "cancelling"
            assert (await shop.reaches(job, "cancelled", "done", "queued")).state == "cancelled"
            after = await shop.add("steps=5")
            await shop.reaches(after, "done")
            assert (shop.worker_pid() == pid) == same_worker
            with pytest.raises(Problem, match="cancel"):
                await shop.dispatcher.cancel(job)

    asyncio.run(main())


def test_a_cancel_between_claim_and_start_is_not_missed(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            for _ in range(5):
                job = await shop.add("steps=5000")
                await until(lambda job=job: shop.row(job).state == "running", "it is claimed")
                await shop.dispatcher.cancel(job)
                await shop.reaches(job, "cancelled")

    asyncio.run(main())


def test_a_stop_of_the_server_is_no_strike_and_the_next_one_goes_on(tmp_path: Path) -> None:
    prompt = "steps=60 pause=.02 checkpoint-every=0"

    async def first() -> tuple[str, str, int]:
        async with workshop(tmp_path) as shop:
            running = await shop.add(prompt)
            hanging = await shop.add("deaf-at=1 attempts=1")
            await shop.runs_at(running, "stage1")
            pid = shop.worker_pid()
        return running, hanging, pid

    async def second(running: str, hanging: str) -> None:
        async with workshop(tmp_path) as shop:
            row = await shop.reaches(running, "done", "failed", "dead")
            assert row.state == "done" and row.attempt == 2 and row.strikes == 0 and row.warnings == []
            told = shop.store.read(events.after, 0, running)
            assert [e.stage for e in told if e.kind == "progress"].count("read") == 1
            waiting = await shop.add("steps=5")
            await until(lambda: shop.row(hanging).state == "running", "the other one has its turn")
        async with workshop(tmp_path) as shop:
            row = await shop.reaches(hanging, "done", "failed", "dead")
            assert row.state == "done" and row.attempt == 2 and row.strikes == 0
            await shop.reaches(waiting, "done")
            assert digest(shop, running) == digest_of(SKETCH, prompt)

    running, hanging, pid = asyncio.run(first())
    assert not Path(f"/proc/{pid}").exists()
    asyncio.run(second(running, hanging))


def test_an_attempt_that_lost_its_job_stops_and_writes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add("steps=5000")
            await shop.runs_at(job, "read")
            await shop.store.write(jobs.set_paused, True)
            await shop.store.write(attempts.requeue, job, 1, strike=False)
            await until(lambda: shop.executor.states()[0].state == "warm", "the worker is free again")
            newest = shop.store.read(events.last_id)
            row = shop.row(job)
            assert row.state == "queued" and shop.store.read(events.last_id) == newest
            await shop.store.write(jobs.cancel, job)

    asyncio.run(main())


def test_a_paused_queue_starts_nothing_until_it_is_woken(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            await shop.store.write(jobs.set_paused, True)
            job = await shop.add("steps=5")
            await until(lambda: shop.executor.states()[0].state == "warm", "the worker is there")
            assert shop.row(job).state == "queued" and shop.row(job).attempt == 0
            await shop.store.write(jobs.set_paused, False)
            shop.dispatcher.wake()
            await shop.reaches(job, "done")

    asyncio.run(main())


def test_a_folder_that_cannot_be_made_fails_the_job_and_not_the_queue(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            await shop.store.write(jobs.set_paused, True)
            job, after = await shop.add("steps=5"), await shop.add("steps=5")
            (shop.folders.jobs / job).write_text("where its folder should be")
            await shop.store.write(jobs.set_paused, False)
            shop.dispatcher.wake()
            row = await shop.reaches(job, "failed", "done", "dead")
            assert row.state == "failed" and row.error and row.error["code"] == "internal"
            await shop.reaches(after, "done")

    asyncio.run(main())


def test_progress_is_thinned_out_but_no_stage_is_left_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path) as shop:
            job = await shop.add("steps=400 pause=.002 checkpoint-every=0")
            await shop.reaches(job, "done")
            told = [event for event in shop.store.read(events.after, 0, job, limit=2000) if event.kind == "progress"]
            assert {event.stage for event in told} == {"read", "fit", "stage1", "stage2", "sample", "bake", "export"}
            assert len(told) < 100
            assert [(event.step, event.total) for event in told][-1] == (told[-1].total, told[-1].total)

    asyncio.run(main())


def test_two_workers_work_side_by_side(tmp_path: Path) -> None:
    async def main() -> None:
        async with workshop(tmp_path, workers=2) as shop:
            jobs = [await shop.add("steps=5000") for _ in range(3)]
            await until(lambda: sum(shop.row(job).stage is not None for job in jobs) == 2, "two of three run")
            assert {shop.row(job).state for job in jobs[:2]} == {"running"}
            for job in reversed(jobs):
                await shop.dispatcher.cancel(job)
            for job in jobs:
                await shop.reaches(job, "cancelled")

    asyncio.run(main())


def test_the_checkpoint_has_one_name() -> None:
    assert CHECKPOINT == CHECKPOINT
