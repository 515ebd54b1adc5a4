"""The side of Blender's own process: reads the request, calls the script's function, writes its answer.

A script of this folder ends with `if __name__ == "__main__": serve(its_function)`, and uses relative imports.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..trouble import Trouble


def serve(function: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """`function` takes the request and gives its answer, both of JSON's types, or raises Trouble, which is the answer
    then. Anything else that it raises ends the process with its traceback: blender.py shows the last line of that."""
    asked = json.loads(Path(sys.argv[sys.argv.index("--") + 2]).read_text(encoding="utf-8"))
    try:
        answer = function(asked["request"])
    except Trouble as trouble:
        answer = {"trouble": trouble.as_dict()}
    except MemoryError:
        fix = "Close other programs, or let Decimate make the sketch smaller before it is sent."
        answer = {"trouble": Trouble("memory", "There is not enough memory for this.", fix).as_dict()}
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        full = Trouble("disk_full", "The disk of Realify's own folder is full.", "Make room on it, and try again.")
        answer = {"trouble": full.as_dict()}
    _write(Path(asked["answer"]), answer)


def _write(path: Path, answer: dict[str, Any]) -> None:
    """Wholly or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(answer), encoding="utf-8")
    os.replace(part, path)
