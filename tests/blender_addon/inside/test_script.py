"""The script in docs/blender.md does what the page says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

from tests.blender_addon.inside import sketches
from tests.blender_addon.inside.conftest import ROOT, Server


def test_the_script_of_the_docs(server: Server, use: Any, runtime: ModuleType, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "blender.md").read_text(encoding="utf-8")
    block = re.search(r"((?:^    .*\n|^\n)*?^    import bpy\n(?:^    .*\n|^\n)*)", page, re.M)
    assert block is not None
    use(server)
    collection = bpy.data.collections.new("Sketches")
    bpy.context.scene.collection.children.link(collection)
    for name in ("a chair steps=8", "a cup steps=8"):
        collection.objects.link(sketches.wedge(name))
    path = str(tmp_path / "sketches.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    exec(compile(textwrap.dedent(block[1]), "docs/blender.md", "exec"), {})
    bpy.ops.wm.open_mainfile(filepath=path)
    made = bpy.data.collections["Sketches"].objects
    assert len(made) == 2 and all(each.realify.result is not None for each in made)
    assert [job.prompt for job in runtime.state.jobs.values()] == [each.name for each in made]
