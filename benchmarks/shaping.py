"""Which files of the product decide a figure: benchmarks keep what they made under a digest of these.

A file counts unless it is known to shape no result, so that a new one, in whatever sub-folder, counts by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("distill", "sdf_fit", "realify")
NOT_SHAPING = (
    # how a prior's files are found and fetched (the files count for themselves), and a page of the docs
    "distill/hub/*.py", "distill/rules_page.py",
    # commands, the 2D tasks, what a job tells and leaves behind, its pictures; settings count by their values
    "realify/__main__.py", "realify/commands/*.py", "realify/images/*.py", "realify/job/*.py", "realify/setting*.py",
    "realify/result/contact_sheet.py", "realify/result/render_views.py", "realify/result/turntable.py",
)  # fmt: skip


def shaping(*rooms: str) -> list[Path]:
    """The files that decide what is made by these packages, sub-folders included; by all of the product if none is
    named."""
    files = {path for room in rooms or ROOMS for path in (ROOT / room).rglob("*.py")}
    return sorted(files - {path for pattern in NOT_SHAPING for path in ROOT.glob(pattern)})


def digest_of(files: Iterable[Path]) -> bytes:
    """Of what the files hold, whatever their order."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).digest()
