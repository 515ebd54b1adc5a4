"""A place in an object's space to build in: a tilted mushroom cap, the head of a flower on its leaning stem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.world.materials import Material
from training.world.model import Model
from training.world.parts import Part


@dataclass(frozen=True)
class Frame:
    """x in the object = turn @ x in the frame + origin."""

    turn: np.ndarray  # [3, 3]
    origin: np.ndarray  # [3]

    @classmethod
    def at(cls, origin: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 0.0), turn: np.ndarray | None = None):
        return cls(np.eye(3) if turn is None else np.asarray(turn, float), np.asarray(origin, float))

    def inner(self, move: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 0.0), turn: np.ndarray | None = None):
        """A frame within this one; `move` is in this frame's coordinates."""
        turned = self.turn if turn is None else self.turn @ turn
        return Frame(turned, self.origin + self.turn @ np.asarray(move, float))

    def add(
        self,
        model: Model,
        part: Part,
        material: Material,
        move: tuple[float, float, float] | np.ndarray = (0.0, 0.0, 0.0),
        rotate: np.ndarray | None = None,
        scale: float | tuple[float, float, float] | np.ndarray | None = None,
        smooth: bool = True,
    ) -> None:
        """Put a part into the model as `Model.add` does, but in this frame's coordinates."""
        place = self.inner(move, rotate)
        size = None if scale is None else np.broadcast_to(np.asarray(scale, float), (3,))
        model.add(part, material, smooth=smooth, rotate=place.turn, move=place.origin, scale=size)
