"""What the world holds: one file for each kind of object, one function `make` in it."""

from __future__ import annotations

from collections.abc import Callable

from training.world.dice import Dice
from training.world.kinds import apple, boat, car, chair, donut, fish, flower, lamp, mug, mushroom, rocket, table, vase
from training.world.thing import Thing

KINDS: dict[str, Callable[[Dice], Thing]] = {
    "apple": apple.make,
    "boat": boat.make,
    "car": car.make,
    "chair": chair.make,
    "donut": donut.make,
    "fish": fish.make,
    "flower": flower.make,
    "lamp": lamp.make,
    "mug": mug.make,
    "mushroom": mushroom.make,
    "rocket": rocket.make,
    "table": table.make,
    "vase": vase.make,
}
