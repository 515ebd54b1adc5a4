"""What the world holds: one file for each kind of object, one function `make` in it."""

from __future__ import annotations

from collections.abc import Callable

from training.world.dice import Dice
from training.world.kinds import apple, donut, fish, mug, rocket, vase
from training.world.thing import Thing

KINDS: dict[str, Callable[[Dice], Thing]] = {
    "apple": apple.make,
    "donut": donut.make,
    "fish": fish.make,
    "mug": mug.make,
    "rocket": rocket.make,
    "vase": vase.make,
}
