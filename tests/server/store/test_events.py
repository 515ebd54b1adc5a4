"""Events reach every listener once and in order: from the table, live, and from the one into the other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from server.store import attempts, events, jobs, submissions
from server.store.event_hub import EventHub
from server.store.ids import new_id
from server.store.rows import EventRow
from server.store.store import Store
from tests.server.store.case import Case, new_row, opened

PATIENCE = 60


@asynccontextmanager
async def _hub(case: Case, kept: int = 2048) -> AsyncIterator[EventHub]:
    hub = EventHub(case.store, asyncio.get_running_loop(), kept)
    try:
        yield hub
    finally:
        hub.close()


async def _take(hub: EventHub, job: str | None, after: int, last: int) -> list[EventRow]:
    """What a listener gets until event `last`."""
    got: list[EventRow] = []
    async with asyncio.timeout(PATIENCE), aclosing(hub.follow(job, after)) as stream:
        async for rows in stream:
            got += rows
            if got[-1].id >= last:
                return got
    raise AssertionError("the stream ended early")


def test_listeners_hear_each_commit_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as case:
        heard: list[int] = []

        def break_down(rows: list[EventRow]) -> None:
            raise RuntimeError("no ears")

        case.store.listen(break_down)
        unlisten = case.store.listen(lambda rows: heard.extend(row.id for row in rows))
        case.write(submissions.add_jobs, [new_row()] * 1200, new_id(), "more than are told at once")
        job = case.claim()
        with pytest.raises(Exception, match="no upload"):
            case.write(submissions.add_job, new_row(sketch="0" * 64))
        case.write(attempts.finish, job.id, 1, "done")
        case.store.close()
        assert heard == list(range(1, 1203))
        unlisten()
    with opened(tmp_path) as case:
        case.store.listen(lambda rows: heard.extend(row.id for row in rows))
        case.add()
        case.store.close()
        assert heard == list(range(1, 1204)), "what was told before the restart is not told again"


def test_a_job_is_followed_from_its_first_event(tmp_path: Path) -> None:
    async def follow(case: Case) -> None:
        async with _hub(case) as hub:
            job, _ = await case.store.write(submissions.add_job, new_row())
            other, _ = await case.store.write(submissions.add_job, new_row())
            listening = asyncio.create_task(_take(hub, job.id, 0, last=5))
            await case.store.write(attempts.claim, "worker", 60)
            await case.store.write(jobs.cancel, other.id)
            await case.store.write(attempts.finish, job.id, 1, "done")
            got = await listening
            assert [(row.id, row.state) for row in got] == [(1, "queued"), (3, "running"), (5, "done")]
            assert [row.id for row in await _take(hub, job.id, 1, last=5)] == [3, 5]
            assert [row.id for row in await _take(hub, None, 2, last=5)] == [3, 4, 5]

    with opened(tmp_path) as case:
        asyncio.run(follow(case))


async def _write(store: Store, commits: int, draw: random.Random) -> None:
    """Jobs come, run and are done; the number of events in a commit varies."""
    for _ in range(commits):
        await asyncio.gather(*(store.write(submissions.add_job, new_row()) for _ in range(draw.randint(0, 3))))
        if row := await store.write(attempts.claim, "worker", 60):
            await store.write(
                attempts.progress, row.id, row.attempt, {"stage": "fit", "step": 1, "total": 2, "fraction": 0.1}
            )
            await store.write(attempts.finish, row.id, row.attempt, "done")


async def _reconnecting(hub: EventHub, got: list[int], last: asyncio.Future[int], draw: random.Random) -> None:
    """Listens to all, and leaves and comes back after any number of events, as a browser does."""
    after = 0
    while not (last.done() and after >= last.result()):
        async with aclosing(hub.follow(None, after)) as stream:
            for _ in range(draw.randint(1, 6)):
                rows = await anext(stream)
                got += [row.id for row in rows]
                after = rows[-1].id
                await asyncio.sleep(draw.choice((0, 0, 0.01, 0.05)))
                if last.done() and after >= last.result():
                    break


def test_many_listeners_that_reconnect_miss_nothing(tmp_path: Path) -> None:
    """The hub keeps so little that slow ones have to read the table in between."""

    async def follow(case: Case) -> None:
        async with asyncio.timeout(PATIENCE), _hub(case, kept=7) as hub:
            last: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            got: list[list[int]] = [[] for _ in range(60)]
            tasks = [asyncio.create_task(_reconnecting(hub, ids, last, random.Random(i))) for i, ids in enumerate(got)]
            await _write(case.store, 40, random.Random(0))
            last.set_result(case.read(events.last_id) + 1)
            await case.store.write(submissions.add_job, new_row())  # the last event, which wakes all
            await asyncio.gather(*tasks)
            wanted = [row.id for row in case.read(events.after, 0, limit=10_000)]
            assert len(wanted) > 100 and all(ids == wanted for ids in got)

    with opened(tmp_path) as case:
        asyncio.run(follow(case))


def test_a_slow_listener_reads_what_the_hub_no_longer_has(tmp_path: Path) -> None:
    async def follow(case: Case) -> None:
        async with asyncio.timeout(PATIENCE), _hub(case, kept=3) as hub, aclosing(hub.follow(None, 0)) as stream:
            await case.store.write(submissions.add_job, new_row())
            got = [row.id for row in await anext(stream)]
            for _ in range(12):
                await case.store.write(submissions.add_job, new_row())
            while got[-1] < 13:
                got += [row.id for row in await anext(stream)]
            assert got == list(range(1, 14))

    with opened(tmp_path) as case:
        asyncio.run(follow(case))


def test_a_long_history_is_replayed_whole(tmp_path: Path) -> None:
    with opened(tmp_path) as case:
        case.write(submissions.add_jobs, [new_row()] * 1300, new_id(), "long")

        async def follow() -> None:
            async with _hub(case) as hub:
                last = asyncio.create_task(case.store.write(submissions.add_job, new_row()))
                assert [row.id for row in await _take(hub, None, 0, last=1301)] == list(range(1, 1302))
                await last

        asyncio.run(follow())


@pytest.mark.parametrize("after", [10**30, 5000])
def test_an_id_that_was_never_given_counts_as_the_newest(tmp_path: Path, after: int) -> None:
    async def follow(case: Case) -> None:
        async with _hub(case) as hub:
            await case.store.write(submissions.add_job, new_row())
            listening = asyncio.create_task(_take(hub, None, after, last=2))
            while not hub.listeners:
                await asyncio.sleep(0)
            await case.store.write(submissions.add_job, new_row())
            assert [row.id for row in await listening] == [2]

    with opened(tmp_path) as case:
        asyncio.run(follow(case))
        assert case.read(events.after, 10**30) == [] and len(case.read(events.after, -(10**30))) == 2


def test_closing_the_hub_ends_every_listener(tmp_path: Path) -> None:
    async def follow(case: Case) -> None:
        async with asyncio.timeout(PATIENCE), _hub(case) as hub:

            async def listen(job: str | None) -> None:
                async for _ in hub.follow(job, 0):
                    pass

            tasks = [asyncio.create_task(listen(job)) for job in (None, None, "some job")]
            while hub.listeners < 3:
                await asyncio.sleep(0)
            tasks.pop().cancel()
            while hub.listeners > 2:
                await asyncio.sleep(0)
            hub.close()
            await asyncio.gather(*tasks)
            assert hub.listeners == 0

    with opened(tmp_path) as case:
        asyncio.run(follow(case))


def test_old_progress_is_pruned_and_ids_go_on(tmp_path: Path) -> None:
    with opened(tmp_path) as case:
        old, running = case.running(), case.running()
        for job in (old, running):
            case.write(attempts.progress, job.id, 1, {"stage": "fit", "step": 1, "total": 2, "fraction": 0.1})
        case.write(attempts.finish, old.id, 1, "done")
        gone = case.add()
        case.make_room(jobs.remove, gone.id)
        last = case.read(events.last_id)
        finished = case.row(old.id).finished
        assert finished is not None
        assert case.make_room(events.prune, finished - 1) == 0
        assert case.make_room(events.prune, finished + 60) == 2  # old's progress, and that the third is gone
        assert [event.state for event in case.read(events.after, 0, old.id)] == ["queued", "running", "done"]
        assert [event.kind for event in case.read(events.after, 0, running.id)] == ["state", "state", "progress"]
        assert case.read(events.last_id) == last
        case.add()
        assert case.read(events.last_id) == last + 1
