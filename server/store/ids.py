"""Names for jobs and batches: 26 letters of [0-9a-z] that sort by the time at which they were made (ULIDs)."""

from __future__ import annotations

import secrets
import threading
import time

LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's 32, without i, l, o and u
RANDOM_BITS = 80

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """48 bits of milliseconds, 80 random ones; always greater than the process's last, whatever the clock does."""
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << RANDOM_BITS | secrets.randbits(RANDOM_BITS)
        _last = fresh if fresh > _last else _last + 1 + secrets.randbits(32)
        value = _last
    return "".join(LETTERS[value >> shift & 31] for shift in range(125, -1, -5))
