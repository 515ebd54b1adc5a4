"""What the log shows of a fault: the frames, and none of their variables, among which the token may be."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FAULT = """
import sys
from server import logs

logs.set_up(sys.argv[1] == "json")

import structlog

def answer(headers):
    raise RuntimeError("a fault")

try:
    answer([(b"authorization", b"Bearer very-secret")])
except RuntimeError:
    structlog.get_logger("server").exception("it failed", job_id="0123")
"""


@pytest.mark.parametrize("kind", ["json", "lines"])
def test_a_traceback_shows_no_variables(kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", FAULT, kind], capture_output=True, text=True, timeout=120, check=True)
    assert "a fault" in done.stderr and "in answer" in done.stderr.replace('"name": "answer"', "in answer")
    assert "0123" in done.stderr and "very-secret" not in done.stderr and done.stdout == ""
    if kind == "json":
        (line,) = done.stderr.splitlines()
        assert json.loads(line)["event"] == "it failed"
