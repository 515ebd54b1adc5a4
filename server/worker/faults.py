"""What an exception in a worker means: the job's own fault, which would come again, or the worker's."""

from __future__ import annotations

import errno
import re

from realify.job.errors import is_own, message_and_fix
from server.problem import ProblemDict
from server.worker.protocol import Ending

# By name: torch is not imported to find out that it was not torch.
_MEMORY_CLASSES = {"OutOfMemoryError"}
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")
_DEVICE_CLASSES = {"AcceleratorError"}
_DEVICE_WORDS = ("CUDA error", "cuDNN error", "CUDNN_STATUS", "CUBLAS_STATUS", "CUSOLVER_STATUS", "cuda runtime error")


def explain(error: BaseException) -> tuple[Ending, ProblemDict]:
    """`failed` for the job's own fault; `lost` where this process or its GPU is not to be trusted any more."""
    classes = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if is_own(error):
        message, fix = message_and_fix(error)
        return "failed", {"code": _code(error), "message": message, "fix": fix}
    words = text if isinstance(error, RuntimeError) else ""
    if isinstance(error, MemoryError) or classes & _MEMORY_CLASSES or any(word in words for word in _MEMORY_WORDS):
        return "lost", {
            "code": "out_of_memory",
            "message": f"The job ran out of memory: {_first_line(error)}",
            "fix": "Lower render.views, render.resolution or fit.grid, or take a smaller prior.",
        }
    if classes & _DEVICE_CLASSES or any(word in words for word in _DEVICE_WORDS):
        return "lost", {
            "code": "device_error",
            "message": f"The GPU failed: {_first_line(error)}",
            "fix": "The worker was started afresh. If it comes again, look at the driver's log (dmesg, nvidia-smi).",
        }
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "failed", {
            "code": "disk_full",
            "message": "The disk filled up while the job ran.",
            "fix": "Delete jobs or free the disk, then retry the job.",
        }
    return "failed", {
        "code": "internal",
        "message": f"The program failed: {type(error).__name__}: {_first_line(error)}",
        "fix": "This is a fault of the program; the job's log.txt holds the traceback that a report needs.",
    }


def _code(error: BaseException) -> str:
    """The error's own code, or its class in snake case."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
