"""The executor of one machine, with real worker processes; what tests of the dispatcher do not reach."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.jobs.devices import gpu_ids, worker_slots
from server.jobs.local import LocalExecutor
from server.worker.protocol import Message, Order
from tests.server.workshop import config, until


def order(folder: Path, prompt: str, job_id: str = "j1") -> Order:
    """An order for the fast pipeline, in a folder of its own."""
    run = folder / job_id
    run.mkdir()
    (run / "sketch.glb").write_bytes(b"strokes")
    return Order(job_id, 1, run / "sketch.glb", "mug", prompt, {}, run)


def test_a_worker_that_breaks_at_its_start_is_told_and_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        executor = LocalExecutor(config(tmp_path, warm_prior="broken-start"))
        await executor.start()
        waiting = asyncio.create_task(executor.run(order(tmp_path, "steps=5"), lambda message: None))
        await until(lambda: executor.states()[0].restarts >= 2, "two starts")
        await until(lambda: executor.states()[0].problem is not None, "it says why")
        problem = executor.states()[0].problem
        assert problem and "told to break at its start" in problem["message"]
        executor.stop_job("j1")
        assert (await waiting).ending == "stopped"
        await executor.close()

    asyncio.run(main())


@pytest.mark.parametrize("prior", ["", "slow-start=600"])
def test_closing_ends_workers_that_are_idle_or_still_starting(prior: str, tmp_path: Path) -> None:
    async def main() -> None:
        executor = LocalExecutor(config(tmp_path, warm_prior=prior))
        await executor.start()
        await until(lambda: executor.states()[0].state == ("starting" if prior else "warm"), "it is there")
        await until(lambda: executor.states()[0].pid, "it has a process")
        pid = executor.states()[0].pid
        await executor.close()
        assert not Path(f"/proc/{pid}").exists()
        assert executor.states()[0].state == "dead"

    asyncio.run(main())


def test_closing_lets_a_running_job_leave_its_checkpoint(tmp_path: Path) -> None:
    async def main() -> None:
        executor = LocalExecutor(config(tmp_path))
        await executor.start()
        heard: list[Message] = []
        work = order(tmp_path, "steps=5000 checkpoint-every=0")
        running = asyncio.create_task(executor.run(work, heard.append))
        await until(lambda: heard, "it runs")
        await executor.close()
        assert (await running).ending == "stopped" and heard[-1] == {"type": "checkpoint"}
        assert (work.folder / "checkpoint.pt").exists()

    asyncio.run(main())


def test_orders_take_turns_on_one_worker(tmp_path: Path) -> None:
    async def main() -> None:
        executor = LocalExecutor(config(tmp_path))
        await executor.start()
        works = [order(tmp_path, "steps=6", f"j{number}") for number in range(3)]
        outcomes = await asyncio.gather(*(executor.run(work, lambda message: None) for work in works))
        assert [outcome.ending for outcome in outcomes] == ["done"] * 3
        assert executor.states()[0].restarts == 0
        await executor.close()

    asyncio.run(main())


def test_what_libraries_print_is_logged_with_the_jobs_id(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        executor = LocalExecutor(config(tmp_path))
        await executor.start()
        await executor.run(order(tmp_path, "say=hello pause=.1"), lambda message: None)
        await executor.close()

    with caplog.at_level("INFO", logger="server.worker"):
        asyncio.run(main())
    said = [record for record in caplog.records if record.getMessage() == "hello"]
    assert len(said) == 2 and said[0].__dict__["job_id"] == "j1" and said[0].__dict__["worker"] == "cpu-0"


def test_one_worker_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-a)'\necho 'GPU 1: NVIDIA H100 (UUID: GPU-b)'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    two = [(slot.name, slot.environment["CUDA_VISIBLE_DEVICES"]) for slot in worker_slots("auto", 0)]
    assert two == [("gpu-0", "0"), ("gpu-1", "1")]
    assert [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in worker_slots("cuda", 3)] == ["0", "1", "0"]
    assert [(slot.name, slot.environment) for slot in worker_slots("cpu", 0)] == [("cpu-0", {})]
    assert gpu_ids({"CUDA_VISIBLE_DEVICES": "1"}) == ["1"] and gpu_ids({"CUDA_VISIBLE_DEVICES": ""}) == []
    smi.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert [slot.name for slot in worker_slots("auto", 0)] == ["cpu-0"]
