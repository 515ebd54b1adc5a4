"""What went wrong in one of Blender's operators, which tell of it by a RuntimeError that holds a whole traceback."""

from __future__ import annotations

import errno


def plain(error: RuntimeError) -> str:
    """Its one telling line. Raises OSError when that says that the disk is full."""
    text = str(error)
    if f"[Errno {errno.ENOSPC}]" in text:
        raise OSError(errno.ENOSPC, text) from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Location:")]
    return lines[-1].removeprefix("Error: ") if lines else "it gave no reason."
