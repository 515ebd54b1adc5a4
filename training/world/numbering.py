"""What an object's number says: its kind, its dice, and whether it is held out from training.

Everything about an object follows from its number alone, so that shards can be made in any order and made again.
"""

from __future__ import annotations

from collections.abc import Sequence

from training.world.dice import Dice

OBJECTS_OF_A_SEED = 100_000
OTHER_MATERIALS = 0.35  # of the objects wear another material in every view: "a marble chair", "a knitted car"
SKETCH_EVERY = 8  # a sketch takes as long as two views
HELD_OUT_EVERY = 25  # such objects are never trained on
STREAMS = 1000  # dice of one object: 1.. for its views, the last three for how it is distilled, its other materials
# and its sketch


def object_number(seed: int, index: int) -> int:
    """Raises ValueError for an index that would run into the next seed's numbers."""
    if not 0 <= index < OBJECTS_OF_A_SEED:
        raise ValueError(f"object {index} of a seed: 0 to {OBJECTS_OF_A_SEED - 1} wanted; take a further seed for more")
    return seed * OBJECTS_OF_A_SEED + index


def held_out(number: int) -> bool:
    return number % HELD_OUT_EVERY == 0


def has_sketch(number: int) -> bool:
    """Held-out objects and one in eight of the others are drawn as well."""
    return held_out(number) or number % SKETCH_EVERY == 0


def kind_of(number: int, kinds: Sequence[str]) -> str:
    """The kinds in turn, held-out objects in a turn of their own: both hold every kind equally often, whatever
    divisors the count of kinds shares with HELD_OUT_EVERY."""
    rounds, rest = divmod(number % OBJECTS_OF_A_SEED, HELD_OUT_EVERY)
    turn = rounds if rest == 0 else number % OBJECTS_OF_A_SEED - rounds - 1
    return kinds[turn % len(kinds)]


def object_dice(number: int) -> Dice:
    return Dice(number)


def view_dice(number: int, view: int) -> Dice:
    """Dice of one view; they do not depend on how often the object threw its own."""
    return Dice(number * STREAMS + 1 + view)


def sketch_dice(number: int) -> Dice:
    return Dice(number * STREAMS + STREAMS - 1)


def recipe_dice(number: int) -> Dice:
    return Dice(number * STREAMS + STREAMS - 3)


def dressing_dice(number: int) -> Dice:
    return Dice(number * STREAMS + STREAMS - 2)


def is_dressed(number: int) -> bool:
    """Whether the object wears another material in every view; the first throw of its `dressing_dice`."""
    return dressing_dice(number).chance(OTHER_MATERIALS)
