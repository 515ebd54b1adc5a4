"""What the world holds: one file for each kind of object, one function `make` in it."""

from __future__ import annotations

from collections.abc import Callable

from training.world.dice import Dice
from training.world.kinds import apple, boat, car, donut, fish, flower, mug, mushroom, rocket, vase
from training.world.thing import Thing

KINDS: dict[str, Callable[[Dice], Thing]] = {
    "apple": apple.make,
    "boat": boat.make,
    "car": car.make,
    "donut": donut.make,
    "fish": fish.make,
    "flower": flower.make,
    "mug": mug.make,
    "mushroom": mushroom.make,
    "rocket": rocket.make,
    "vase": vase.make,
}
