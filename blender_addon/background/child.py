"""The first thing that Blender's own process runs: `child.py -- SCRIPT REQUEST` runs SCRIPT of this folder.

SCRIPT is run as a module of a package made of the extension's folder, so that its relative imports hold; the
extension's own `__init__.py`, which wants a window's Blender, is left out.
"""

import os
import runpy
import sys
import threading
import types
from pathlib import Path

PACKAGE = "realify_extension"


def end_with_parent() -> None:
    """Ends this process when its standard input does: the Blender that started it is gone, and nobody waits."""
    try:
        while os.read(0, 1024):
            pass
    except OSError:  # it has no standard input: nothing to be told by
        return
    os._exit(1)


def main() -> None:
    """SCRIPT's `if __name__ == "__main__"` does the rest, see request.py."""
    script = Path(sys.argv[sys.argv.index("--") + 1])
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(script.parents[1])]
    sys.modules[PACKAGE] = package
    threading.Thread(target=end_with_parent, daemon=True).start()
    runpy.run_module(f"{PACKAGE}.{script.parent.name}.{script.stem}", run_name="__main__")


if __name__ == "__main__":
    main()
