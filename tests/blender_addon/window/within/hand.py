"""A hand and an eye in Blender's window: moves the mouse, presses keys, and finds buttons by what lies under the
mouse, which Blender itself tells.

What takes time is a generator that yields the seconds to wait; main.py drives it from a timer. So the window lives on
between two steps, as it does under a real hand.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

Wait = Generator[float, None, None]
BLINK = 0.02  # seconds in which Blender takes an event in
BREATH = 0.3  # seconds in which it draws anew
ROW = 0.4  # of a button's height: between two rows of the search
COLUMNS = (0.5, 0.25, 0.75, 0.9, 0.1, 0.96)  # of the region's width, where the search looks in each row


@dataclass(frozen=True)
class Spot:
    """A place in the window, in pixels from its lower left corner."""

    x: int
    y: int


@dataclass(frozen=True)
class Button:
    """What lies under the mouse. `command`: "bpy.ops.realify.cancel(key='…')", or empty; `name`: of a property."""

    spot: Spot
    command: str
    name: str
    owner: Any


class Hand:
    """One window's mouse and keyboard."""

    def __init__(self, framebuffer: Path, shots: Path) -> None:
        self._framebuffer, self._shots = framebuffer, shots
        self._at = Spot(0, 0)

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    def area(self, kind: str = "VIEW_3D") -> bpy.types.Area:
        """The largest one of this kind, or of all kinds: ""."""
        areas = [area for area in self.window.screen.areas if area.type == kind or not kind]
        return max(areas, key=lambda area: area.width * area.height)

    def region(self, kind: str) -> bpy.types.Region:
        """Of the 3D View."""
        return next(region for region in self.area().regions if region.type == kind)

    def sidebar(self) -> bpy.types.Region:
        return self.region("UI")

    def in_view(self, kind: str = "WINDOW") -> AbstractContextManager[object]:
        """A context as it is when the mouse is over a region of the 3D View."""
        return bpy.context.temp_override(
            window=self.window, screen=self.window.screen, area=self.area(), region=self.region(kind)
        )

    # The mouse and the keys

    def move(self, to: Spot) -> Wait:
        self._at = to
        self.window.event_simulate("MOUSEMOVE", "NOTHING", x=to.x, y=to.y)
        yield BLINK

    def press(self, key: str, letter: str = "", **held: bool) -> Wait:
        """A key or a mouse button, down and up; `held`: ctrl=True, …; `letter`: what the key writes."""
        at = {"x": self._at.x, "y": self._at.y}
        self.window.event_simulate(key, "PRESS", **({"unicode": letter} if letter else {}), **held, **at)
        yield BLINK
        self.window.event_simulate(key, "RELEASE", **held, **at)
        yield BLINK

    def click(self, at: Spot) -> Wait:
        yield from self.move(at)
        yield from self.move(at)  # the first one only leaves what was under it before
        yield from self.press("LEFTMOUSE")
        yield BREATH

    def write(self, field: Button, text: str) -> Wait:
        """Into a text field: opens it by a click, replaces what is in it, and ends it with Return."""
        yield from self.click(field.spot)
        yield from self.press("A", ctrl=True)
        for letter in text:
            yield from self.press("A", letter)
        yield from self.press("RET")
        yield BREATH

    # The eye

    def under(self) -> Button:
        """What Blender says lies under the mouse in the sidebar."""
        with self.in_view("UI"):
            command = ""
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.context.window_manager.clipboard = ""
                bpy.ops.ui.copy_python_command_button()
                command = bpy.context.window_manager.clipboard
            found = bpy.context.property
        owner, name = found[:2] if found else (None, "")
        return Button(self._at, command, name.rpartition(".")[2], owner)

    def spots(self) -> Iterator[Spot]:
        """All over the sidebar, from the top, row by row."""
        sidebar = self.sidebar()
        step = max(2, round(20 * bpy.context.preferences.system.ui_scale * ROW))
        width = sidebar.width - 20 * bpy.context.preferences.system.ui_scale  # its tabs are at its right
        for y in range(sidebar.y + sidebar.height - step, sidebar.y, -step):
            for part in COLUMNS:
                yield Spot(round(sidebar.x + width * part), y)

    def find(self, wanted: Callable[[Button], bool], what: str) -> Generator[float, None, Button]:
        """The button that is `wanted`. Raises AssertionError when the sidebar has none."""
        seen: dict[str, None] = {}
        for spot in self.spots():
            yield from self.move(spot)
            button = self.under()
            if wanted(button):
                yield from self.move(Spot(spot.x, spot.y - 2))  # a little into it
                return button
            seen[button.command or button.name] = None
        self.shoot("not-found")
        raise AssertionError(f"the sidebar has no {what}; it has {', '.join(filter(None, seen))}")

    def find_command(self, operator: str) -> Generator[float, None, Button]:
        """The button of an operator, such as "realify.run"."""
        found = yield from self.find(lambda button: button.command.startswith(f"bpy.ops.{operator}("), operator)
        return found

    def find_field(self, name: str) -> Generator[float, None, Button]:
        """The field of a property, such as "prompt"."""
        found = yield from self.find(lambda button: button.name == name, f"field {name}")
        return found

    def push(self, operator: str) -> Wait:
        """Finds an operator's button and clicks on it."""
        button = yield from self.find_command(operator)
        yield from self.click(button.spot)

    def open_tab(self, name: str) -> Wait:
        """Opens the sidebar, if need be, and the tab `name` in it."""
        if not self.area().spaces.active.show_region_ui:
            yield from self.rest()
            yield from self.press("N")
            yield 1.0
        sidebar = self.sidebar()
        for y in range(sidebar.y + sidebar.height - 10, sidebar.y, -30):
            if sidebar.active_panel_category == name:
                return
            yield from self.click(Spot(sidebar.x + sidebar.width - 8, y))
            sidebar = self.sidebar()
        assert sidebar.active_panel_category == name, f"the sidebar has no tab {name}"

    def rest(self) -> Wait:
        """Takes the mouse away from all buttons, to the lower edge of the 3D View, and lets Blender draw."""
        area = self.area("")
        yield from self.move(Spot(area.x + area.width // 3, area.y + 60))
        yield 1.0

    def shoot(self, name: str) -> None:
        """Keeps what the X server shows now, as it is; screen.py makes a picture of it."""
        shutil.copyfile(self._framebuffer, self._shots / f"{name}.xwd")


def until(over: Callable[[], Any], what: str, seconds: float = 60.0) -> Wait:
    """Waits for something. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not over():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s there was still no {what}")
        yield 0.05
