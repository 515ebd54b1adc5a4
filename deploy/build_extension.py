"""Builds and checks the Blender extension's zip by Blender's own extension command: `make extension`.

    PYTHON deploy/build_extension.py [FOLDER]      PYTHON has bpy, else a `blender` is on PATH
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from shutil import which

SOURCE = Path(__file__).parents[1] / "blender_addon"


def extension_command() -> list[str]:
    """What `blender --command extension` runs; bpy as a module has the same program without a `blender`."""
    if found := find_spec("bpy"):
        assert found.origin is not None
        (program,) = Path(found.origin).parent.glob("**/addons_core/bl_pkg/cli/blender_ext.py")
        return [sys.executable, str(program)]
    if blender := which("blender"):
        return [blender, "--command", "extension"]
    sys.exit("There is no Blender: run this by a Python with bpy (make setup), or put blender on PATH.")


def build(folder: Path) -> Path:
    """Writes realify-VERSION.zip into `folder`; Blender says what is wrong, and so does the exit code."""
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))
    target = folder / f"realify-{manifest['version']}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    command = extension_command()
    subprocess.run([*command, "validate", str(SOURCE)], check=True)
    subprocess.run([*command, "build", "--source-dir", str(SOURCE), "--output-filepath", str(target)], check=True)
    subprocess.run([*command, "validate", str(target)], check=True)
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
