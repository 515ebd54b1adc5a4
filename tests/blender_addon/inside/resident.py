"""One Blender that runs the extension's background scripts one after the other, for tests that ask dozens of times.

The extension itself starts one for each request, which takes most of a second; test_background.py, a test of each
script, and all tests of whole jobs do that. What a script does is the same here: each begins with an empty file.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
import types
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "realify_extension"  # as background/child.py has it


class Resident:
    """The side of the tests. The process ends when this one does, by the end of its standard input."""

    def __init__(self, blender: types.ModuleType) -> None:
        self._answer = blender._answer
        folder = Path(os.environ["BLENDER_USER_RESOURCES"]).with_name("resident")  # beside ours, and removed with it
        folder.mkdir()
        self._log = folder / "log.txt"
        command = [*blender.this_program().command, __file__, str(Path(blender.__file__).parents[1])]
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder)}
        with self._log.open("wb") as words:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, env=environment, text=True
            )

    def run(self, script: Path, request: dict[str, Any], folder: Path) -> dict[str, Any]:
        """As background.blender.run, with the same files in `folder`. Raises the script's Trouble."""
        asked, answered = folder / f"{script.stem}.request.json", folder / f"{script.stem}.answer.json"
        answered.unlink(missing_ok=True)
        asked.write_text(json.dumps({"request": request, "answer": str(answered)}), encoding="utf-8")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([script.stem, str(asked)]) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        assert said == "done\n", self._log.read_text(encoding="utf-8", errors="replace")[-8000:]
        return self._answer(answered, self._log, script, 0)


@cache
def resident(blender: types.ModuleType) -> Resident:
    """The one of this session; `blender` is the extension's module background.blender."""
    return Resident(blender)


def main(extension: Path) -> None:
    """The side of the Blender: for each line of standard input a script and its request, and a word when it is done."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Blender prints goes to the log
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(extension)]
    sys.modules[PACKAGE] = package
    for line in sys.stdin:
        script, asked = json.loads(line)
        sys.argv[1:] = ["--", script, asked]
        try:
            runpy.run_module(f"{PACKAGE}.background.{script}", run_name="__main__")
            word = "done"
        except Exception:
            traceback.print_exc()
            word = "failed"
        told.write(word + "\n")
        told.flush()
    os._exit(0)  # Blender 4.2 as a module crashes at its end after an export


if __name__ == "__main__":
    main(Path(sys.argv[1]))
