"""Where the cameras stand: on a sphere around the object, now and then overhead or close.

Objects have bounding radius 1 and stand on z = 0 (Blender's Z up, front towards -Y); distances are in radii.
Azimuth 0 looks at the front and grows towards +X, as everywhere in the project; angles in degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from training.world.dice import Dice

FOVY = 38.0
CLOSE_UP_SHARE = 0.25
OVERHEAD_SHARE = 0.12


@dataclass(frozen=True)
class View:
    """One camera; `target` [3] is the point it looks at, Z up."""

    word: str
    azimuth: float
    elevation: float
    distance: float
    target: tuple[float, float, float]

    def place(self) -> np.ndarray:
        """The camera's position [3], Z up."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        away = (
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        )
        return np.asarray(self.target) + self.distance * np.asarray(away)

    def target_y_up(self) -> tuple[float, float, float]:
        x, y, z = self.target
        return x, z, -y


def draw_view(dice: Dice, vertices: np.ndarray, grounded: bool) -> View:
    """A random view of an object with vertices [V, 3]; over a ground the camera stays above it.

    Without one the object is whole in every picture but the close-ups, to be shifted and scaled later.
    """
    # a third of the views look at the front, where most kinds show what they are
    azimuth = dice.uniform(-180, 180) if dice.chance(0.7) else float(dice.normal(28.0))
    middle = np.array([0.0, 0.0, float(vertices[:, 2].max()) / 2])
    if dice.chance(CLOSE_UP_SHARE):
        # towards the surface, drawn inwards so that the rim does not fill half of the picture with nothing
        aim = middle + 0.6 * (vertices[dice.integer(0, len(vertices) - 1)] - middle)
        return _view(azimuth, dice.uniform(5 if grounded else -10, 50), dice.uniform(1.4, 2.3), aim, close_up=True)
    aim = middle + dice.normal(0.05, 3)
    distance = 3.0 * (dice.uniform(0.84, 1.28) if grounded else dice.uniform(1.02, 1.28))
    if dice.chance(OVERHEAD_SHARE):
        return _view(azimuth, dice.uniform(62, 85), distance, aim)
    return _view(azimuth, dice.uniform(4 if grounded else -10, 50), distance, aim)


def view_word(azimuth: float, elevation: float, close_up: bool = False) -> str:
    """What a caption calls the view."""
    if close_up:
        return "close-up"
    if elevation > 55:
        return "overhead view"
    turned = abs((azimuth + 180) % 360 - 180)
    return "front view" if turned < 45 else "side view" if turned < 135 else "back view"


def _view(azimuth: float, elevation: float, distance: float, aim: np.ndarray, close_up: bool = False) -> View:
    azimuth = (azimuth + 180) % 360 - 180
    x, y, z = (float(value) for value in aim)
    return View(view_word(azimuth, elevation, close_up), azimuth, elevation, distance, (x, y, z))
