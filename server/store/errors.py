"""What can go wrong with the store itself; what a client did wrong is a Problem (server/problem.py)."""

from __future__ import annotations

from server.problem import Problem


class StoreError(RuntimeError):
    """A database that cannot be used: `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message = message
        self.fix = fix


class Fenced(RuntimeError):
    """A write by an attempt that no longer holds its job: it was started anew, ended or removed meanwhile."""

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of job {job_id} does not hold the job any more, so it writes nothing")
        self.job_id = job_id
        self.attempt = attempt


def unknown_job(job_id: str) -> Problem:
    """There is no such job (any more)."""
    return Problem(
        404, "unknown_job", f"There is no job {job_id}.", "It may have been deleted: GET /v1/jobs lists all there are."
    )
