"""Runs in Blender, as `blender --enable-event-simulate --python main.py -- REQUEST.json`: tells a story, step by step
from a timer, and writes how it went. run.py starts it.

The request: {"story", "root", "framebuffer", "shots", "answer", "server": {"url", "token", "pid"} or none}
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))

from hand import Hand, Wait
from stopwatch import Stopwatch

PACKAGE = "bl_ext.user_default.realify"
SCALE = 1.25  # of the interface, so that pictures of it can be read


@dataclass
class Stage:
    """What a story is told with. `told` are its findings, for the report."""

    request: dict[str, Any]
    hand: Hand
    watch: Stopwatch
    told: dict[str, Any] = field(default_factory=dict)

    def module(self, name: str) -> ModuleType:
        """A module of the installed extension."""
        return importlib.import_module(f"{PACKAGE}.{name}")

    @property
    def state(self) -> Any:
        return self.module("runtime").state

    @property
    def preferences(self) -> Any:
        return bpy.context.preferences.addons[PACKAGE].preferences

    @property
    def root(self) -> Path:
        """The checkout."""
        return Path(self.request["root"])

    def glimpse(self, name: str) -> Wait:
        """The whole window, to be looked at by whoever ran this."""
        yield from self.hand.rest()
        self.hand.shoot(name)

    def picture(self, name: str, of: str = "VIEW_3D") -> Wait:
        """For the docs, of the largest area of this kind, or of "SIDEBAR", as docs/images/blender-NAME.png."""
        yield from self.glimpse(name)
        box = self.hand.sidebar() if of == "SIDEBAR" else self.hand.area(of)
        height = self.hand.window.height
        crop = [box.x, height - box.y - box.height, box.x + box.width, height - box.y]
        self.told.setdefault("pictures", {})[name] = {"crop": crop, "trim": of != "VIEW_3D"}


def whole(stage: Stage) -> Wait:
    """A quiet Blender first, then the story."""
    bpy.context.preferences.view.ui_scale = SCALE
    bpy.context.preferences.system.use_region_overlap = False  # the sidebar hides nothing of the sketch
    yield 2.0
    story = importlib.import_module(stage.request["story"])
    yield from story.tell(stage)


def drive(stage: Stage, steps: Generator[float, None, None]) -> None:
    """Takes a step at each call of a timer, and ends Blender after the last one."""

    def step() -> float | None:
        problem = None
        try:
            return next(steps)
        except StopIteration:
            pass
        except BaseException:  # whatever it is, Blender has to end and the report has to tell it
            problem = traceback.format_exc()
            stage.hand.shoot("problem")
        spans = [span.as_dict() for span in stage.watch.spans]
        answer = {"problem": problem, "told": stage.told, "spans": spans, "blender": bpy.app.version_string}
        Path(stage.request["answer"]).write_text(json.dumps(answer), encoding="utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(step, first_interval=0.5, persistent=True)


def main() -> None:
    """Reads the request."""
    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.use_preferences_save = False
    bpy.context.preferences.filepaths.use_auto_save_temporary_files = False  # takes long, every other minute
    request = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
    hand = Hand(Path(request["framebuffer"]), Path(request["shots"]))
    stage = Stage(request, hand, Stopwatch())
    drive(stage, whole(stage))


main()
