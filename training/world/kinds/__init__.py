"""What the world holds: one file for each kind of object, one function `make` in it."""

from __future__ import annotations

from collections.abc import Callable

from training.world.dice import Dice
from training.world.kinds import (
    apple,
    bird,
    boat,
    cactus,
    cake,
    car,
    chair,
    donut,
    fish,
    flower,
    guitar,
    hat,
    house,
    lamp,
    lighthouse,
    mug,
    mushroom,
    pumpkin,
    rocket,
    table,
    teapot,
    tree,
    vase,
)
from training.world.thing import Thing

KINDS: dict[str, Callable[[Dice], Thing]] = {
    "apple": apple.make,
    "bird": bird.make,
    "boat": boat.make,
    "cactus": cactus.make,
    "cake": cake.make,
    "car": car.make,
    "chair": chair.make,
    "donut": donut.make,
    "fish": fish.make,
    "flower": flower.make,
    "guitar": guitar.make,
    "hat": hat.make,
    "house": house.make,
    "lamp": lamp.make,
    "lighthouse": lighthouse.make,
    "mug": mug.make,
    "mushroom": mushroom.make,
    "pumpkin": pumpkin.make,
    "rocket": rocket.make,
    "table": table.make,
    "teapot": teapot.make,
    "tree": tree.make,
    "vase": vase.make,
}
