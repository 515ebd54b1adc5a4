"""What the world holds: one file for each kind of object, one function `make` in it."""

from __future__ import annotations

from collections.abc import Callable

from training.world.dice import Dice
from training.world.thing import Thing

KINDS: dict[str, Callable[[Dice], Thing]] = {
}
