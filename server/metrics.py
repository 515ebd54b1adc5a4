"""The server's measures, for Prometheus: one registry for each server."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.jobs.executor import WorkerState
from server.models import FINISHED, JobState
from server.store.rows import EventRow

QUICK = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 5)  # seconds
SLOW = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)


class Metrics:
    """`submit_seconds` and `streams` are fed by the routes, stages by `on_events`; the rest is asked for when the
    page is drawn."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.submit_seconds = Histogram(
            "realify_submit_seconds", "From a job's request to its row on the disk.", buckets=QUICK, registry=registry
        )
        self.streams = Gauge("realify_event_streams", "Open event streams.", registry=registry)
        self._stages = Histogram(
            "realify_stage_seconds", "Time in each stage.", ["stage"], buckets=SLOW, registry=registry
        )
        self._ended = Counter("realify_jobs_ended", "Jobs that ended.", ["state"], registry=registry)
        self._jobs = Gauge("realify_jobs", "Jobs in each state.", ["state"], registry=registry)
        self._workers = Gauge("realify_workers", "Workers in each state.", ["state"], registry=registry)
        self._restarts = Gauge("realify_worker_restarts", "Starts after the first.", ["worker"], registry=registry)
        self._free = Gauge("realify_disk_free_bytes", "Room on the data folder's disk.", registry=registry)
        self._began: dict[str, tuple[str, float]] = {}  # job: its stage and when that began

    def on_events(self, rows: Sequence[EventRow]) -> None:
        """To be a listener of the store's: called from one thread."""
        for row in rows:
            over = row.kind == "removed" or (row.kind == "state" and row.state != "running")
            stage, began = self._began.get(row.job, (None, 0.0))
            if stage is not None and (over or (row.stage or stage) != stage):
                self._stages.labels(stage).observe(max(0.0, row.time - began))
                del self._began[row.job]
                stage = None
            if stage is None and row.stage is not None and row.kind == "progress":
                self._began[row.job] = (row.stage, row.time)
            if row.kind == "state" and row.state in FINISHED:
                self._ended.labels(row.state).inc()

    def text(self, counts: dict[JobState, int], workers: Sequence[WorkerState], free_bytes: int) -> bytes:
        """Prometheus' text format."""
        for state, count in counts.items():
            self._jobs.labels(state).set(count)
        for state in ("starting", "warm", "busy", "dead"):
            self._workers.labels(state).set(sum(worker.state == state for worker in workers))
        for worker in workers:
            self._restarts.labels(worker.name).set(worker.restarts)
        self._free.set(free_bytes)
        return generate_latest(self._registry)
