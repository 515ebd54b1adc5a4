"""Set before any library starts its threads: on shared cores two numerical threads stall each other."""

import os

for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
