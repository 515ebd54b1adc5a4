"""The results as one page."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping

from benchmarks.__main__ import processor
from benchmarks.server.part import Part, Result
from benchmarks.yardstick import markdown

HEAD = """# Figures of the server

Written by `make bench-server` (`python -m benchmarks.server`): real servers as processes of their own, spoken to over
loopback; nothing is simulated but, where it says so, the pipeline: a rehearsal
(`tests/server/fake_pipeline.py`) runs in real workers and writes real checkpoints and results, in milliseconds."""


def page(parts: Mapping[str, Part], results: Mapping[str, Result], trial: bool) -> str:
    """The whole page; parts without a result are named as such."""
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [HEAD, "", f"Machine: {machine}."]
    if trial:
        lines += ["", "**A trial: a few of each. These are no figures.**"]
    if missing := [name for name in parts if name not in results]:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    lines += ["", _claims(parts, results)]
    for name, result in results.items():
        part = parts[name]
        made = f"Measured on {result['day']} at {result['state']}, in {result['seconds']:.0f} s (`--only {name}`)."
        lines += ["", f"## {part.title}", "", part.section(result["found"]), "", made]
    return "\n".join([*lines, ""])


def _claims(parts: Mapping[str, Part], results: Mapping[str, Result]) -> str:
    rows = [
        [claim.what, claim.wanted, claim.measured, "yes" if claim.kept else "**no**"]
        for name, result in results.items()
        for claim in parts[name].claims(result["found"])
    ]
    return markdown(["what", "wanted", "measured", "kept"], rows)
